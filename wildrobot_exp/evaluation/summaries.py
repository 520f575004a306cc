"""Measures as the JSON of evaluation.json: plain numbers, null where there is nothing to measure."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from wildrobot_exp.evaluation import measures as m
from wildrobot_exp.evaluation.gait import Gait, record_gait
from wildrobot_exp.evaluation.rollouts import Record
from wildrobot_exp.evaluation.strides import joint_rms, record_stride
from wildrobot_exp.evaluation.style import Style
from wildrobot_exp.robots import Robot

DIGITS = 6  # significant
CLIP_SPEED_TOLERANCE = 0.02  # m/s between a command and the clip beside it
MOST_FEATURES = 8  # of a style block: the numbers that differ most

Json = dict[str, Any]


def number(value: float) -> float | None:
  """`value` with 6 significant digits; None where it is not finite."""
  return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None


def mean(values: np.ndarray) -> float | None:
  """Mean over the robots that have a value; None if none has."""
  values = values[np.isfinite(values)]
  return number(float(values.mean())) if len(values) else None


def rate(name: str, successes: np.ndarray) -> Json:
  """A rate of successes [N] bool and its 95 % interval."""
  low, high = m.wilson_interval(int(successes.sum()), len(successes))
  return {name: number(float(successes.mean())), f"{name}_ci": [number(low), number(high)]}


def outcome(record: Record, cycle: float) -> Json:
  """Survival, tracking and task return of all episodes of a record."""
  tracking = {"vx_error": mean(m.vx_error(record, cycle)), "return": mean(m.returns(record))}
  return rate("survival", m.survived(record)) | tracking


def baseline(record: Record, cycle: float) -> Json:
  """What a policy has to beat."""
  return {"episodes": len(record.commands)} | outcome(record, cycle)


def command_row(
  robot: Robot,
  record: Record,
  cycle: float,
  reference: Mapping[float, Gait],
  strides: Mapping[float, np.ndarray],
) -> Json:
  """All episodes of one commanded speed.

  Args:
    robot: the robot.
    record: its episodes.
    cycle: s, of one gait cycle.
    reference: gaits of the reference clips by their speed.
    strides: mean strides of the reference clips by their speed.
  """
  command = float(record.commands[0])
  speed, power = m.vx_mean(record), m.power_mean(record)
  row = (
    {"vx": number(command), "episodes": len(record.commands)}
    | rate("survival", m.survived(record))
    | {
      "vx_mean": number(speed),
      "vx_error": mean(m.vx_error(record, cycle)),
      "vy_error": mean(m.vy_error(record, cycle)),
      "yaw_rate_error": mean(m.yaw_rate_error(record, cycle)),
      "distance_m": mean(m.distance_walked(record)),
      "torque_mean_nm": number(m.torque_mean(record)),
      "power_mean_w": number(power),
      "cost_of_transport": number(m.cost_of_transport(robot, power, speed)),
    }
  )
  if command == 0:
    row["drift_m"] = mean(m.drift(record))
  clip_speed = beside(strides, command)
  wanted = None if clip_speed is None else strides[clip_speed]
  row["joint_rms_rad"] = number(joint_rms(record_stride(robot, record), wanted))
  gait = record_gait(robot, record)
  if gait is not None:
    row["gait"] = gait_block(gait, command, reference)
  return row


def beside(clips: Mapping[float, Any], command: float) -> float | None:
  """The speed of the clip that a commanded speed is compared with; None where no clip is near enough."""
  nearest = min(clips, key=lambda speed: abs(speed - command), default=None)
  return nearest if nearest is not None and abs(nearest - command) <= CLIP_SPEED_TOLERANCE else None


def gait_block(gait: Gait, command: float, reference: Mapping[float, Gait]) -> Json:
  """A gait, with the reference clip of the commanded speed beside it where there is one."""
  block = gait_json(gait)
  clip_speed = beside(reference, command)
  if clip_speed is not None:
    block["reference"] = {"clip_speed": number(clip_speed)} | gait_json(reference[clip_speed])
  return block


def style_block(style: Style, motion: str, rows: list[Json]) -> Json:
  """How far from the reference motion of that name; `rows` are the command rows."""
  off = np.array([row["joint_rms_rad"] for row in rows if row["joint_rms_rad"] is not None])
  return {
    "reference": motion,
    "feature_distance": number(style.feature_distance),
    "classifier_auc": number(style.classifier_auc),
    "joint_rms_rad": mean(off),
    "field_auc": {name: number(value) for name, value in style.field_auc.items()},
    "furthest_features": {name: number(value) for name, value in list(style.feature_distances.items())[:MOST_FEATURES]},
  }


def gait_json(gait: Gait) -> Json:
  """A gait; pairs are right then left, and the single numbers their means."""

  def pair(values: tuple[float, float]) -> list[float | None]:
    return [number(value) for value in values]

  return {
    "vx": number(gait.vx),
    "step_frequency_hz": number(sum(gait.stride_frequency)),
    "stride_frequency_hz": pair(gait.stride_frequency),
    "duty_factor": pair(gait.duty_factor),
    "double_support": number(gait.double_support),
    "swing_clearance_m": mean(np.array(gait.swing_clearance)),
    "swing_clearance_feet_m": pair(gait.swing_clearance),
    "symmetry": number(gait.symmetry),
    "knee_range_rad": mean(np.array(gait.knee_range)),
    "knee_range_knees_rad": pair(gait.knee_range),
  }
