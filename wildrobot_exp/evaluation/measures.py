"""Numbers from a Record: survival, tracking, effort. NaN where there is nothing to measure."""

import math

import numpy as np
from scipy.stats import binomtest

from wildrobot_exp.evaluation.rollouts import Record
from wildrobot_exp.robots import Robot

SETTLE_SECONDS = 1.0  # not measured: the robot starts at rest
STANDING_SPEED = 0.02  # m/s; below it the cost of transport means nothing


def survived(record: Record) -> np.ndarray:
  """[N] bool: reached the end without a fall."""
  return record.alive[-1]


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
  """The two-sided 95 % score interval of a rate (Wilson 1927)."""
  low, high = binomtest(successes, trials).proportion_ci(confidence_level=0.95, method="wilson")
  return float(low), float(high)


def returns(record: Record) -> np.ndarray:
  """[N] task reward summed over the episode, the step of the fall included."""
  before = np.vstack([np.ones_like(record.alive[:1]), record.alive[:-1]])
  return np.sum(record.reward * before, axis=0)


def cycle_error(
  values: np.ndarray, targets: np.ndarray, alive: np.ndarray, dt: float, cycle: float
) -> np.ndarray:
  """[N] mean absolute error of the average over one gait cycle, after the first second.

  Every window of one cycle that lies between the first second and a fall counts alike.

  Args:
    values: [T, N].
    targets: [N].
    alive: [T, N].
    dt: seconds per step.
    cycle: s.
  """
  first, window = round(SETTLE_SECONDS / dt), max(round(cycle / dt), 1)
  if len(values) < first + window:
    return np.full(values.shape[1], np.nan)
  sums = np.cumsum(np.vstack([np.zeros_like(values[:1]), values])[first:], axis=0, dtype=np.float64)
  error = np.abs((sums[window:] - sums[:-window]) / window - targets)
  return _mean_where(error, alive[first + window - 1 :])


def vx_error(record: Record, cycle: float) -> np.ndarray:
  """[N] m/s, of the forward velocity in the heading frame; see `cycle_error`."""
  return cycle_error(record.linvel[..., 0], record.commands, record.alive, record.dt, cycle)


def vy_error(record: Record, cycle: float) -> np.ndarray:
  """[N] m/s, of the sideways velocity, which should be 0."""
  return cycle_error(record.linvel[..., 1], np.zeros(len(record.commands)), record.alive, record.dt, cycle)


def yaw_rate_error(record: Record, cycle: float) -> np.ndarray:
  """[N] rad/s, of the turning rate, which should be 0."""
  return cycle_error(record.yaw_rate, np.zeros(len(record.commands)), record.alive, record.dt, cycle)


def vx_mean(record: Record) -> float:
  """m/s, forward velocity in the heading frame after the first second, over all robots and steps."""
  return _settled_mean(record, record.linvel[..., 0])


def distance_walked(record: Record) -> np.ndarray:
  """[N] m walked forward before a fall: the integral of the forward velocity in the heading frame."""
  return np.sum(record.linvel[..., 0] * record.alive, axis=0) * record.dt


def drift(record: Record) -> np.ndarray:
  """[N] m on the floor between the start and the last place before a fall."""
  last = np.maximum(record.alive.sum(axis=0) - 1, 0)
  end = record.qpos[last, np.arange(len(last)), :2]
  return np.linalg.norm(end - record.start_pos[:, :2], axis=-1)


def torque_mean(record: Record) -> float:
  """N m, mean magnitude over all joints, robots and physics steps after the first second."""
  return _settled_mean(record, np.abs(record.torque).mean(axis=(-2, -1)))


def power_mean(record: Record) -> float:
  """W, mean over all robots and physics steps after the first second of sum max(0, torque * joint velocity)."""
  return _settled_mean(record, np.maximum(record.torque * record.joint_vel, 0.0).sum(axis=-1).mean(axis=-1))


def cost_of_transport(robot: Robot, power: float, speed: float) -> float:
  """Power / (weight * speed); NaN where the robot stands."""
  if not abs(speed) >= STANDING_SPEED:
    return math.nan
  weight = robot.model.body_subtreemass[0] * np.linalg.norm(robot.model.opt.gravity)
  return float(power / (weight * abs(speed)))


def _settled_mean(record: Record, values: np.ndarray) -> float:
  first = round(SETTLE_SECONDS / record.dt)
  where = record.alive[first:]
  return float(values[first:].mean(where=where, dtype=np.float64)) if where.any() else math.nan


def _mean_where(values: np.ndarray, where: np.ndarray) -> np.ndarray:
  """[N] mean over axis 0 of the values [T, N] that count; NaN where none does."""
  count = where.sum(axis=0)
  total = np.sum(np.where(where, values, 0.0), axis=0, dtype=np.float64)
  return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
