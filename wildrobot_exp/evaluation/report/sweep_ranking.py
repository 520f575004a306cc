"""Which cell of a sweep is the best, and which of its jobs; how much a lead is worth."""

import dataclasses
from collections.abc import Callable, Sequence

from wildrobot_exp.config.metrics import MAXIMIZE
from wildrobot_exp.evaluation.report.criteria import SURVIVAL
from wildrobot_exp.sweeps.cells import Cell
from wildrobot_exp.sweeps.result import JobResult
from wildrobot_exp.sweeps.search_record import SearchRecord

ENOUGH = 4  # seeds each: of 3 and 3 that differ by chance alone, all of one lie below the other 1 time in 10
_WORST = float("inf")
Number = Callable[[str], float | None]  # a number of a job, or a mean of a cell, by its name


@dataclasses.dataclass(frozen=True)
class Criterion:
  """What makes one better than another.

  Attributes:
    words: for people.
    number: the one that has to be there.
    compared: numbers whose intervals tell two cells apart.
    rank: of such numbers; the smaller, the better.
  """

  words: str
  number: str
  compared: tuple[str, ...]
  rank: Callable[[Number], tuple[float, ...]]


def _walking(value: Number) -> tuple[float, ...]:
  survival, others = value("survival"), (value("vx_error"), value("classifier_auc"))
  return (_WORST if survival is None else -min(survival, SURVIVAL), *(_WORST if v is None else v for v in others))


WALKING = Criterion(
  f"survival, where {SURVIVAL:.0%} and more count as equal, then the speed error, then the classifier AUC",
  "survival",
  ("survival", "vx_error"),
  _walking,
)


def searched(record: SearchRecord) -> Criterion:
  """What a search has optimised."""
  metric, sign = record.metric, -1.0 if record.direction == MAXIMIZE else 1.0

  def rank(value: Number) -> tuple[float, ...]:
    found = value(metric)
    return (_WORST if found is None else sign * found,)

  return Criterion(f"{metric}, {record.direction}d by the search", metric, (metric,), rank)


def ranked_cells(cells: Sequence[Cell], criterion: Criterion) -> list[Cell]:
  """The measured ones, the best first: where fewer of the seeds failed, then by means over the seeds."""

  def rank(cell: Cell) -> tuple[float, ...]:
    return (cell.failed / len(cell.jobs), *criterion.rank(lambda key: (e := cell.estimate(key)) and e.mean))

  return sorted((cell for cell in cells if cell.estimate(criterion.number)), key=rank)


def best_job(ranked: Sequence[Cell], criterion: Criterion) -> JobResult | None:
  """The best job of the best cell that ended well; if none did, of those with numbers. None without any."""
  if not ranked:
    return None
  measured = [job for job in ranked[0].jobs if job.numbers.get(criterion.number) is not None]
  return min(measured, key=lambda job: (job.status != "ok", *criterion.rank(job.numbers.get)))


def told_apart(best: Cell, other: Cell, criterion: Criterion) -> bool:
  """Whether two cells have enough replicates each, and intervals of a compared number that lie apart."""
  for key in criterion.compared:
    a, b = best.estimate(key), other.estimate(key)
    if not (a and b and a.interval and b.interval) or min(len(a.values), len(b.values)) < ENOUGH:
      continue
    if a.interval[1] < b.interval[0] or b.interval[1] < a.interval[0]:
      return True
  return False
