"""Do the two legs do the same half a cycle apart?"""

import itertools

import numpy as np

from wildrobot_exp.motions.mirror import leg_pairs

__all__ = ["cycle_symmetry", "leg_pairs"]

PHASES = 50  # samples of one stride, even
LEAST_MOTION = 1e-3  # rad; legs that move less are standing, and have no cycle to compare


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
  right = mean_stride(joints[:, pairs[:, 0]], touchdowns)
  left = np.roll(mean_stride(joints[:, pairs[:, 1]] * pairs[:, 2], touchdowns), PHASES // 2, axis=0)
  motion = _rms(right - right.mean(axis=0)) + _rms(left - left.mean(axis=0))
  if motion < LEAST_MOTION:
    return float("nan")
  return float(max(1.0 - _rms(right - left) / motion, 0.0))


def mean_stride(values: np.ndarray, downs: np.ndarray) -> np.ndarray:
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
