"""Figures of a sweep: learning curves of its cells, and a number over what was swept."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from wildrobot_exp.evaluation.report.plots import COLOURS, INK, NICE_STEPS, RULE, draw, points
from wildrobot_exp.evaluation.report.sweep_metrics import Metric
from wildrobot_exp.sweeps.cells import Axis, Cell
from wildrobot_exp.sweeps.result import JobResult

WIDE = 6.4  # inches
Curves = Mapping[str, Mapping[str, np.ndarray]]  # job -> column of metrics.csv -> [rows]
PALETTE = (*COLOURS, "#c4453c", "#8c6d4f", "#d667a8", "#7f8a1f")
OTHERS = "#8a939c"  # where there are more cells than colours, all but the best
LOG_RATIO = 30.0  # values of one sign that span more get a logarithmic axis
MOST_ANNOTATED = 8  # columns of a heat map with the number in every field
SHADES = (0.08, 0.6)  # opacity of the smallest and the largest value: the text on it stays readable


def cell_colours(cells: Sequence[Cell], best: Cell | None) -> list[str]:
  """One per cell."""
  if len(cells) <= len(PALETTE):
    return list(PALETTE[: len(cells)])
  return [PALETTE[0] if cell is best else OTHERS for cell in cells]


def learning_curves(column: str, cells: Sequence[Cell], colours: Sequence[str], curves: Curves) -> str | None:
  """A metric over env steps: a thin line per job, a thick one for a cell's mean; None without two points."""
  drawn = []
  for cell, colour in zip(cells, colours, strict=True):
    own = [curves[job.job] for job in cell.jobs if "step" in curves.get(job.job, {})]
    lines = [points(metrics["step"], metrics[column]) for metrics in own if column in metrics]
    lines = [(x, y) for x, y in lines if len(x) > 1]
    if lines:
      drawn.append((colour, lines))
  if not drawn:
    return None
  last = max(x[-1] for _, lines in drawn for x, _ in lines)
  scale, unit = (1e6, "million") if last >= 2e5 else (1e3, "thousand")

  def paint(axes: Axes) -> None:
    for colour, lines in drawn:
      if len(lines) > 1:
        for x, y in lines:
          axes.plot(x / scale, y, color=colour, linewidth=0.7, alpha=0.5)
      x, y = mean_curve(lines)
      axes.plot(x / scale, y, color=colour, linewidth=1.8, marker="o" if len(x) < 12 else "")
    axes.set_xlabel(f"{unit} steps")

  return draw(column, paint)


def mean_curve(lines: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
  """Mean of curves (x [P], y [P]) at all of their points that every one of them covers."""
  first, last = max(x[0] for x, _ in lines), min(x[-1] for x, _ in lines)
  x = np.unique(np.concatenate([x for x, _ in lines]))
  x = x[(x >= first) & (x <= last)]
  return x, np.mean([np.interp(x, *line) for line in lines], axis=0)


def along_axis(metric: Metric, axis: Axis, cells: Sequence[Cell], colours: Sequence[str]) -> str:
  """A number over the only axis: every job a dot, the mean with its interval, joined where the axis is numeric."""

  def paint(axes: Axes) -> None:
    means = []
    for cell, colour in zip(cells, colours, strict=True):
      found = cell.estimate(metric.key)
      if found is None:
        continue
      x = axis.position(cell.values[0])
      means.append((x, found.mean))
      axes.plot([x] * len(found.values), found.values, "o", color=colour, alpha=0.45, markersize=2.5)
      if found.interval:
        axes.vlines(x, *found.interval, color=colour, linewidth=1.6)
      axes.plot(x, found.mean, "o", color=colour, markersize=5)
    if axis.numeric and len(means) > 1:
      axes.plot(*zip(*means, strict=True), color=INK, linewidth=0.9, alpha=0.5, zorder=1)
    _mark(axes, axis)
    axes.set_xlabel(axis.key)

  return draw(f"{metric.key} over {axis.key}", paint, height=2.0)


def heat_map(metric: Metric, axes_: tuple[Axis, Axis], cells: Sequence[Cell]) -> str:
  """A number's mean over two axes: the first down, the second across; the more opaque, the larger."""
  rows, columns = axes_
  means = np.full((len(rows.values), len(columns.values)), np.nan)
  for cell in cells:
    if (found := cell.estimate(metric.key)) is not None:
      means[rows.values.index(cell.values[0]), columns.values.index(cell.values[1])] = found.mean
  low, span = np.nanmin(means), np.ptp(means[np.isfinite(means)]) or 1.0

  def paint(axes: Axes) -> None:
    for (i, j), mean in np.ndenumerate(means):
      if np.isfinite(mean):
        shade = SHADES[0] + (SHADES[1] - SHADES[0]) * (mean - low) / span
        axes.add_patch(_field(j, i, to_rgba(COLOURS[0], shade)))
      if len(columns.values) <= MOST_ANNOTATED:
        text = metric.show(float(mean)) if np.isfinite(mean) else "–"
        axes.text(j, i, text, ha="center", va="center", color=INK)
    axes.set_xlim(-0.5, len(columns.values) - 0.5)
    axes.set_ylim(len(rows.values) - 0.5, -0.5)
    axes.set_xticks(range(len(columns.values)), columns.values)
    axes.set_yticks(range(len(rows.values)), rows.values)
    axes.grid(False)
    axes.set_xlabel(columns.key)
    axes.set_ylabel(rows.key)

  return draw(f"{metric.key} over {rows.key} and {columns.key}", paint, height=0.7 + 0.3 * max(3, len(rows.values)))


def scatter(metric: Metric, axis: Axis, results: Sequence[JobResult]) -> str:
  """A number of every job over one axis of many values."""
  found = [(r.overrides.get(axis.key), r.numbers.get(metric.key)) for r in results]
  found = [(axis.position(value), number) for value, number in found if value is not None and number is not None]

  def paint(axes: Axes) -> None:
    axes.plot(*zip(*found, strict=True), "o", alpha=0.7)
    _mark(axes, axis)
    axes.set_xlabel(axis.key)

  return draw(f"{metric.key} over {axis.key}", paint, height=2.0)


def parallel(metric: Metric, axes_: Sequence[Axis], cells: Sequence[Cell]) -> str:
  """Parallel coordinates: a line per cell through its values to a number's mean, the more opaque, the larger."""
  estimates = [(cell, cell.estimate(metric.key)) for cell in cells]
  found = [(cell, estimate.mean) for cell, estimate in estimates if estimate is not None]
  means = np.array([mean for _, mean in found])
  heights = _share(means)

  def paint(axes: Axes) -> None:
    for (cell, _), height in zip(found, heights, strict=True):
      y = [_place(axis, value) for axis, value in zip(axes_, cell.values, strict=True)]
      axes.plot(range(len(y) + 1), [*y, height], color=COLOURS[0], alpha=0.15 + 0.75 * height, linewidth=1.2)
    for i, axis in enumerate(axes_):
      axes.axvline(i, color=RULE, linewidth=1.0)
      shown = axis.values if len(axis.values) <= MOST_ANNOTATED else (axis.values[0], axis.values[-1])
      for value in shown:
        axes.annotate(value, (i, _place(axis, value)), (3, 0), textcoords="offset points", va="center", fontsize=7)
    axes.axvline(len(axes_), color=RULE, linewidth=1.0)
    for mean, height in {(means.min(), 0.0 if np.ptp(means) else 0.5), (means.max(), 1.0 if np.ptp(means) else 0.5)}:
      label = metric.show(float(mean))
      axes.annotate(label, (len(axes_), height), (3, 0), textcoords="offset points", va="center", fontsize=7)
    axes.set_xticks(range(len(axes_) + 1), [*(axis.key for axis in axes_), metric.title])
    axes.set_xlim(-0.05, len(axes_) + 0.35)
    axes.set_yticks([])
    axes.grid(False)
    axes.spines["left"].set_visible(False)

  return draw(f"{metric.key} over all axes", paint, height=2.6, width=max(WIDE, 1.5 * (len(axes_) + 1)))


def _place(axis: Axis, value: str) -> float:
  """From 0 to 1 along an axis."""
  at = np.array([axis.position(other) for other in axis.values])
  at = np.log(at) if _logarithmic(axis) else at
  return float(_share(at)[axis.values.index(value)])


def _share(values: np.ndarray) -> np.ndarray:
  span = np.ptp(values)
  return (values - values.min()) / span if span else np.full(len(values), 0.5)


def _mark(axes: Axes, axis: Axis) -> None:
  """Scale and ticks of the horizontal axis; full numbers on the other one."""
  axes.ticklabel_format(axis="y", useOffset=False)
  if not axis.numeric:
    axes.set_xticks(range(len(axis.values)), axis.values)
    axes.set_xlim(-0.5, len(axis.values) - 0.5)
    return
  if _logarithmic(axis):
    axes.set_xscale("log")
  if axis.many:
    if not _logarithmic(axis):
      axes.xaxis.set_major_locator(MaxNLocator(4, steps=NICE_STEPS))
    return
  axes.set_xticks([float(value) for value in axis.values], axis.values)
  axes.minorticks_off()


def _logarithmic(axis: Axis) -> bool:
  values = [axis.position(value) for value in axis.values]
  return axis.numeric and min(values) > 0 and max(values) / min(values) > LOG_RATIO


def _field(column: int, row: int, colour: tuple[float, float, float, float]) -> Rectangle:
  return Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=colour, edgecolor=RULE, linewidth=0.6)
