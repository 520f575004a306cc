"""What a clip does on the floor, by forward kinematics."""

import mujoco
import numpy as np

from wildrobot_exp.motions import Clip, to_states
from wildrobot_exp.motions.gait import SERVO_SPEED
from wildrobot_exp.robots import Robot
from wildrobot_exp.robots.robot import FEET


def soles(robot: Robot, qpos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Sole centres [T, 2, 3] and the height of the sole's lowest corner [T, 2], m."""
  data = mujoco.MjData(robot.model)
  radius = robot.model.geom("right_sole_front_left").size[0]
  corners = [f"{end}_{side}" for end in ("front", "back") for side in ("left", "right")]
  centres, lowest = [], []
  for q in qpos:
    data.qpos[:] = q
    mujoco.mj_kinematics(robot.model, data)
    centres.append([data.site(f"{foot}_foot").xpos.copy() for foot in FEET])
    lowest.append([min(data.geom(f"{foot}_sole_{c}").xpos[2] for c in corners) - radius for foot in FEET])
  return np.array(centres), np.array(lowest)


def assert_sane(robot: Robot, clip: Clip) -> None:
  """Stance feet stand still on the floor, no foot is under it, joints keep their range and the servos' speed."""
  qpos, qvel = to_states(robot, clip)
  centres, lowest = soles(robot, qpos)
  assert lowest.min() > -5e-4
  assert lowest[clip.contacts].max() < 5e-4
  for foot in range(2):
    down = clip.contacts[:, foot]
    flat = down[1:] & down[:-1] & (np.abs(np.diff(centres[:, foot, 2])) < 1e-5)  # not rolling over the toe
    assert np.linalg.norm(np.diff(centres[:, foot, :2], axis=0), axis=1)[flat].max() * clip.fps < 0.02
  low, high = robot.joint_range.T
  assert (clip.dof_pos >= low).all() and (clip.dof_pos <= high).all()
  assert np.abs(qvel[:, robot.joint_qvel]).max() < SERVO_SPEED
