"""resume=RUN on the command line: the run's own overrides, plus what may change when it goes on; sweep.resume=SWEEP."""

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from wildrobot_exp.config.folders import read_overrides
from wildrobot_exp.errors import UserError

CONFIG_DIR = ("--config-dir", "-cd")
WITH_VALUE = (*CONFIG_DIR, "--config-path", "-cp", "--config-name", "-cn", "--package", "-p")  # flags of Hydra's
HYDRA = Path(".hydra") / "hydra.yaml"
KEY = "resume"
CLIPS = "motion.path"
SWEEP_KEY = "sweep.resume"
SWEEP_FOLDER = "hydra.sweep.dir"
RUN_FOLDER = "hydra.run.dir"
ALLOW = "resume_allow"
MODEL = "model"  # in resume_allow, beside keys: the robot's file may be another one than when the run was started
CHANGEABLE = ("total_steps", "logger", "checkpoints", "evaluation", "gates", "dry_run")  # everything else stays


def expand_resume(arguments: Sequence[str]) -> list[str]:
  """The arguments that continue a run, where they ask for it; otherwise the arguments unchanged.

  Args:
    arguments: of the command line, flags included.

  Raises:
    UserError: no run there, nothing to resume from, or a changed key that is not allowed by name.
  """
  asked = [argument for argument in arguments if _key(argument) == KEY]
  if not asked:
    return list(arguments)
  name = asked[-1].partition("=")[2].strip("'\"")
  if name == "null" or asked[-1].startswith("~"):
    return list(arguments)
  if not name:
    raise UserError(f"{asked[-1]} names no run folder: {KEY}=<run folder>")
  folder = Path(name)
  searched, others = _config_dir([argument for argument in arguments if _key(argument) != KEY])
  flags = [argument for argument in others if argument.startswith("-")]
  if flags:
    raise UserError(f"resume={folder} continues one run: leave out {' '.join(flags)}")
  own = own_overrides(folder)
  if not searched and (before := recorded_config_dir(folder)):  # not followed unasked: options there may name code
    raise UserError(
      f"resume={folder}: the run was started with --config-dir {before}: give it again, python run.py --config-dir"
      f" {shlex.quote(before)} {shlex.quote(f'{KEY}={folder}')}"
    )
  if not any((folder / "checkpoints").glob("[0-9]*")):
    raise UserError(f"resume={folder}: the run stopped before its first checkpoint; start it again")
  changed = [argument for argument in others if argument not in own]
  allowed = {*CHANGEABLE, ALLOW, *_names(changed)}
  fixed = [_key(line) for line in changed if _key(line) not in allowed and _key(line).split(".")[0] not in allowed]
  if fixed:
    raise UserError(
      f"a resumed run would change {', '.join(fixed)}: start a new run, or allow it by name,"
      f" {ALLOW}=[{','.join(fixed)}]; {', '.join(CHANGEABLE)} may change anyway"
    )
  replaced = {_key(line) for line in changed if "." not in _key(line)}  # a group has room for one option
  own = [line for line in own if _key(line) not in replaced]
  alone = "hydra.mode=RUN"  # an experiment file may have made a sweep of it
  return [*searched, *own, *others, f"{KEY}={quoted(name)}", f"{RUN_FOLDER}={quoted(name)}", alone]


def own_overrides(folder: Path) -> list[str]:
  """What was typed for the run in a folder, without what made it go on. Raises UserError."""
  lines = [line for line in read_overrides(folder) if _key(line) not in (KEY, ALLOW)]
  return [_from_its_folder(line, folder) if _key(line) == CLIPS else line for line in lines]


def absolute_paths(path: str, start: str | None = None) -> str:
  """motion.path with every part absolute, relative ones seen from `start`, or from here."""
  parts = filter(None, path.split(os.pathsep))
  return os.pathsep.join(os.path.abspath(os.path.join(start or os.getcwd(), part)) for part in parts)


def _from_its_folder(line: str, folder: Path) -> str:
  """motion.path as typed for the run in a folder, seen from where that was typed."""
  value = line.partition("=")[2].strip("'\"")
  return line if value in ("", "null") else f"{CLIPS}={quoted(absolute_paths(value, _recorded(folder, 'cwd')))}"


def recorded_config_dir(folder: Path) -> str | None:
  """The --config-dir that the run in a folder was started with, as Hydra wrote it down; None without one."""
  try:
    sources = _recorded(folder, "config_sources") or []
    return next((str(source["path"]) for source in sources if source["provider"] == "command-line"), None)
  except (KeyError, TypeError):
    return None


def _recorded(folder: Path, name: str) -> Any:
  """An entry of hydra.runtime as Hydra wrote it down; None where that is something else."""
  try:
    return yaml.safe_load((folder / HYDRA).read_text())["hydra"]["runtime"][name]
  except (OSError, ValueError, KeyError, TypeError, RecursionError, yaml.YAMLError):
    return None


def _config_dir(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
  """The flag --config-dir with its value, and the other arguments."""
  for i, argument in enumerate(arguments):
    name, equals, _ = argument.partition("=")
    if name in CONFIG_DIR:
      end = i + 1 if equals else i + 2
      return list(arguments[i:end]), [*arguments[:i], *arguments[end:]]
  return [], list(arguments)


def split_sweep_resume(arguments: Sequence[str]) -> tuple[list[str], Path | None]:
  """The arguments of the sweep itself, and the folder that sweep.resume names; None where it names none."""
  asked = [argument.partition("=")[2].strip("'\"") for argument in arguments if _key(argument) == SWEEP_KEY]
  if not asked or asked[-1] in ("", "null"):
    return list(arguments), None
  others = [argument for argument in arguments if _key(argument) != SWEEP_KEY]
  return in_sweep_folder(others, asked[-1]), Path(asked[-1])


def in_sweep_folder(arguments: Sequence[str], folder: str) -> list[str]:
  """The arguments of a sweep that goes to a folder, whatever they said before."""
  return _in_folder(arguments, SWEEP_FOLDER, folder)


def in_run_folder(arguments: Sequence[str], folder: str) -> list[str]:
  """The same of one run."""
  return _in_folder(arguments, RUN_FOLDER, folder)


def _in_folder(arguments: Sequence[str], key: str, folder: str) -> list[str]:
  others = [argument for argument in arguments if _key(argument) != key]
  values = {i + 1 for i, argument in enumerate(others) if argument in WITH_VALUE}
  overrides = [i for i, argument in enumerate(others) if not argument.startswith("-") and i not in values]
  last = overrides[-1] + 1 if overrides else len(others)
  return [*others[:last], f"{key}={quoted(folder)}", *others[last:]]


def quoted(folder: str) -> str:
  """A path as a value that Hydra's grammar reads back as it is."""
  path = re.sub(r"(\\*)('|$)", lambda end: end[1] * 2 + ("\\'" if end[2] else ""), folder)
  return f"'{path}'"


def sweep_arguments(arguments: Sequence[str]) -> list[str]:
  """The arguments of a sweep without the folder it goes to."""
  return [argument for argument in arguments if _key(argument) != SWEEP_FOLDER]


def resume_command(folder: Path) -> str:
  """What to type to go on with the run in `folder`."""
  return f"python run.py {shlex.quote(f'{KEY}={folder}')}"


def _names(arguments: Sequence[str]) -> list[str]:
  """The keys listed after resume_allow=."""
  lists = [argument.partition("=")[2].strip("'\"[] ") for argument in arguments if _key(argument) == ALLOW]
  return [name.strip() for text in lists for name in text.split(",") if name.strip()]


def _key(argument: str) -> str:
  return argument.lstrip("+~").partition("=")[0].partition("@")[0]
