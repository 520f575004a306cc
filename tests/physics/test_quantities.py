"""What rewards and features read from a state, against MuJoCo's own functions."""

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from wildrobot_exp.errors import UserError
from wildrobot_exp.physics import quantities as q
from wildrobot_exp.robots.robot import FEET


@pytest.fixture
def tumbling(robot, airborne):
  """(state of one robot, the same in MuJoCo)."""
  state = jax.tree.map(lambda x: x[7], airborne)
  data = mujoco.MjData(robot.model)
  data.qpos[:], data.qvel[:] = state.qpos, state.qvel
  data.ctrl[:] = data.qpos[robot.joint_qpos]
  mujoco.mj_forward(robot.model, data)
  return state, data


def heading_matrix(data):
  """Rotation from the world to the heading frame, from where the base's x axis points."""
  w, x, y, z = data.qpos[3:7] / np.linalg.norm(data.qpos[3:7])
  yaw = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
  forward = data.body("waist").xmat.reshape(3, 3)[:, 0]
  assert yaw == pytest.approx(np.arctan2(forward[1], forward[0]), abs=1e-5)
  c, s = np.cos(yaw), np.sin(yaw)
  return np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])


def base_velocity(robot, data, local):
  """[6] angular then linear velocity of the base, by MuJoCo."""
  velocity = np.zeros(6)
  body = robot.model.body("waist").id
  mujoco.mj_objectVelocity(robot.model, data, mujoco.mjtObj.mjOBJ_XBODY, body, velocity, local)
  return velocity


def test_joints_come_by_name(robot, tumbling):
  state, data = tumbling
  for i, name in enumerate(robot.joint_names):
    assert q.joint_pos(robot, state)[i] == pytest.approx(data.joint(name).qpos[0], abs=1e-6)
    assert q.joint_vel(robot, state)[i] == pytest.approx(data.joint(name).qvel[0], abs=1e-6)


def test_torques_come_in_joint_order(robot, native, advance, airborne, home_ctrl):
  ctrl = home_ctrl + np.linspace(-0.15, 0.15, robot.num_joints)
  state = jax.tree.map(lambda x: x[0], advance(native, airborne, ctrl))
  torque = np.asarray(q.joint_torque(robot, state))
  assert len(set(torque)) > 3
  for i, name in enumerate(robot.joint_names):
    assert torque[i] == q.sensor(robot, state, f"{name}_torque")[0]


def test_rotation_is_mujocos(tumbling):
  _, data = tumbling
  vector, expected = np.array([0.3, -0.2, 0.9]), np.zeros(3)
  mujoco.mju_rotVecQuat(expected, vector, data.qpos[3:7])
  np.testing.assert_allclose(q.rotate(jnp.asarray(data.qpos[3:7]), jnp.asarray(vector)), expected, atol=1e-6)


def test_base_velocities_are_the_worlds_turned_into_the_heading_frame(robot, tumbling):
  state, data = tumbling
  world = base_velocity(robot, data, local=0)
  turn = heading_matrix(data)
  np.testing.assert_allclose(q.root_angvel(state), turn @ world[:3], atol=1e-5)
  np.testing.assert_allclose(q.root_linvel(state), turn @ world[3:], atol=1e-5)


def test_gravity_is_world_minus_z_seen_from_the_body(robot, tumbling):
  state, data = tumbling
  base = data.body("waist").xmat.reshape(3, 3)
  imu = data.site("imu").xmat.reshape(3, 3)
  np.testing.assert_allclose(q.root_gravity(state), -base[2], atol=1e-6)
  np.testing.assert_allclose(q.imu_gravity(robot, state), -imu[2], atol=1e-6)


def test_a_robot_leaning_forward_sees_gravity_ahead(robot, native):
  lean = 0.3
  qpos = robot.home_qpos.copy()
  qpos[3:7] = [np.cos(lean / 2), 0, np.sin(lean / 2), 0]  # about +y: nose down
  state = native.reset(jnp.asarray(qpos, jnp.float32), jnp.zeros(robot.model.nv))
  for gravity in (q.root_gravity(state), q.imu_gravity(robot, state)):
    np.testing.assert_allclose(gravity, [np.sin(lean), 0, -np.cos(lean)], atol=1e-6)


def test_feet_are_seen_from_the_base(robot, tumbling):
  state, data = tumbling
  turn = heading_matrix(data)
  for i, side in enumerate(FEET):
    foot = data.site(f"{side}_foot")
    np.testing.assert_allclose(
      q.feet_from_root(robot, state)[i], turn @ (foot.xpos - data.qpos[:3]), atol=1e-5
    )
    assert q.feet_height(robot, state)[i] == pytest.approx(foot.xpos[2], abs=1e-5)


def test_foot_velocity_is_the_derivative_of_foot_position(robot, tumbling):
  state, data = tumbling
  qpos, h = data.qpos.copy(), 1e-5
  mujoco.mj_integratePos(robot.model, qpos, data.qvel, h)
  moved = mujoco.MjData(robot.model)
  moved.qpos[:] = qpos
  mujoco.mj_kinematics(robot.model, moved)
  for i, side in enumerate(FEET):
    expected = (moved.site(f"{side}_foot").xpos - data.site(f"{side}_foot").xpos) / h
    np.testing.assert_allclose(q.feet_vel(robot, state)[i], expected, atol=1e-3)


def test_right_comes_before_left(robot, at_home):
  state = jax.tree.map(lambda x: x[0], at_home)
  assert q.feet_from_root(robot, state)[0, 1] < 0 < q.feet_from_root(robot, state)[1, 1]
  raised = state.replace(sensordata=state.sensordata.at[robot.sensor_slice("right_foot_load")].set(7.0))
  assert q.feet_load(robot, raised)[0] == 7.0 != q.feet_load(robot, raised)[1]


def test_an_unknown_sensor_is_refused(robot, at_home):
  with pytest.raises(UserError, match="unknown sensor 'gravity'"):
    q.sensor(robot, jax.tree.map(lambda x: x[0], at_home), "gravity")
