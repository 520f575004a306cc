"""search.json: what a search varies and optimises, so that only the same search goes on in its folder."""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Sequence

import yaml

from wildrobot_exp.config.composed import Cell
from wildrobot_exp.config.identity import config_hash
from wildrobot_exp.config.search import direction
from wildrobot_exp.config.sweep_jobs import Search
from wildrobot_exp.errors import UserError
from wildrobot_exp.json_files import write_json
from wildrobot_exp.sweeps.manifest import SEARCH

STUDY = "study.db"  # the default storage, in the sweep folder
RESULTS = "optimization_results.yaml"


@dataclasses.dataclass(frozen=True)
class SearchRecord:
  """One search.

  Attributes:
    study_name: in the storage.
    storage: URL; None: STUDY in the sweep folder.
    metric: the number that is optimised.
    direction: maximize or minimize.
    space: every searched key, in words.
    fixed: the overrides that all jobs have.
    config_hash: of the jobs at the corners of the space.
  """

  study_name: str
  storage: str | None
  metric: str
  direction: str
  space: list[str]
  fixed: list[str]
  config_hash: str

  @classmethod
  def of(cls, search: Search, cells: Sequence[Cell], folder: pathlib.Path) -> "SearchRecord":
    """The record of a command line; `cells` are the corners, `folder` the sweep folder."""
    sweeper = search.sweeper
    return cls(
      study_name=sweeper.study_name or folder.absolute().name,
      storage=sweeper.storage,
      metric=sweeper.metric,
      direction=direction(sweeper),
      space=[str(dim) for dim in search.space],
      fixed=search.fixed,
      config_hash=hashlib.sha256("".join(sorted(config_hash(cell.config) for cell in cells)).encode()).hexdigest()[:16],
    )

  @classmethod
  def load(cls, folder: pathlib.Path) -> "SearchRecord":
    """Raises UserError: there is none, or it cannot be read."""
    try:
      return cls(**json.loads((folder / SEARCH).read_text()))
    except FileNotFoundError as error:
      raise UserError(f"{folder} is not a search that can go on: {SEARCH} is missing") from error
    except (OSError, ValueError, TypeError) as error:
      raise UserError(f"{folder / SEARCH} cannot be read ({error}): start the search in another folder") from error

  def save(self, folder: pathlib.Path) -> None:
    """Write search.json."""
    write_json(folder / SEARCH, dataclasses.asdict(self))

  def url(self, folder: pathlib.Path) -> str:
    """Of the storage, for Optuna and its dashboard."""
    return self.storage or f"sqlite:///{folder.absolute() / STUDY}"

  def check_same(self, now: "SearchRecord", folder: pathlib.Path) -> None:
    """Is `now`, of the present command line, the search of the folder?

    Raises:
      UserError: something else is searched or optimised, or conf/ has changed.
    """
    what = {"space": "searches", "fixed": "has the overrides", "metric": "optimises", "direction": "wants to"}
    for field, verb in what.items():
      was, here = (_words(getattr(record, field)) for record in (self, now))
      if was != here:
        raise UserError(f"the search in {folder} {verb} {was!r}, this command line {here!r}: give it another folder")
    if self.config_hash != now.config_hash:
      raise UserError(
        f"the jobs of {folder} would be other experiments: conf/ has changed since the search started; undo that, or"
        " start a new search"
      )


def _words(value: str | list[str]) -> str:
  return value if isinstance(value, str) else "; ".join(sorted(value))


def all_went_well(folder: pathlib.Path, n_trials: int) -> bool:
  """Whether a search, as its results tell, has all its trials and none failed."""
  try:
    trials = yaml.safe_load((folder / RESULTS).read_text())["trials"]
  except FileNotFoundError:
    return False
  return trials["failed"] == 0 and trials["complete"] + trials["pruned"] >= n_trials
