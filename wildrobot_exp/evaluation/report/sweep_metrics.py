"""The numbers that answer a sweep, and in what order."""

import dataclasses
from collections.abc import Sequence

from wildrobot_exp.evaluation.report.words import percent
from wildrobot_exp.sweeps.result import JobResult


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


def present(results: Sequence[JobResult], searched: str | None = None) -> list[Metric]:
  """The known metrics that some job has; where there is none of them, every number under its own name.

  Args:
    results: of the jobs.
    searched: what a search optimises: it comes first.
  """
  measured = dict.fromkeys(key for r in results for key, value in r.numbers.items() if value is not None)
  known = [metric for metric in KNOWN if metric.key in measured]
  shown = known or [Metric(key, key) for key in measured if key != "wall_s"]
  if searched in measured:
    first = next((metric for metric in shown if metric.key == searched), Metric(searched, searched))
    shown = [first, *(metric for metric in shown if metric is not first)]
  return shown


def changing(metrics: Sequence[Metric], results: Sequence[JobResult]) -> list[Metric]:
  """Those that are not the same in all jobs, and worth a figure."""
  return [metric for metric in metrics if len(shown_values(metric, results)) > 1][:DRAWN]


def shown_values(metric: Metric, results: Sequence[JobResult]) -> set[str]:
  """The different values of a number, as they are shown: beyond those digits it does not differ."""
  return {metric.show(r.numbers[metric.key]) for r in results if r.numbers.get(metric.key) is not None}
