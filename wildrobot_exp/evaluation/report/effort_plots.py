"""Pictures of what the servos do over a stride: torque and mechanical power of every joint, both legs in one figure.

Each leg goes through its own stride, from touchdown to touchdown of its own foot; the left leg's torque has the sign
of its mirror image. So two legs that do the same half a cycle apart lie on each other.
"""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes

from wildrobot_exp.evaluation.report.criteria import POWER, TORQUE
from wildrobot_exp.evaluation.report.gait_plots import PHASES, SIDES, Gait, fold, strides
from wildrobot_exp.evaluation.report.plots import GOAL, INK, LIMIT, draw, legend_above

ARRAYS = ("torque", "joint_vel", "leg_pairs", "torque_limit")
NEAR = 0.5  # of its limit: torques that stay below are drawn without it, or they would be flat
MARGIN = 1.1  # of an axis beyond what it has to show
Figures = list[tuple[str, str, str]]
Curve = tuple[str, str, np.ndarray, np.ndarray]  # side ("" without one), colour, [S, PHASES] drawn, [S, PHASES] counted


def effort_figures(gait: Gait) -> tuple[Figures, Figures]:
  """(title, unit, SVG) of torque and of power: of all joints together, then of each pair of joints.

  Empty where gait.npz is from before these arrays, or no foot made a whole stride.
  """
  spans = [strides(gait, foot) for foot in (0, 1)]
  if not any(spans) or not all(name in gait for name in ARRAYS):
    return [], []
  by_step = (len(gait["time"]), -1, len(gait["joint_names"]))
  torque, speed = (gait[name].reshape(by_step) for name in ("torque", "joint_vel"))
  power = torque * speed  # [T, physics steps, J]
  load, peak, drive = np.abs(torque).mean(axis=1), np.abs(torque).max(axis=1), np.maximum(power, 0.0).mean(axis=1)
  together = spans[0] or spans[1]
  all_torque = _total("mean torque of all joints", load.mean(axis=1), together, TORQUE)
  all_power = _total("power of all joints", drive.sum(axis=1), together, POWER)
  torques = _curves(gait, torque.mean(axis=1), peak, spans, mirrored=True)
  powers = _curves(gait, power.mean(axis=1), drive, spans, mirrored=False)
  limit = float(np.max(gait["torque_limit"]))
  high = max(peaks.max() for curves in torques.values() for *_, peaks in curves)
  limit_shown = limit if high > NEAR * limit else None
  return (
    [("Mean magnitude of all joints", "N m", all_torque), *_per_joint(torques, "N m", _peak, limit_shown)],
    [("All joints, as they drive", "W", all_power), *_per_joint(powers, "W", _drive, None)],
  )


def _curves(
  gait: Gait, drawn: np.ndarray, counted: np.ndarray, spans: list[list[tuple[int, int]]], mirrored: bool
) -> dict[str, list[Curve]]:
  """Joint without its side -> its curves; drawn [T, J], counted [T, J] for the number beside them."""
  names = [str(name) for name in gait["joint_names"]]
  pairs = gait["leg_pairs"].astype(int)
  found = {}
  for right, left, sign in pairs:
    signs = (1, sign if mirrored else 1)
    curves = [
      (side, colour, signs[foot] * fold(drawn[:, joint], spans[foot]), fold(counted[:, joint], spans[foot]))
      for foot, ((side, colour), joint) in enumerate(zip(SIDES, (right, left), strict=True))
      if spans[foot]
    ]
    found[names[right].removeprefix(f"{SIDES[0][0]}_")] = curves
  for joint in set(range(len(names))) - set(pairs[:, :2].ravel()):
    found[names[joint]] = [("", INK, *(fold(values[:, joint], spans[0] or spans[1]) for values in (drawn, counted)))]
  return found


def _per_joint(
  joints: dict[str, list[Curve]], unit: str, number: Callable[[np.ndarray], str], limit: float | None
) -> Figures:
  """One figure per joint, all on one scale."""
  means = [values.mean(axis=0) for curves in joints.values() for *_, values, _ in curves]
  spreads = [values.std(axis=0) for curves in joints.values() for *_, values, _ in curves]
  low = min((mean - spread).min() for mean, spread in zip(means, spreads, strict=True))
  high = max((mean + spread).max() for mean, spread in zip(means, spreads, strict=True))
  low, high = (min(low, -limit), max(high, limit)) if limit else (min(low, 0.0), max(high, 0.0))
  phase = np.linspace(0, 100, PHASES)
  figures = []
  for name, curves in joints.items():

    def paint(axes: Axes) -> None:
      axes.axhline(0.0, color=INK, linewidth=0.6, alpha=0.5)
      for side, colour, values, counted in curves:
        mean, spread = values.mean(axis=0), values.std(axis=0)
        axes.fill_between(phase, mean - spread, mean + spread, color=colour, alpha=0.18, linewidth=0)
        axes.plot(phase, mean, color=colour, label=f"{side} {number(counted)}".strip())
      for line in (-limit, limit) if limit else ():
        axes.axhline(line, color=LIMIT, linestyle=":", linewidth=1.2)
      axes.set_xlim(0, 100)
      axes.set_ylim(MARGIN * low, MARGIN * high)
      axes.set_xlabel("% of stride")
      legend_above(axes)

    figures.append((name.replace("_", " ").capitalize(), unit, draw(f"{unit} of {name} over the stride", paint)))
  return figures


def _total(name: str, values: np.ndarray, spans: list[tuple[int, int]], goal: float) -> str:
  """One figure of a signal [T] of all joints over the stride, with the goal that its mean has to stay under."""
  folded, phase = fold(values, spans), np.linspace(0, 100, PHASES)
  mean, spread = folded.mean(axis=0), folded.std(axis=0)

  def paint(axes: Axes) -> None:
    axes.fill_between(phase, mean - spread, mean + spread, color=INK, alpha=0.15, linewidth=0)
    axes.plot(phase, mean, color=INK, label=f"mean {mean.mean():.2g}")
    axes.axhline(goal, color=GOAL, linestyle=":", linewidth=1.2, label=f"goal for the mean, under {goal:g}")
    axes.set_xlim(0, 100)
    axes.set_ylim(0, MARGIN * max(goal, float((mean + spread).max())))
    axes.set_xlabel("% of stride")
    legend_above(axes)

  return draw(f"{name} over the stride", paint)


def _peak(values: np.ndarray) -> str:
  return f"peak {values.max():.1f}"


def _drive(values: np.ndarray) -> str:
  return f"drives with {values.mean():.2f}"
