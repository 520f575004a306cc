"""Inverse kinematics of both legs: where the joints must be for the soles to be at given points and pitch."""

import mujoco
import numpy as np

from wildrobot_exp.robots.robot import FEET, Robot

ITERATIONS = 50
DAMPING = 1e-3  # times the error left, so that it fades at the solution
MAX_STEP = 0.2  # rad per joint and iteration
TOLERANCE = 1e-7  # m, rad


class LegIK:
  """Damped least squares on the model's Jacobians, for one frame at a time.

  A leg has five joints, so a sole's position (3) and its normal (2) are solved for; the sole's heading
  follows and stays within a few degrees. Each solve starts from the pose the caller gives.
  """

  def __init__(self, robot: Robot):
    self.robot = robot
    self.data = mujoco.MjData(robot.model)
    self.sites = [robot.model.site(f"{foot}_foot").id for foot in FEET]
    names = np.array(robot.joint_names)
    legs = [np.char.startswith(names, f"{foot}_") for foot in FEET]
    self.leg_qpos = [robot.joint_qpos[leg] for leg in legs]
    self.leg_qvel = [robot.joint_qvel[leg] for leg in legs]
    self._jac_pos = np.zeros((3, robot.model.nv))
    self._jac_rot = np.zeros((3, robot.model.nv))

  def soles(self, qpos: np.ndarray) -> np.ndarray:
    """Pose the model and give its sole centres in the world, (right, left), [2, 3] m."""
    self.data.qpos[:] = qpos
    mujoco.mj_kinematics(self.robot.model, self.data)
    mujoco.mj_comPos(self.robot.model, self.data)
    return self.data.site_xpos[self.sites]

  def solve(self, qpos: np.ndarray, targets: np.ndarray, pitch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Move the leg joints until the soles are at their targets.

    Args:
      qpos: [nq] the pose to start from; its root is kept.
      targets: [2, 3] sole centres in the world, (right, left), m.
      pitch: [2] how far each sole points toe down, rad.

    Returns:
      The solved pose [nq], and the distance left of each sole (m, 2-norm with the tilt in rad) [2].
      Joint limits are not regarded: the caller checks them.
    """
    qpos = qpos.copy()
    for _ in range(ITERATIONS):
      errors = self._errors(qpos, targets, pitch)
      if np.abs(errors).max() < TOLERANCE:
        break
      for leg in range(2):
        mujoco.mj_jacSite(self.robot.model, self.data, self._jac_pos, self._jac_rot, self.sites[leg])
        dofs = self.leg_qvel[leg]
        jac = np.concatenate([self._jac_pos[:, dofs], self._jac_rot[:2, dofs]])
        damping = DAMPING * np.linalg.norm(errors[leg])
        step = jac.T @ np.linalg.solve(jac @ jac.T + damping * np.eye(5), errors[leg])
        qpos[self.leg_qpos[leg]] += np.clip(step, -MAX_STEP, MAX_STEP)
    return qpos, np.linalg.norm(self._errors(qpos, targets, pitch), axis=-1)

  def _errors(self, qpos: np.ndarray, targets: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """[2, 5] per foot: the way to the target (m), then the rotation (x, y) of its normal (rad)."""
    errors = np.empty((2, 5))
    errors[:, :3] = targets - self.soles(qpos)
    up = self.data.site_xmat[self.sites].reshape(2, 3, 3)[:, :, 2]
    goal = np.stack([np.sin(pitch), np.zeros(2), np.cos(pitch)], axis=-1)
    errors[:, 3:] = np.cross(up, goal)[:, :2]
    return errors
