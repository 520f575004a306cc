"""Which order of the quaternion's numbers keeps the robot upright and going forward?

A base that faces +x is [1, 0, 0, 0] with w first and [0, 0, 0, 1] with w last. The first one read as w last is
upside down; the second one read as w first still stands, but faces where it comes from.
"""

from collections.abc import Mapping

import numpy as np

from wildrobot_exp.motions.clip import Clip
from wildrobot_exp.motions.formats.quaternions import Attitude, attitude
from wildrobot_exp.motions.lint.findings import Finding

UPRIGHT = 0.8  # mean z of the base's up axis
FALLEN = 0.5
GOES = 0.02  # m/s


def check_quaternion_order(read: Attitude, others: Mapping[str, Attitude]) -> Finding:
  """Judge the order in use against the others.

  Args:
    read: the base as it was read.
    others: the base under other orders, by what to do to get it.
  """
  backwards = read.forward < -GOES
  if read.up >= UPRIGHT and not backwards:
    return Finding("quaternion-order", "ok", f"the base is upright (its up axis is {read.up:.2f} up on average)")
  seen = f"walks backwards ({read.forward:+.2f} m/s)" if read.up >= UPRIGHT else f"is not upright ({read.up:+.2f})"
  for change, other in others.items():
    if other.up >= UPRIGHT and (read.up < UPRIGHT or other.forward > GOES):
      better = f"upright ({other.up:+.2f}) and goes {other.forward:+.2f} m/s"
      sure = read.up < UPRIGHT or other.along_x > read.along_x  # recordings mostly face +x
      level = "refuse" if sure else "warn"
      return Finding("quaternion-order", level, f"the base {seen} as read; it is {better} {change}")
  if read.up >= UPRIGHT:
    return Finding("quaternion-order", "ok", f"the base is upright and {seen}, no other order suits it better")
  level = "refuse" if read.up < FALLEN else "warn"
  return Finding(
    "quaternion-order", level, f"the base {seen} under any order of the numbers: check the up axis and the root"
  )


def clip_quaternion_order(clip: Clip) -> Finding:
  """The check on a clip, whose order is wxyz by promise."""

  def under(shift: int) -> Attitude:
    return attitude(np.roll(clip.root_quat_wxyz, shift, axis=1), clip.root_pos, clip.fps)

  return check_quaternion_order(
    under(0),
    {
      "if root_quat_wxyz is really xyzw: move its last column to the front": under(1),
      "if it was wxyz and read as xyzw: move its first column to the end": under(-1),
    },
  )
