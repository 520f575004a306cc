"""A clip on the robot's own model: states, accelerations and where the soles are."""

import dataclasses
import functools

import mujoco
import numpy as np

from wildrobot_exp.motions.clip import Clip, to_states
from wildrobot_exp.motions.soles import sole_points
from wildrobot_exp.robots import Robot

CONTACT_HEIGHT = 0.005  # m, a sole with a corner below this stands on the floor


@dataclasses.dataclass(frozen=True, eq=False)
class Posed:
  """A clip played by kinematics. Feet are right then left.

  Attributes:
    robot: whose model it is.
    clip: the motion.
    qpos: [T, nq]. qvel: [T, nv].
    corners: [T, 2, 4, 3] lowest points of the soles' corners in the world, m.
    soles: [T, 2, 3] sole centres in the world, m.
  """

  robot: Robot
  clip: Clip
  qpos: np.ndarray
  qvel: np.ndarray
  corners: np.ndarray
  soles: np.ndarray

  @functools.cached_property
  def joints(self) -> np.ndarray:
    """[T, J] in joint order, rad."""
    return self.qpos[:, self.robot.joint_qpos]

  @functools.cached_property
  def heights(self) -> np.ndarray:
    """[T, 2] of each sole's lowest corner above the floor, m."""
    return self.corners[..., 2].min(axis=2)

  @functools.cached_property
  def stance(self) -> np.ndarray:
    """[T, 2] bool: which sole touches the floor, by kinematics alone."""
    return self.heights < CONTACT_HEIGHT

  @functools.cached_property
  def qacc(self) -> np.ndarray:
    """[T, nv] central differences of qvel, around the seam of a loop."""
    if self.clip.loop:
      return (np.roll(self.qvel, -1, axis=0) - np.roll(self.qvel, 1, axis=0)) * self.clip.fps / 2
    return np.gradient(self.qvel, 1 / self.clip.fps, axis=0)

  @functools.cached_property
  def steps(self) -> np.ndarray:
    """[T - 1 or T, nv] tangent steps from each frame to the next; a loop's last one crosses its seam."""
    frames = np.concatenate([self.qpos, self.qpos[:1]]) if self.clip.loop else self.qpos.copy()
    if self.clip.loop:
      frames[-1, 0] += self.clip.speed * self.clip.seconds
    steps = np.empty((len(frames) - 1, self.robot.model.nv))
    for step, here, there in zip(steps, frames, frames[1:], strict=False):
      mujoco.mj_differentiatePos(self.robot.model, step, 1.0, here, there)
    return steps

  def at(self, frame: int) -> str:
    """A frame as people look it up: number and time."""
    return f"frame {frame} ({frame / self.clip.fps:.2f} s)"


def pose(robot: Robot, clip: Clip) -> Posed:
  """Play the clip by forward kinematics.

  Raises:
    UserError: the clip's joints are not the robot's.
  """
  qpos, qvel = to_states(robot, clip)
  return Posed(robot, clip, qpos, qvel, *sole_points(robot, qpos))
