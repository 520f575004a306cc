"""A sweep as cells: jobs that differ in nothing but their seed are replicates of one cell."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from wildrobot_exp.sweeps.result import DONE, UNFINISHED, JobResult

SEED = "seed"
DEFAULT = "(default)"  # the value of a key that a job was not given
MANY = 8  # more values of a number than this are a search, not a grid
CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True)
class Axis:
  """A key that was swept.

  Attributes:
    key: as typed, `amp.weight`.
    values: the distinct ones as typed; numbers in ascending order, words in the order of the jobs.
    numeric: all values are finite numbers.
  """

  key: str
  values: tuple[str, ...]
  numeric: bool

  @property
  def many(self) -> bool:
    """So many values that each is a sample rather than a choice."""
    return self.numeric and len(self.values) > MANY

  def position(self, value: str) -> float:
    """Where a value lies on the axis: the number itself, or its place among the words."""
    return float(value) if self.numeric else float(self.values.index(value))


@dataclasses.dataclass(frozen=True)
class Cell:
  """The jobs of one setting.

  Attributes:
    values: one per axis.
    name: the setting in words.
    jobs: its replicates, in order.
  """

  values: tuple[str, ...]
  name: str
  jobs: tuple[JobResult, ...]

  @property
  def failed(self) -> int:
    """How many of its replicates ended, and not as they should."""
    return sum(job.status not in (*DONE, *UNFINISHED) for job in self.jobs)

  def estimate(self, number: str) -> "Estimate | None":
    """One of its numbers over its replicates; None where no job has it."""
    values = [job.numbers[number] for job in self.jobs if job.numbers.get(number) is not None]
    return estimate(values) if values else None


@dataclasses.dataclass(frozen=True)
class Estimate:
  """A mean over replicates.

  Attributes:
    mean: of the values.
    interval: its bootstrap interval (low, high); None for a single value, which says nothing about its spread.
    values: one per replicate.
  """

  mean: float
  interval: tuple[float, float] | None
  values: tuple[float, ...]


def find_axes(results: Sequence[JobResult], replicates: bool = True) -> list[Axis]:
  """The keys in which the jobs differ, in the order typed.

  Args:
    results: of the jobs.
    replicates: the seed makes replicates, and is no axis.
  """
  keys = dict.fromkeys(key for result in results for key in result.overrides if not (replicates and key == SEED))
  axes = []
  for key in keys:
    values = tuple(dict.fromkeys(result.overrides.get(key, DEFAULT) for result in results))
    if len(values) > 1:
      numeric = all(_is_number(value) for value in values)
      axes.append(Axis(key, tuple(sorted(values, key=float)) if numeric else values, numeric))
  return axes


def find_cells(results: Sequence[JobResult], axes: Sequence[Axis]) -> list[Cell]:
  """The cells of a sweep, along its axes: the last axis varies fastest."""
  groups: dict[tuple[str, ...], list[JobResult]] = {}
  for result in results:
    groups.setdefault(tuple(result.overrides.get(axis.key, DEFAULT) for axis in axes), []).append(result)
  order = sorted(groups, key=lambda values: [axis.values.index(v) for axis, v in zip(axes, values, strict=True)])
  return [Cell(values, setting(values, axes), tuple(groups[values])) for values in order]


def setting(values: Sequence[str], axes: Sequence[Axis]) -> str:
  """A cell in words."""
  return " ".join(f"{axis.key}={value}" for axis, value in zip(axes, values, strict=True)) or "all jobs"


def estimate(values: Sequence[float]) -> Estimate:
  """Mean and percentile bootstrap interval of replicates; the same values always give the same interval."""
  from scipy import stats

  array = np.asarray(values, dtype=float)
  interval = None
  if len(array) > 1:
    drawn = stats.bootstrap(
      (array,), np.mean, confidence_level=CONFIDENCE, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    interval = (float(drawn.low), float(drawn.high))
  return Estimate(float(array.mean()), interval, tuple(array.tolist()))


def _is_number(text: str) -> bool:
  try:
    return bool(np.isfinite(float(text)))
  except ValueError:
    return False
