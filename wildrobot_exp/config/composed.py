"""All jobs of a command line, and the checks across them."""

import dataclasses
import os

from wildrobot_exp.config.devices import probe_devices
from wildrobot_exp.config.identity import config_hash
from wildrobot_exp.config.launcher import CLUSTERS
from wildrobot_exp.config.schema import Config
from wildrobot_exp.config.sweep_jobs import Search
from wildrobot_exp.errors import UserError


@dataclasses.dataclass(frozen=True)
class Cell:
  """One job: what was typed for it, its checked config, the folder it will write to, and its number in a sweep."""

  overrides: list[str]
  config: Config
  folder: str
  number: int = 0

  def __str__(self) -> str:
    return f"{self.number} ({' '.join(self.overrides)})"


@dataclasses.dataclass(frozen=True)
class Composed:
  """All jobs of a command line.

  Attributes:
    multirun: whether it is a sweep.
    cells: the jobs; of a search, its corners.
    folder: the run folder, or the folder of the whole sweep.
    launcher: the chosen option of hydra/launcher.
    search: the settings and the space of a search; None: not one.
    timed: the run folder is named after the time, and nobody minds another name.
  """

  multirun: bool
  cells: list[Cell]
  folder: str
  launcher: str
  search: Search | None = None
  timed: bool = False

  def in_folder(self, folder: str) -> "Composed":
    """The same plain run in another folder."""
    return dataclasses.replace(self, folder=folder, cells=[dataclasses.replace(self.cells[0], folder=folder)])


def check_distinct(composed: Composed) -> None:
  """Refuse a sweep that runs an experiment twice, or lets two jobs write into one folder.

  Raises:
    UserError: names both jobs.
  """
  folders = {os.path.abspath(cell.folder) for cell in composed.cells}
  parents = {os.path.dirname(folder) for folder in folders}
  if len(folders) < len(composed.cells) or parents != {os.path.abspath(composed.folder)}:
    raise UserError("hydra.sweep.subdir has to name another folder for each job, directly in the sweep folder")
  if composed.search is not None:  # corners may fall together
    return
  known: dict[str, Cell] = {}
  for cell in composed.cells:
    first = known.setdefault(config_hash(cell.config), cell)
    if first is not cell:
      raise UserError(f"jobs {first} and {cell} are the same experiment: leave one of them out")


def check_platforms(composed: Composed) -> None:
  """Refuse hardware that is not here, and jobs of one process that need different kinds of it.

  Raises:
    UserError: says which, and what to type.
  """
  platforms = sorted({cell.config.hardware.platform for cell in composed.cells})
  if len(platforms) > 1 and composed.launcher == "basic":
    raise UserError(
      f"a sweep over hardware on {' and '.join(platforms)}: its jobs share one process and JAX keeps the"
      " platform of the first; use hydra/launcher=processes"
    )
  hardware = {(cell.config.hardware.platform, cell.config.hardware.name): cell for cell in composed.cells[::-1]}
  for cell in hardware.values() if composed.launcher not in CLUSTERS else ():
    try:
      probe_devices(cell.config)
    except UserError as error:
      raise UserError(f"job {cell}: {error}") if len(composed.cells) > 1 else error from None
