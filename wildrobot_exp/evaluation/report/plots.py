"""Small figures as inline SVG: they take the page's text colour, so they suit light and dark pages."""

import io
import re
from collections.abc import Callable, Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

WIDTH, HEIGHT = 3.3, 1.75  # inches; the page scales it to about 1.5 times that
INK, RULE = "#102030", "#d0e0f0"  # stand-ins for the page's own colours
COLOURS = ("#2a7fc1", "#e07b39", "#4a9d6e", "#9467bd")
RIGHT, LEFT = COLOURS[:2]
GOAL = "#3a9a68"
LIMIT = "#c8402f"  # of a joint
MAX_POINTS = 400
NICE_STEPS = (1, 2, 2.5, 5, 10)  # of the axis marks, times a power of ten
FEW_POINTS = 25  # below, every measurement gets a dot

_STYLE = {
  "svg.fonttype": "none",
  "font.size": 8.0,
  "text.color": INK,
  "axes.edgecolor": RULE,
  "axes.labelcolor": INK,
  "axes.prop_cycle": matplotlib.cycler(color=COLOURS),
  "axes.spines.top": False,
  "axes.spines.right": False,
  "axes.grid": True,
  "axes.axisbelow": True,
  "grid.color": RULE,
  "grid.linewidth": 0.6,
  "lines.linewidth": 1.4,
  "lines.markersize": 3.0,
  "xtick.color": RULE,
  "ytick.color": RULE,
  "xtick.labelcolor": INK,
  "ytick.labelcolor": INK,
  "xtick.labelsize": 7.5,
  "ytick.labelsize": 7.5,
  "legend.frameon": False,
  "legend.fontsize": 7.5,
}


def draw(name: str, paint: Callable[[Axes], None], height: float = HEIGHT, width: float = WIDTH) -> str:
  """One figure as an SVG element.

  Args:
    name: what it shows, for those who cannot see it; also keeps its ids apart from other figures'.
    paint: draws into the axes it is given.
    height, width: inches.
  """
  with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}):
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=NICE_STEPS))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=NICE_STEPS))
    paint(axes)
    buffer = io.StringIO()
    metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=metadata)
  svg = buffer.getvalue()
  svg = svg[svg.index("<svg") :]
  svg = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", svg)
  svg = re.sub(r'<svg[^>]*viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1" aria-hidden="true">', svg, count=1)
  svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
  return svg.replace(INK, "currentColor").replace(RULE, "var(--rule)")


def curves(
  name: str, steps: np.ndarray, series: Mapping[str, np.ndarray], goal: float | None = None
) -> str | None:
  """Metrics over env steps. Missing values are skipped; None if no series has two points.

  Args:
    name: what it shows.
    steps: [R] env steps of every row.
    series: label -> [R], NaN where missing.
    goal: a dotted line, in the unit of the series.
  """
  present = {label: points(steps, values) for label, values in series.items()}
  present = {label: xy for label, xy in present.items() if len(xy[0]) > 1}
  if not present:
    return None
  scale, unit = (1e6, "million") if max(x[-1] for x, _ in present.values()) >= 2e5 else (1e3, "thousand")

  def paint(axes: Axes) -> None:
    for label, (x, y) in present.items():
      axes.plot(
        x / scale, y, marker="o" if len(x) < FEW_POINTS else "", label=label if len(present) > 1 else None
      )
    if goal is not None:
      axes.axhline(goal, color=GOAL, linestyle=":", linewidth=1.2, label="goal")
    axes.set_xlabel(f"{unit} steps")
    if len(present) > 1 or goal is not None:
      legend_above(axes)

  return draw(name, paint)


def points(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """The measured points of a curve, [P] each; where there are very many, means of neighbours."""
  known = np.isfinite(x) & np.isfinite(y)
  x, y = x[known], y[known]
  if len(x) <= MAX_POINTS:
    return x, y
  groups = np.array_split(np.arange(len(x)), MAX_POINTS)
  return np.array([x[g].mean() for g in groups]), np.array([y[g].mean() for g in groups])


def speeds(asked: Sequence[float], got: Sequence[float], tolerance: float) -> str:
  """Mean speed over commanded speed, [C] each, m/s, with the band that meets the goal."""
  order = np.argsort(asked)
  asked, got = np.asarray(asked)[order], np.asarray(got)[order]

  def paint(axes: Axes) -> None:
    axes.fill_between(
      asked, asked - tolerance, asked + tolerance, color=GOAL, alpha=0.18, linewidth=0, label="goal"
    )
    axes.plot(asked, asked, color=GOAL, linestyle=":", linewidth=1.2, label="asked")
    axes.plot(asked, got, marker="o", label="measured")
    axes.set_xlabel("commanded, m/s")
    legend_above(axes)

  return draw("mean speed over commanded speed", paint, height=2.0)


def legend_above(axes: Axes) -> None:
  """A one-row legend over the axes, where it covers nothing."""
  axes.legend(
    loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=4, borderpad=0, handlelength=1.4, columnspacing=1.2
  )
