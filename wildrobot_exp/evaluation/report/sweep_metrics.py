"""The numbers that answer a sweep, in what order, and which job they call the best."""

import dataclasses
from collections.abc import Callable, Sequence

from wildrobot_exp.evaluation.report.criteria import SURVIVAL
from wildrobot_exp.evaluation.report.words import percent
from wildrobot_exp.sweeps.cells import Cell
from wildrobot_exp.sweeps.result import JobResult

CRITERION = (
  f"survival first, where {SURVIVAL:.0%} and more count as equal, then the speed error, then the classifier AUC"
)
ENOUGH = 4  # seeds each: of 3 and 3 that differ by chance alone, all of one lie below the other 1 time in 10
_WORST = float("inf")


@dataclasses.dataclass(frozen=True)
class Metric:
  """A number of result.json.

  Attributes:
    key: its name there.
    title: for people.
    unit: of it, or how to read it.
    form: format of a value.
  """

  key: str
  title: str
  unit: str = ""
  form: str = "{:.3g}"

  def show(self, value: float | None) -> str:
    """A value in words; a dash for none."""
    if value is None:
      return "–"
    return percent(value) if self.form == "%" else self.form.format(value)


KNOWN = (
  Metric("survival", "Survival", "share", "%"),
  Metric("vx_error", "Speed error", "m/s", "{:.4f}"),
  Metric("classifier_auc", "Classifier AUC", "0.5 is the reference", "{:.3f}"),
  Metric("feature_distance", "Feature distance", "0 is the reference", "{:.3f}"),
  Metric("joint_rms_rad", "Joints off", "rad", "{:.3f}"),
  Metric("long_walk_completed", "Long walks", "share", "%"),
  Metric("stride_frequency_hz", "Stride frequency", "Hz", "{:.2f}"),
  Metric("swing_clearance_m", "Swing clearance", "m", "{:.4f}"),
  Metric("symmetry", "Symmetry", "1 is even", "{:.3f}"),
  Metric("return", "Return", "task", "{:.2f}"),
)
DRAWN = 6  # figures at most


def present(results: Sequence[JobResult]) -> list[Metric]:
  """The known metrics that some job has; where there is none of them, every number under its own name."""
  measured = dict.fromkeys(key for r in results for key, value in r.numbers.items() if value is not None)
  known = [metric for metric in KNOWN if metric.key in measured]
  return known or [Metric(key, key) for key in measured if key != "wall_s"]


def changing(metrics: Sequence[Metric], results: Sequence[JobResult]) -> list[Metric]:
  """Those that are not the same in all jobs, and worth a figure."""
  return [metric for metric in metrics if len(shown_values(metric, results)) > 1][:DRAWN]


def shown_values(metric: Metric, results: Sequence[JobResult]) -> set[str]:
  """The different values of a number, as they are shown: beyond those digits it does not differ."""
  return {metric.show(r.numbers[metric.key]) for r in results if r.numbers.get(metric.key) is not None}


def best_job(results: Sequence[JobResult]) -> JobResult | None:
  """The best by CRITERION of the jobs that ended well; if none did, of those with numbers. None without any."""
  measured = [result for result in results if result.numbers.get("survival") is not None]
  ended_well = [result for result in measured if result.status == "ok"]
  return min(ended_well or measured, key=lambda result: _rank(result.numbers.get), default=None)


def ranked_cells(cells: Sequence[Cell]) -> list[Cell]:
  """The measured ones, the best first, by CRITERION applied to means over the replicates."""

  def mean(cell: Cell) -> Callable[[str], float | None]:
    return lambda key: None if (estimate := cell.estimate(key)) is None else estimate.mean

  return sorted((cell for cell in cells if cell.estimate("survival")), key=lambda cell: _rank(mean(cell)))


def told_apart(best: Cell, other: Cell) -> bool:
  """Whether two cells have enough replicates each, and their intervals of survival or speed error lie apart."""
  for key in ("survival", "vx_error"):
    a, b = best.estimate(key), other.estimate(key)
    if not (a and b and a.interval and b.interval) or min(len(a.values), len(b.values)) < ENOUGH:
      continue
    if a.interval[1] < b.interval[0] or b.interval[1] < a.interval[0]:
      return True
  return False


def _rank(value: Callable[[str], float | None]) -> tuple[float, ...]:
  survival, others = value("survival"), (value("vx_error"), value("classifier_auc"))
  return (_WORST if survival is None else -min(survival, SURVIVAL), *(_WORST if v is None else v for v in others))
