"""Which metrics share a figure, and what a reader calls them. Any other metric goes by its own name."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from wildrobot_exp.evaluation.report.criteria import SURVIVAL, VX_ERROR
from wildrobot_exp.evaluation.report.plots import curves


@dataclasses.dataclass(frozen=True)
class Chart:
  """One figure of curves.

  Attributes:
    title: for people.
    unit: of the vertical axis.
    series: label -> column of metrics.csv.
    goal: drawn as a dotted line.
    hint: how to read it.
  """

  title: str
  unit: str
  series: Mapping[str, str]
  goal: float | None = None
  hint: str = ""


@dataclasses.dataclass(frozen=True)
class Drawn:
  """A chart with its figure, and the last measured value of every series."""

  chart: Chart
  svg: str
  latest: tuple[float, ...]


def _one(title: str, unit: str, column: str, goal: float | None = None, hint: str = "") -> Chart:
  return Chart(title, unit, {column: column}, goal, hint)


LEARNING = (
  _one("Survival in evaluation", "share", "eval/survival", SURVIVAL),
  _one("Speed error in evaluation", "m/s", "eval/vx_error", VX_ERROR),
  _one("Return", "reward per episode", "train/return"),
  _one("Episode length", "steps", "train/episode_steps"),
  _one("Falls", "share of episodes", "train/falls"),
  _one("Task reward", "per step", "train/task_reward"),
  _one("Exploration", "std of the action", "train/action_std"),
  _one("Throughput", "env steps/s", "perf/steps_per_s"),
)
AMP = (
  _one(
    "Style reward", "0 to 1", "amp/style_reward", hint="Should rise: the robot is taken for the reference."
  ),
  _one(
    "Reward contrast",
    "reference minus policy",
    "amp/reward_contrast",
    hint="Should shrink, but not reach 0 early.",
  ),
  Chart(
    "Discriminator output",
    "logit",
    {"reference": "amp/logit_reference", "policy": "amp/logit_policy"},
    hint="The gap should close from both sides.",
  ),
  Chart(
    "Discriminator accuracy",
    "share",
    {"reference": "amp/accuracy_reference", "policy": "amp/accuracy_policy"},
    hint="Stays near 1 for long; alone it says little.",
  ),
  _one("Gradient penalty", "squared norm", "amp/gradient_penalty", hint="Should stay small and smooth."),
  _one("Clipped inputs", "share", "amp/clipped_features", hint="Should be near 0."),
  Chart(
    "Saturation",
    "share of iterations",
    {"saturated": "amp/saturation", "slowed": "amp/slowed"},
    hint="Above 0.5 the guard slows the discriminator down.",
  ),
  _one("Commands covered", "share", "amp/command_covered", hint="Commands within the clips' speeds."),
)


def draw_charts(metrics: Mapping[str, np.ndarray], charts: tuple[Chart, ...]) -> list[Drawn]:
  """Those of the charts that have data."""
  drawn = []
  for chart in charts:
    series = {label: metrics[column] for label, column in chart.series.items() if column in metrics}
    svg = curves(chart.title, metrics["step"], series, chart.goal) if series else None
    if svg:
      finite = [values[np.isfinite(values)] for values in series.values()]
      drawn.append(Drawn(chart, svg, tuple(float(values[-1]) for values in finite if len(values))))
  return drawn


def other_charts(metrics: Mapping[str, np.ndarray], prefixes: tuple[str, ...]) -> tuple[Chart, ...]:
  """A chart for every column under the prefixes that is in none of the known charts, and changes."""
  known = {column for chart in (*LEARNING, *AMP) for column in chart.series.values()}
  still = constants(metrics)
  return tuple(
    _one(column, "", column)
    for column in metrics
    if column.startswith(prefixes) and column not in known and column not in still
  )


def reward_charts(metrics: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> tuple[Chart, ...]:
  """A chart for every reward term, with its weight."""
  terms = [column.removeprefix("reward/") for column in metrics if column.startswith("reward/")]
  return tuple(
    _one(term.replace("_", " "), f"weight {weights[term]:g}" if term in weights else "", f"reward/{term}")
    for term in terms
  )


def constants(metrics: Mapping[str, np.ndarray]) -> dict[str, float]:
  """Columns whose measured values are all the same."""
  distinct = {column: np.unique(values[np.isfinite(values)]) for column, values in metrics.items()}
  return {column: float(values[0]) for column, values in distinct.items() if len(values) == 1}


def never_measured(metrics: Mapping[str, np.ndarray]) -> list[str]:
  """Columns without any value."""
  return [column for column, values in metrics.items() if not np.isfinite(values).any()]
