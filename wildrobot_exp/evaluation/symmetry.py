"""Do the two legs do the same half a cycle apart? The mirror map comes from the model's geometry."""

import itertools

import mujoco
import numpy as np

from wildrobot_exp.robots import Robot

PHASES = 50  # samples of one stride, even
LEAST_MOTION = 1e-3  # rad; legs that move less are standing, and have no cycle to compare


def leg_pairs(robot: Robot) -> np.ndarray:
  """[K, 3] int: right joint, left joint (both in joint order), and the sign that mirrors left to right.

  A rotation axis mirrored in the x-z plane is (-x, y, -z): the sign says whether the right joint turns
  about the mirrored left axis or against it.
  """
  data = mujoco.MjData(robot.model)
  data.qpos[:] = robot.model.qpos0
  mujoco.mj_kinematics(robot.model, data)
  axes = {name: data.xaxis[robot.model.joint(name).id] for name in robot.joint_names}
  pairs = []
  for name in robot.joint_names:
    if name.startswith("right_"):
      other = name.replace("right_", "left_", 1)
      sign = np.sign(axes[name] @ (axes[other] * [-1.0, 1.0, -1.0]))
      pairs.append((robot.joint_index(name), robot.joint_index(other), int(sign)))
  return np.array(pairs)


def cycle_symmetry(joints: np.ndarray, pairs: np.ndarray, touchdowns: np.ndarray) -> float:
  """1 - rms(R - L) / (rms(R - mean R) + rms(L - mean L)), at least 0; NaN without a stride.

  R and L [phases, K] are the legs' mean joint angles over a stride, the left ones mirrored and shifted by
  half a stride. 1: the legs do the same half a cycle apart. 0: they differ as much as they move, like a limp
  with one stiff leg.

  Args:
    joints: [T, J] rad.
    pairs: [K, 3] from `leg_pairs`.
    touchdowns: of the right foot, indices into T; they cut the strides.
  """
  if len(touchdowns) < 2:
    return float("nan")
  right = _mean_stride(joints[:, pairs[:, 0]], touchdowns)
  left = np.roll(_mean_stride(joints[:, pairs[:, 1]] * pairs[:, 2], touchdowns), PHASES // 2, axis=0)
  motion = _rms(right - right.mean(axis=0)) + _rms(left - left.mean(axis=0))
  if motion < LEAST_MOTION:
    return float("nan")
  return float(max(1.0 - _rms(right - left) / motion, 0.0))


def _mean_stride(values: np.ndarray, downs: np.ndarray) -> np.ndarray:
  """[phases, K] mean over strides of values [T, K], each stride stretched to the same length."""
  phase = np.arange(PHASES) / PHASES
  rows = np.arange(len(values))
  strides = [
    [np.interp(begin + phase * (end - begin), rows, column) for column in values.T]
    for begin, end in itertools.pairwise(downs)
  ]
  return np.mean(strides, axis=0).T


def _rms(values: np.ndarray) -> float:
  return float(np.sqrt(np.mean(values**2)))
