"""Run folders: can one be written, and what was typed for the run in it?"""

import contextlib
import pathlib
import re
import tempfile
from collections.abc import Iterator

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from wildrobot_exp.errors import UserError

HYDRA = ".hydra"
OVERRIDES = pathlib.Path(HYDRA) / "overrides.yaml"
RUN_FILES = (HYDRA,)  # what tells that a folder holds a run
SWEEP_FILES = ("multirun.yaml", "manifest.json")
REFUSED = 2  # exit code


def read_overrides(folder: str | pathlib.Path) -> list[str]:
  """What was typed for the run in a folder, as Hydra wrote it down.

  Raises:
    UserError: there is no run in the folder, or what is there is not what Hydra writes for one. Keys of Hydra's own
      section never are: they name code to call, and a run folder is data.
  """
  path = pathlib.Path(folder) / OVERRIDES
  if not path.is_file():
    raise UserError(f"{folder} is not a run folder: {OVERRIDES} is missing")
  try:
    lines = OmegaConf.to_container(OmegaConf.load(path))
  except (OSError, ValueError, OmegaConfBaseException, yaml.YAMLError) as error:
    raise UserError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
  if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
    raise UserError(f"{path} is not a list of overrides")
  for line in lines:
    if line.startswith("-") or line.lstrip("+~").startswith("hydra"):
      raise UserError(f"{path} holds {line!r}, which is no override of a run: it is not followed")
  return lines


def holds_run(folder: pathlib.Path) -> bool:
  """Whether a run has begun in a folder."""
  return (folder / HYDRA).exists()


@contextlib.contextmanager
def unless_refused(folder: pathlib.Path) -> Iterator[None]:
  """What Hydra writes down of a run that goes on is taken back if the run is refused inside."""
  before = {path: path.read_bytes() for path in sorted((folder / HYDRA).glob("*.yaml"))}
  try:
    yield
  except (UserError, SystemExit) as refused:
    if isinstance(refused, UserError) or refused.code == REFUSED:
      for path, content in before.items():
        path.write_bytes(content)
    raise


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
    if not resumed and any((path / name).exists() for name in (SWEEP_FILES if multirun else RUN_FILES)):
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


def sweep_name(folder: pathlib.Path) -> str:
  """What other programs call a sweep: its folder's name, with the day if that is only a time of day."""
  folder = folder.absolute()
  day = folder.parent.name
  return f"{day}_{folder.name}" if re.fullmatch(r"\d{4}-\d\d-\d\d", day) else folder.name
