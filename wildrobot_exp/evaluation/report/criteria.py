"""One goal each: its bound, and how a number of evaluation.json is judged by it. Without its number a goal is open.

The bounds are the robot's goals where it has some (speed, distance, torque, power, pushes, the other engine, the
export), else what tells a walk from a shuffle.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from wildrobot_exp.evaluation.report.run_files import number
from wildrobot_exp.evaluation.report.words import interval, pair_of, percent

SURVIVAL = 0.98
VX_ERROR = 0.05  # m/s, at every speed
VX_ERROR_LIMIT = 0.10  # m/s; beyond it the command is not followed
FASTEST = 0.8  # m/s, what the robot has to walk at in the end
DISTANCE = 50.0  # m, of the long walk
CLEARANCE = 0.015  # m, each foot
FREQUENCY_BAND = 0.2  # share of the reference's stride frequency
LEFT_RIGHT = 0.2  # share of the mean of both feet
DRIFT = 0.10  # m, at command 0
TORQUE = 3.0  # N m, mean over the joints
POWER = 30.0  # W
PUSH_FORCE, PUSH_DIRECTION = 10.0, "lateral"  # N
PUSH_RECOVERY = 0.6
WORLD_SURVIVAL = 0.9  # in each changed world
ENGINE_LOSS = 0.05  # of survival, in the other physics engine
PARITY = 1e-5  # difference of an action
LATENCY_MS = 1.0

NOT_MEASURED = "not measured"


@dataclasses.dataclass(frozen=True)
class Goal:
  """One goal beside its result.

  Attributes:
    name: what is judged.
    value: the result with its unit; None if it was not measured.
    goal: the goal in words.
    met: None if it cannot be told.
    note: what the number is, or why there is none.
    bad: missed by so much that nothing else counts.
  """

  name: str
  value: str | None
  goal: str
  met: bool | None
  note: str = ""
  bad: bool = False


def stride_frequency(gait: Mapping[str, Any]) -> float | None:
  """Strides per second, the mean of both feet, or half the step frequency: a stride is two steps."""
  pair = pair_of(gait.get("stride_frequency_hz"))
  if pair:
    return sum(pair) / 2
  step = number(gait.get("step_frequency_hz"))
  return None if step is None else step / 2


def block(evaluation: Mapping[str, Any], name: str) -> Mapping[str, Any]:
  """A part of evaluation.json; {} if it is not there."""
  block = evaluation.get(name)
  return block if isinstance(block, Mapping) else {}


def survival(evaluation: Mapping[str, Any]) -> Goal:
  """Share of episodes without a fall."""
  value = number(evaluation.get("survival"))
  goal = f"at least {SURVIVAL:.0%} of episodes without a fall"
  if value is None:
    return Goal("Survival", None, goal, None, NOT_MEASURED)
  return Goal("Survival", percent(value), goal, value >= SURVIVAL, interval(evaluation.get("survival_ci")))


def vx_error(evaluation: Mapping[str, Any]) -> Goal:
  """The commanded speed is followed, judged where it is followed worst."""
  goal = f"at most {VX_ERROR:.2f} m/s at every speed"
  mean, by_speed = number(evaluation.get("vx_error")), _by_speed(evaluation, "vx_error")
  if mean is None:
    return Goal("Speed error", None, goal, None, NOT_MEASURED)
  if not by_speed or None in by_speed.values():
    note = "the mean over all speeds" if not by_speed else "the mean; at some speeds there was nothing to measure"
    bad = mean > VX_ERROR_LIMIT
    return Goal("Speed error", f"{mean:.3f} m/s", goal, False if mean > VX_ERROR else None, note, bad)
  speed, worst = max(by_speed.items(), key=lambda item: item[1])
  note = f"the worst, at {speed:g} m/s; {mean:.3f} on average"
  return Goal("Speed error", f"{worst:.3f} m/s", goal, worst <= VX_ERROR, note, worst > VX_ERROR_LIMIT)


def top_speed(evaluation: Mapping[str, Any]) -> Goal:
  """The fastest commanded speed that is followed, against the one it has to follow in the end."""
  goal = f"follows {FASTEST:g} m/s without a fall"
  errors, survival = _by_speed(evaluation, "vx_error"), _by_speed(evaluation, "survival")
  followed = [
    speed
    for speed, error in errors.items()
    if error is not None and error <= VX_ERROR and (survival.get(speed) or 0.0) >= SURVIVAL
  ]
  if not errors:
    return Goal("Top speed", None, goal, None, NOT_MEASURED)
  fastest, asked = max(followed, default=0.0), max(errors)
  note = f"of {asked:g} m/s asked"
  return Goal("Top speed", f"{fastest:.2f} m/s", goal, fastest >= FASTEST, note)


def _by_speed(evaluation: Mapping[str, Any], key: str) -> dict[float, float | None]:
  """Commanded speed, m/s -> the number of that row; None where there is none."""
  rows = {number(row.get("vx")): number(row.get(key)) for row in _rows(evaluation.get("commands"))}
  return {speed: value for speed, value in rows.items() if speed is not None}


def long_walk(walk: Mapping[str, Any]) -> Goal:
  """Every rollout arrives; a shorter walk than the goal's can miss it, not meet it."""
  goal = f"all walk {DISTANCE:g} m without a fall"
  distance, rollouts, completed = (
    number(walk.get(key)) for key in ("distance_goal_m", "rollouts", "completed")
  )
  if distance is None or completed is None or not rollouts:
    return Goal("Long walk", None, goal, None, NOT_MEASURED)
  value, note = f"{completed:.0f} of {rollouts:.0f}", interval(walk.get("completed_ci"))
  met = completed >= rollouts
  if distance < DISTANCE:
    note, met = f"{note}, {distance:g} m only".lstrip(", "), None if met else False
  return Goal("Long walk", value, goal, met, note)


def frequency(gait: Mapping[str, Any], reference_hz: float | None) -> Goal:
  """Strides per second beside those of the reference."""
  value = stride_frequency(gait)
  goal = f"within {FREQUENCY_BAND:.0%} of the reference"
  if value is None:
    return Goal("Stride frequency", None, goal, None, NOT_MEASURED)
  if not reference_hz:
    return Goal("Stride frequency", f"{value:.2f} Hz", goal, None, "no reference to compare with")
  met = abs(value - reference_hz) <= FREQUENCY_BAND * reference_hz
  return Goal("Stride frequency", f"{value:.2f} Hz", f"{goal}, {reference_hz:.2f} Hz", met)


def clearance(gait: Mapping[str, Any]) -> Goal:
  """Both feet leave the floor."""
  goal = f"at least {CLEARANCE * 1000:.0f} mm, both feet"
  pair = pair_of(gait.get("swing_clearance_feet_m"))
  if pair is None:
    one = number(gait.get("swing_clearance_m"))
    note = NOT_MEASURED if one is None else "one number only: the feet cannot be told apart"
    return Goal("Swing clearance", None if one is None else f"{one * 1000:.0f} mm", goal, None, note)
  right, left = (1000 * foot for foot in pair)
  return Goal("Swing clearance", f"{right:.0f} | {left:.0f} mm", goal, min(pair) >= CLEARANCE, "right | left")


def left_right(gait: Mapping[str, Any]) -> Goal:
  """Both feet do the same."""
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


def drift(evaluation: Mapping[str, Any]) -> Goal:
  """Told to stand, it stays."""
  name, goal = "Drift at command 0", f"at most {DRIFT * 100:.0f} cm"
  drift = _by_speed(evaluation, "drift_m").get(0.0)
  if drift is None:
    return Goal(name, None, goal, None, NOT_MEASURED)
  return Goal(name, f"{drift * 100:.1f} cm", goal, drift <= DRIFT)


def effort(evaluation: Mapping[str, Any], name: str, key: str, most: float, unit: str) -> Goal:
  """A mean, at the commanded speed where it is highest."""
  goal = f"under {most:g} {unit} at every speed"
  values = list(_by_speed(evaluation, key).values())
  if not values or None in values:
    return Goal(name, None, goal, None, NOT_MEASURED)
  return Goal(name, f"{max(values):.2g} {unit}", goal, max(values) < most, "mean, at the most costly speed")


def pushes(pushes: Any) -> Goal:
  """The share of pushes it survives."""
  name, goal = "Push recovery", f"at least {PUSH_RECOVERY:.0%} of {PUSH_FORCE:g} N {PUSH_DIRECTION} pushes"
  for push in _rows(pushes):
    rate = number(push.get("recovered"))
    if number(push.get("force_n")) == PUSH_FORCE and push.get("direction") == PUSH_DIRECTION and rate is not None:
      return Goal(name, percent(rate), goal, rate >= PUSH_RECOVERY, interval(push.get("recovered_ci")))
  return Goal(name, None, goal, None, NOT_MEASURED)


def worlds(worlds: Any) -> Goal:
  """Survival in the worst of the changed worlds, the other engine apart."""
  name, goal = "Changed worlds", f"at least {WORLD_SURVIVAL:.0%} survival in each"
  measured = [
    row for row in _rows(worlds) if number(row.get("survival")) is not None and not _is_other_engine(row)
  ]
  if not measured:
    return Goal(name, None, goal, None, f"{NOT_MEASURED}: wildrobot eval RUN evaluation.worlds.enabled=true")
  worst = min(measured, key=lambda row: row["survival"])
  rate, ends = worst["survival"], interval(worst.get("survival_ci"))
  where = f"all {len(measured)}" if rate == 1 else f"lowest of {len(measured)}: {worst.get('world')}"
  errors = [error for row in measured if (error := number(row.get("vx_error"))) is not None]
  off = f"speed off by up to {max(errors):.3f} m/s" if errors else ""
  note = ", ".join(part for part in (where, ends, off) if part)
  return Goal(name, percent(rate), goal, rate >= WORLD_SURVIVAL, note)


def other_engine(evaluation: Mapping[str, Any]) -> Goal:
  """Sim2sim: what is lost in the other physics engine."""
  name, goal = "Other engine", f"at most {ENGINE_LOSS * 100:.0f} points of survival lost"
  own = number(evaluation.get("survival"))
  for row in filter(_is_other_engine, _rows(evaluation.get("worlds"))):
    there = number(row.get("survival"))
    if own is not None and there is not None:
      note = ", ".join(part for part in (str(row.get("physics")), interval(row.get("survival_ci"))) if part)
      return Goal(name, percent(there), goal, own - there <= ENGINE_LOSS + 1e-9, note)
  return Goal(name, None, goal, None, f"{NOT_MEASURED}: wildrobot eval RUN evaluation.worlds.enabled=true")


def exported(contract: Mapping[str, Any]) -> Goal:
  """The exported policy is the policy, quickly enough for the robot."""
  name = "Exported policy"
  goal = f"actions differ by less than {PARITY:g}, under {LATENCY_MS:g} ms, walks alike"
  error = number(block(contract, "parity").get("max_abs_error"))
  latency = number(block(contract, "latency").get("median_ms"))
  if error is None or latency is None:
    return Goal(name, None, goal, None, f"{NOT_MEASURED}: wildrobot export RUN")
  loop = block(contract, "closed_loop").get("passed")
  met = error < PARITY and latency < LATENCY_MS and loop is not False
  note = {True: "walks alike", False: "walks differently"}.get(loop, "not compared with the original's walk")
  return Goal(name, f"{error:.1e}, {latency:.3f} ms", goal, None if met and loop is None else met, note)


def _is_other_engine(world: Mapping[str, Any]) -> bool:
  return str(world.get("world")).startswith("engine ")


def _rows(block: Any) -> list[Mapping[str, Any]]:
  return [row for row in block if isinstance(row, Mapping)] if isinstance(block, list) else []
