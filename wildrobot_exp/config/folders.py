"""Can the run folder be written? Answered before the run, leaving nothing behind."""

import pathlib
import tempfile

from wildrobot_exp.errors import UserError


def check_folder(folder: str, multirun: bool, resumed: bool = False) -> None:
  """Refuse a folder that cannot be written or already holds a run.

  Args:
    folder: the run folder, or the sweep folder.
    multirun: which of the two.
    resumed: the run that is there goes on.

  Raises:
    UserError: says why, and which key chooses another folder.
  """
  path = pathlib.Path(folder).absolute()
  key = "hydra.sweep.dir" if multirun else "hydra.run.dir"
  try:
    if not resumed and (path / ("multirun.yaml" if multirun else ".hydra")).exists():
      kind = "sweep" if multirun else "run"
      raise UserError(f"{folder} already holds a {kind}: choose another folder with {key}=...")
    existing = next(p for p in (path, *path.parents) if p.exists())
    if not existing.is_dir():
      raise UserError(f"cannot write to {folder}: {existing} is a file; choose another folder with {key}=...")
    with tempfile.TemporaryDirectory(prefix=".wildrobot-", dir=existing):
      pass
  except OSError as error:
    reason = error.strerror or error
    raise UserError(f"cannot write to {folder}: {reason}; choose another folder with {key}=...") from error
