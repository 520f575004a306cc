"""The mirror map comes from the geometry, and forward kinematics agrees with it."""

import mujoco
import numpy as np

from wildrobot_exp.evaluation.symmetry import leg_pairs


def test_mirrored_joint_angles_put_the_left_foot_where_the_mirrored_right_one_is(robot):
  pairs = leg_pairs(robot)
  assert len(pairs) == 5
  rng = np.random.default_rng(0)
  data = mujoco.MjData(robot.model)
  for _ in range(5):
    angles = rng.uniform(-0.5, 0.5, len(pairs))
    data.qpos[:] = robot.model.qpos0
    data.qpos[robot.joint_qpos[pairs[:, 0]]] = angles
    data.qpos[robot.joint_qpos[pairs[:, 1]]] = angles * pairs[:, 2]
    mujoco.mj_kinematics(robot.model, data)
    right, left = data.site("right_foot").xpos, data.site("left_foot").xpos
    np.testing.assert_allclose(left, right * [1, -1, 1], atol=1e-9)
