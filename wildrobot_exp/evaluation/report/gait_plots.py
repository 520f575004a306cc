"""Pictures of one episode's gait: who stands when, how high the feet go, what the joints do over a stride.

gait.npz holds one episode of T control steps (feet: right, left): time [T] s, contacts [T, 2], feet_height [T, 2] m,
joint_pos [T, J] rad, joint_names [J]; optional vx [T] m/s and command m/s; what the servos do (see effort_plots):
torque [T, S, J] N m and joint_vel [T, S, J] rad/s in the S physics steps of each control step, torque_limit [J] N m,
and leg_pairs [K, 3], right joint, left joint and the sign that mirrors left to right; and the mean stride of the
reference clip nearest in speed in P frames, joints in the same order: reference_joint_pos [P, J],
reference_feet_height [P, 2], reference_contacts [P, 2], stride_seconds; or in their place no_reference, a sentence
that says why there is none.
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from wildrobot_exp.evaluation.report.plots import GOAL, INK, LEFT, RIGHT, draw, legend_above

PHASES = 101
MIN_SWING = 0.06  # s: shorter gaps in a contact are chatter, not swings
STRIDE_RANGE = (0.2, 3.0)  # s: anything else is a stumble
WINDOW = 3.0  # s of the timelines
SIDES = (("right", RIGHT), ("left", LEFT))
PERIODIC = ("reference_joint_pos", "reference_feet_height", "reference_contacts")
Gait = Mapping[str, np.ndarray]


def touchdowns(contacts: np.ndarray, dt: float) -> np.ndarray:
  """[S] frames where a foot [T] bool comes down after a swing of at least MIN_SWING."""
  down = np.flatnonzero(contacts[1:] & ~contacts[:-1]) + 1
  return np.array([i for i in down if not contacts[max(0, i - round(MIN_SWING / dt)) : i].any()], dtype=int)


def strides(gait: Gait, foot: int) -> list[tuple[int, int]]:
  """First and last frame of every stride, from touchdown to touchdown of a foot (0 right, 1 left)."""
  dt = float(np.median(np.diff(gait["time"])))
  frames = touchdowns(gait["contacts"][:, foot].astype(bool), dt)
  low, high = STRIDE_RANGE
  return [(int(a), int(b)) for a, b in zip(frames, frames[1:], strict=False) if low <= (b - a) * dt <= high]


def fold(values: np.ndarray, spans: list[tuple[int, int]]) -> np.ndarray:
  """A signal [T] cut into strides and stretched to the same phases: [S, PHASES]."""
  phase = np.linspace(0.0, 1.0, PHASES)
  return np.array([np.interp(phase, np.linspace(0, 1, b - a + 1), values[a : b + 1]) for a, b in spans])


def aligned_reference(gait: Gait) -> dict[str, np.ndarray]:
  """The reference stride, turned so that it starts as `strides` do: at the right foot's touchdown.

  Returns:
    The reference arrays with PHASES rows; {} where there are none, or they are not one stride.
  """
  if "reference_contacts" not in gait:
    return {}
  right = gait["reference_contacts"][:, 0].astype(bool)
  starts = np.flatnonzero(right & ~np.roll(right, 1))
  if len(starts) != 1:
    return {}
  return {key: _closed(np.roll(gait[key], -starts[0], axis=0)) for key in PERIODIC if key in gait}


def timeline_figures(
  gait: Gait, window: float = WINDOW, labels: tuple[str, str] = ("measured", "commanded")
) -> list[tuple[str, str, str]]:
  """(title, unit, SVG) of contacts, foot height and speed.

  Args:
    gait: the arrays of gait.npz; joints are not needed.
    window: s to show.
    labels: of vx and of command.
  """
  time = gait["time"]
  start = _window_start(gait, window)
  shown = (time >= start) & (time <= start + window)
  x = time[shown] - start
  height = 1000 * gait["feet_height"][shown]

  def paint_height(axes: Axes) -> None:
    for foot, (side, colour) in enumerate(SIDES):
      axes.plot(x, height[:, foot], color=colour, label=side)
    axes.set_xlabel("s")
    legend_above(axes)

  figures = [
    ("Feet on the ground", "s", _contacts(gait, shown, x)),
    ("Foot height", "mm", draw("foot height over time", paint_height)),
  ]
  if "vx" in gait:

    def paint_speed(axes: Axes) -> None:
      axes.plot(x, gait["vx"][shown], label=labels[0])
      if "command" in gait:
        axes.axhline(float(np.mean(gait["command"])), color=GOAL, linestyle=":", label=labels[1])
      axes.set_xlabel("s")
      legend_above(axes)

    figures.append(("Forward speed", "m/s", draw("forward speed over time", paint_speed)))
  return figures


def phase_figures(gait: Gait) -> list[tuple[str, str, str]]:
  """(title, unit, SVG) of foot heights and joint angles over the stride; [] if there is no whole stride."""
  spans = strides(gait, foot=0)
  if not spans:
    return []
  reference = aligned_reference(gait)
  figures = []
  for foot, (side, colour) in enumerate(SIDES):
    measured = 1000 * fold(gait["feet_height"][:, foot], spans)
    wanted = (
      1000 * reference["reference_feet_height"][:, foot] if "reference_feet_height" in reference else None
    )
    figures.append(
      (f"{side.capitalize()} foot height", "mm", _phase(f"{side} foot height", measured, wanted, colour))
    )
  for j, name in enumerate(str(joint) for joint in gait["joint_names"]):
    measured = fold(gait["joint_pos"][:, j], spans)
    wanted = reference["reference_joint_pos"][:, j] if "reference_joint_pos" in reference else None
    colour = dict(SIDES).get(name.split("_")[0], INK)
    figures.append((name.replace("_", " ").capitalize(), "rad", _phase(name, measured, wanted, colour)))
  return figures


def _phase(name: str, measured: np.ndarray, wanted: np.ndarray | None, colour: str) -> str:
  phase = np.linspace(0, 100, PHASES)

  def paint(axes: Axes) -> None:
    spread = measured.std(axis=0)
    mean = measured.mean(axis=0)
    axes.fill_between(phase, mean - spread, mean + spread, color=colour, alpha=0.18, linewidth=0)
    axes.plot(phase, mean, color=colour, label=f"robot, mean of {len(measured)}")
    if wanted is not None:
      axes.plot(phase, wanted, color=INK, linestyle="--", linewidth=1.0, label="reference")
    axes.set_xlim(0, 100)
    axes.set_xlabel("% of stride")
    legend_above(axes)

  return draw(f"{name} over the stride", paint)


def _contacts(gait: Gait, shown: np.ndarray, x: np.ndarray) -> str:
  reference = aligned_reference(gait)
  period = float(gait["stride_seconds"]) if "stride_seconds" in gait else 0.0
  rows = [
    (side, gait["contacts"][shown, foot].astype(bool), colour, 1.0)
    for foot, (side, colour) in enumerate(SIDES)
  ]
  if reference and period > 0:
    index = np.round((x / period % 1.0) * (PHASES - 1)).astype(int)
    wanted = reference["reference_contacts"][index] > 0.5
    rows += [(f"{side}, ref.", wanted[:, foot], colour, 0.4) for foot, (side, colour) in enumerate(SIDES)]
  dt = float(np.median(np.diff(x)))

  def paint(axes: Axes) -> None:
    for row, (_, down, colour, alpha) in enumerate(rows):
      axes.broken_barh(_bars(down, x, dt), (row - 0.36, 0.72), color=colour, alpha=alpha, linewidth=0)
    axes.set_yticks(range(len(rows)), [label for label, *_ in rows])
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.set_xlim(0, x[-1])
    axes.set_xlabel("s")

  return draw("contacts of both feet over time", paint)


def _bars(down: np.ndarray, x: np.ndarray, dt: float) -> list[tuple[float, float]]:
  edges = np.diff(np.concatenate([[0], down.astype(int), [0]]))
  starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
  return [(float(x[a]), (b - a) * dt) for a, b in zip(starts, ends, strict=True)]


def _window_start(gait: Gait, window: float) -> float:
  """At a touchdown of the right foot after the first second, where the whole window still follows."""
  time = gait["time"]
  latest = time[-1] - window
  starts = [time[a] for a, _ in strides(gait, foot=0) if time[a] <= latest]
  settled = [t for t in starts if t >= time[0] + 1.0]
  return float((settled or starts or [max(time[0], latest)])[0])


def _closed(cycle: np.ndarray) -> np.ndarray:
  """A periodic [P, ...] at PHASES phases from 0 to 1, both ends included."""
  count = len(cycle)
  rows = np.concatenate([cycle, cycle[:1]]).astype(float).reshape(count + 1, -1)
  at = np.linspace(0, count, PHASES)
  return np.stack([np.interp(at, np.arange(count + 1), column) for column in rows.T], axis=1)
