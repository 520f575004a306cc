"""resume=RUN on the command line: the run's own overrides, plus what may change when it goes on."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from wildrobot_exp.config.folders import read_overrides
from wildrobot_exp.errors import UserError

KEY = "resume"
CHANGEABLE = ("total_steps", "logger", "checkpoints", "evaluation", "gates", "dry_run")  # everything else stays


def expand_resume(arguments: Sequence[str]) -> list[str]:
  """The arguments that continue a run, where they ask for it; otherwise the arguments unchanged.

  Args:
    arguments: of the command line, flags included.

  Raises:
    UserError: no run there, nothing to resume from, or a key that a resumed run cannot change.
  """
  asked = [argument for argument in arguments if _key(argument) == KEY]
  if not asked:
    return list(arguments)
  folder = Path(asked[-1].partition("=")[2])
  others = [argument for argument in arguments if _key(argument) != KEY]
  flags = [argument for argument in others if argument.startswith("-")]
  if flags:
    raise UserError(f"resume={folder} continues one run: leave out {' '.join(flags)}")
  own = [line for line in read_overrides(folder) if _key(line) != KEY]
  if not any((folder / "checkpoints").glob("[0-9]*")):
    raise UserError(f"resume={folder}: the run stopped before its first checkpoint; start it again")
  fixed = [argument for argument in others if _key(argument).split(".")[0] not in CHANGEABLE]
  if fixed:
    raise UserError(
      f"a resumed run cannot change {', '.join(_key(argument) for argument in fixed)}: start a new run, or change"
      f" only {', '.join(CHANGEABLE)}"
    )
  return [*own, *others, f"{KEY}='{folder}'", f"hydra.run.dir='{folder}'"]


def resume_command(folder: Path) -> str:
  """What to type to go on with the run in `folder`."""
  return f"python run.py {shlex.quote(f'{KEY}={folder}')}"


def _key(argument: str) -> str:
  return argument.lstrip("+~").partition("=")[0].partition("@")[0]
