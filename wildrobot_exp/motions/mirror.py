"""Left and right exchanged: which joint mirrors which, and with what sign, read off the model's geometry.

The mirror is the x-z plane of the robot at its zero pose. It turns a point (x, y, z) into (x, -y, z) and a
rotation axis (x, y, z) into (-x, y, -z).
"""

import dataclasses

import mujoco
import numpy as np

from wildrobot_exp.motions.clip import Clip, to_states
from wildrobot_exp.robots.robot import FEET, Robot

POINT = np.array([1.0, -1.0, 1.0])
AXIS = np.array([-1.0, 1.0, -1.0])
QUATERNION = np.array([1.0, -1.0, 1.0, -1.0])  # wxyz: roll and yaw turn the other way, pitch stays
TOLERANCE = 2e-3  # m between a joint's anchor and its partner's mirrored one, and the axes' misalignment


@dataclasses.dataclass(frozen=True, eq=False)
class MirrorMap:
  """Mirrored joint j stands where joint partner[j] stood, times sign[j].

  Attributes:
    partner: [J] int, in joint order; a joint in the middle is its own partner.
    sign: [J] of 1.0 and -1.0.
  """

  partner: np.ndarray
  sign: np.ndarray


def mirror_map(robot: Robot) -> MirrorMap:
  """The partner and sign of every joint, from anchors and axes at the zero pose.

  Raises:
    ValueError: the model is not symmetric about its x-z plane.
  """
  data = mujoco.MjData(robot.model)
  data.qpos[:] = robot.model.qpos0
  mujoco.mj_kinematics(robot.model, data)
  joints = [robot.model.joint(name).id for name in robot.joint_names]
  anchors, axes = data.xanchor[joints] - data.qpos[:3], data.xaxis[joints]
  apart = np.linalg.norm(anchors[:, None] * POINT - anchors[None], axis=-1)
  along = np.einsum("ik,jk->ij", axes * AXIS, axes)
  partner = np.argmin(apart + 1 - np.abs(along), axis=1)
  rows = np.arange(len(joints))
  misfit = apart[rows, partner] + 1 - np.abs(along[rows, partner])
  if misfit.max() > TOLERANCE or (partner[partner] != rows).any():
    worst = robot.joint_names[int(np.argmax(misfit))]
    raise ValueError(f"the model is not symmetric about its x-z plane: {worst} has no mirror image")
  return MirrorMap(partner, np.sign(along[rows, partner]))


def leg_pairs(robot: Robot) -> np.ndarray:
  """[K, 3] int: right joint, left joint (both in joint order), and the sign that mirrors left to right."""
  mirror = mirror_map(robot)
  rights = [j for j, name in enumerate(robot.joint_names) if name.startswith(f"{FEET[0]}_")]
  return np.array([(j, mirror.partner[j], int(mirror.sign[j])) for j in rights])


def mirror_qpos(robot: Robot, qpos: np.ndarray) -> np.ndarray:
  """The mirror image of poses [..., nq]."""
  mirror = mirror_map(robot)
  mirrored = np.array(qpos, dtype=np.float64)
  mirrored[..., :3] *= POINT
  mirrored[..., 3:7] *= QUATERNION
  mirrored[..., robot.joint_qpos] = mirror.sign * qpos[..., robot.joint_qpos[mirror.partner]]
  return mirrored


def mirror_clip(robot: Robot, clip: Clip) -> Clip:
  """The mirror image of a clip: its joints in joint order, the contacts of the feet exchanged.

  Raises:
    UserError: the clip's joints are not the robot's.
  """
  qpos = mirror_qpos(robot, to_states(robot, clip)[0])
  return dataclasses.replace(
    clip,
    joint_names=robot.joint_names,
    dof_pos=qpos[:, robot.joint_qpos],
    root_pos=qpos[:, :3],
    root_quat_wxyz=qpos[:, 3:7],
    contacts=None if clip.contacts is None else clip.contacts[:, ::-1].copy(),
    source=f"{clip.source}, mirrored",
  )
