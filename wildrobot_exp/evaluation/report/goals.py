"""What a walking policy has to reach, and whether this one does. A goal without its number is left open."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from wildrobot_exp.evaluation.report.run_files import number
from wildrobot_exp.evaluation.report.words import interval, pair_of, percent

SURVIVAL = 0.98
VX_ERROR = 0.05  # m/s
CLEARANCE = 0.015  # m, each foot
FREQUENCY_BAND = 0.2  # share of the reference's stride frequency
LEFT_RIGHT = 0.2  # share of the mean of both feet
DRIFT = 0.10  # m, at command 0
TORQUE = 3.0  # N m, mean over the joints
POWER = 30.0  # W
PUSH_FORCE, PUSH_DIRECTION = 10.0, "lateral"  # N
PUSH_RECOVERY = 0.6
WORLD_SURVIVAL = 0.9  # in each changed world

NOT_MEASURED = "not measured"
ROBUSTNESS_GOALS = ("Push recovery", "Changed worlds")  # what a robot that walks may still lack
GAIT_GOALS = ("Stride frequency", "Swing clearance")  # what tells a walk from a shuffle


@dataclasses.dataclass(frozen=True)
class Goal:
  """One goal beside its result.

  Attributes:
    name: what is judged.
    value: the result with its unit; None if it was not measured.
    goal: the goal in words.
    met: None if it cannot be told.
    note: what the number is, or why there is none.
  """

  name: str
  value: str | None
  goal: str
  met: bool | None
  note: str = ""


@dataclasses.dataclass(frozen=True)
class Verdict:
  """The one thing to know first.

  Attributes:
    text: a few words.
    tone: good, mixed, bad or open.
  """

  text: str
  tone: str


def judge(evaluation: Mapping[str, Any] | None, reference_hz: float | None) -> list[Goal]:
  """All goals, always in the same order.

  Args:
    evaluation: evaluation.json, any block may be missing.
    reference_hz: strides per second of the reference motion, None without one.
  """
  evaluation = evaluation or {}
  gait = _block(evaluation, "gait")
  return [
    _survival(evaluation),
    _vx_error(evaluation),
    _long_walk(_block(evaluation, "long_walk")),
    _frequency(gait, reference_hz),
    _clearance(gait),
    _left_right(gait),
    _drift(evaluation),
    _effort(evaluation, "Joint torque", "torque_mean_nm", TORQUE, "N m"),
    _effort(evaluation, "Power", "power_mean_w", POWER, "W"),
    _pushes(evaluation.get("pushes")),
    _worlds(evaluation.get("worlds")),
  ]


def verdict(goals: Sequence[Goal]) -> Verdict:
  """Does the robot walk? It falls, or ignores the command, or misses goals, or walks.

  A shuffle survives and follows the command too, so without its gait nothing is called walking.
  A robot walks even if a push or another world fells it, but that is said with it.
  """
  fragile = [goal.name.lower() for goal in goals if goal.name in ROBUSTNESS_GOALS and goal.met is False]
  goals = [goal for goal in goals if goal.name not in ROBUSTNESS_GOALS]
  survival, vx_error, *others = goals
  missed = [goal.name.lower() for goal in others if goal.met is False]
  open_goals = [goal for goal in goals if goal.met is None]
  if survival.met is None or vx_error.met is None:
    return Verdict("Not evaluated", "open")
  if not survival.met:
    return Verdict("Falls", "bad")
  if not vx_error.met:
    return Verdict("Stays up, but misses the commanded speed", "bad")
  if missed:
    return Verdict(f"Moves as commanded, but misses: {', '.join(missed)}", "mixed")
  if any(goal.name in GAIT_GOALS for goal in open_goals):
    return Verdict("Moves as commanded, but its gait was not judged", "mixed")
  text = "Walks, as far as measured" if open_goals else "Walks"
  if fragile:
    text += f", but is not robust: {', '.join(fragile)}"
  return Verdict(text, "mixed" if open_goals or fragile else "good")


def stride_frequency(gait: Mapping[str, Any]) -> float | None:
  """Strides per second, the mean of both feet, or half the step frequency: a stride is two steps."""
  pair = pair_of(gait.get("stride_frequency_hz"))
  if pair:
    return sum(pair) / 2
  step = number(gait.get("step_frequency_hz"))
  return None if step is None else step / 2


def _block(evaluation: Mapping[str, Any], name: str) -> Mapping[str, Any]:
  block = evaluation.get(name)
  return block if isinstance(block, Mapping) else {}


def _survival(evaluation: Mapping[str, Any]) -> Goal:
  value = number(evaluation.get("survival"))
  goal = f"at least {SURVIVAL:.0%} of episodes without a fall"
  if value is None:
    return Goal("Survival", None, goal, None, NOT_MEASURED)
  return Goal("Survival", percent(value), goal, value >= SURVIVAL, interval(evaluation.get("survival_ci")))


def _vx_error(evaluation: Mapping[str, Any]) -> Goal:
  value = number(evaluation.get("vx_error"))
  goal = f"at most {VX_ERROR:.3f} m/s"
  if value is None:
    return Goal("Speed error", None, goal, None, NOT_MEASURED)
  return Goal("Speed error", f"{value:.3f} m/s", goal, value <= VX_ERROR)


def _long_walk(walk: Mapping[str, Any]) -> Goal:
  distance, rollouts, completed = (
    number(walk.get(key)) for key in ("distance_goal_m", "rollouts", "completed")
  )
  if distance is None or completed is None or not rollouts:
    return Goal("Long walk", None, "all of them arrive", None, NOT_MEASURED)
  value = f"{completed:.0f} of {rollouts:.0f}"
  note = interval(walk.get("completed_ci"))
  return Goal("Long walk", value, f"all walk {distance:g} m without a fall", completed >= rollouts, note)


def _frequency(gait: Mapping[str, Any], reference_hz: float | None) -> Goal:
  value = stride_frequency(gait)
  goal = f"within {FREQUENCY_BAND:.0%} of the reference"
  if value is None:
    return Goal("Stride frequency", None, goal, None, NOT_MEASURED)
  if not reference_hz:
    return Goal("Stride frequency", f"{value:.2f} Hz", goal, None, "no reference to compare with")
  met = abs(value - reference_hz) <= FREQUENCY_BAND * reference_hz
  return Goal("Stride frequency", f"{value:.2f} Hz", f"{goal}, {reference_hz:.2f} Hz", met)


def _clearance(gait: Mapping[str, Any]) -> Goal:
  goal = f"at least {CLEARANCE * 1000:.0f} mm, both feet"
  pair = pair_of(gait.get("swing_clearance_feet_m"))
  if pair is None:
    one = number(gait.get("swing_clearance_m"))
    note = NOT_MEASURED if one is None else "one number only: the feet cannot be told apart"
    return Goal("Swing clearance", None if one is None else f"{one * 1000:.0f} mm", goal, None, note)
  right, left = (1000 * foot for foot in pair)
  return Goal("Swing clearance", f"{right:.0f} | {left:.0f} mm", goal, min(pair) >= CLEARANCE, "right | left")


def _left_right(gait: Mapping[str, Any]) -> Goal:
  goal = f"under {LEFT_RIGHT:.0%}"
  differences = {}
  for key, name in (("swing_clearance_feet_m", "clearance"), ("stride_frequency_hz", "stride frequency")):
    pair = pair_of(gait.get(key))
    if pair and sum(pair) > 0:
      differences[name] = abs(pair[0] - pair[1]) / (sum(pair) / 2)
  if not differences:
    return Goal("Left / right difference", None, goal, None, NOT_MEASURED)
  worst = max(differences, key=differences.get)
  return Goal(
    "Left / right difference",
    percent(differences[worst]),
    goal,
    differences[worst] < LEFT_RIGHT,
    f"of {worst}",
  )


def _drift(evaluation: Mapping[str, Any]) -> Goal:
  name, goal = "Drift at command 0", f"at most {DRIFT * 100:.0f} cm"
  for command in evaluation.get("commands") or []:
    drift = number(command.get("drift_m"))
    if number(command.get("vx")) == 0.0 and drift is not None:
      return Goal(name, f"{drift * 100:.1f} cm", goal, drift <= DRIFT)
  return Goal(name, None, goal, None, NOT_MEASURED)


def _effort(evaluation: Mapping[str, Any], name: str, key: str, most: float, unit: str) -> Goal:
  goal = f"under {most:g} {unit} at every speed"
  values = [number(command.get(key)) for command in evaluation.get("commands") or []]
  if not values or None in values:
    return Goal(name, None, goal, None, NOT_MEASURED)
  return Goal(name, f"{max(values):.2g} {unit}", goal, max(values) < most, "mean, at the most costly speed")


def _pushes(pushes: Any) -> Goal:
  name, goal = "Push recovery", f"at least {PUSH_RECOVERY:.0%} of {PUSH_FORCE:g} N {PUSH_DIRECTION} pushes"
  for push in _rows(pushes):
    rate = number(push.get("recovered"))
    if number(push.get("force_n")) == PUSH_FORCE and push.get("direction") == PUSH_DIRECTION and rate is not None:
      return Goal(name, percent(rate), goal, rate >= PUSH_RECOVERY, interval(push.get("recovered_ci")))
  return Goal(name, None, goal, None, NOT_MEASURED)


def _worlds(worlds: Any) -> Goal:
  name, goal = "Changed worlds", f"at least {WORLD_SURVIVAL:.0%} survival in each"
  measured = [row for row in _rows(worlds) if number(row.get("survival")) is not None]
  if not measured:
    return Goal(name, None, goal, None, f"{NOT_MEASURED}: wildrobot eval RUN evaluation.worlds.enabled=true")
  worst = min(measured, key=lambda row: row["survival"])
  rate, ends = worst["survival"], interval(worst.get("survival_ci"))
  where = f"all {len(measured)}" if rate == 1 else f"lowest of {len(measured)}: {worst.get('world')}"
  errors = [error for row in measured if (error := number(row.get("vx_error"))) is not None]
  off = f"speed off by up to {max(errors):.3f} m/s" if errors else ""
  note = ", ".join(part for part in (where, ends, off) if part)
  return Goal(name, percent(rate), goal, rate >= WORLD_SURVIVAL, note)


def _rows(block: Any) -> list[Mapping[str, Any]]:
  return [row for row in block if isinstance(row, Mapping)] if isinstance(block, list) else []
