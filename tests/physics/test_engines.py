"""What every engine promises: gravity, contact forces that carry the robot, pushes that push."""

import jax
import mujoco
import numpy as np
import pytest

from wildrobot_exp.errors import UserError
from wildrobot_exp.physics import ENGINES, make_physics
from wildrobot_exp.physics import quantities as q
from wildrobot_exp.physics.native import state_bank

G = 9.81


def in_mujoco(robot, state):
  """One robot's state with everything MuJoCo derives from it."""
  data = mujoco.MjData(robot.model)
  data.qpos[:], data.qvel[:] = state.qpos, state.qvel
  mujoco.mj_forward(robot.model, data)
  mujoco.mj_subtreeVel(robot.model, data)
  return data


def test_an_engine_says_its_name_and_an_unknown_one_is_refused(robot, physics):
  assert physics.name in ENGINES
  with pytest.raises(UserError, match="unknown physics engine 'mjxx': did you mean 'mjx'"):
    make_physics("mjxx", robot)


def test_upright_gravity_is_minus_z_in_every_frame(robot, physics, advance, at_home, home_ctrl):
  state = jax.tree.map(lambda x: x[0], advance(physics, at_home, home_ctrl))
  np.testing.assert_allclose(q.root_gravity(state), [0, 0, -1], atol=2e-3)
  np.testing.assert_allclose(q.imu_gravity(robot, state), [0, 0, -1], atol=2e-3)


def test_the_soles_of_a_standing_robot_carry_its_weight(robot, physics, advance, at_home, home_ctrl):
  state = advance(physics, at_home, home_ctrl, steps=60)
  loads = np.asarray(jax.vmap(lambda s: q.feet_load(robot, s))(state))
  np.testing.assert_allclose(loads.sum(axis=1), robot.model.body_mass.sum() * G, rtol=0.02)
  np.testing.assert_allclose(loads[:, 0], loads[:, 1], rtol=0.1)


def test_a_dropped_robot_falls_with_g_and_lands_on_its_soles(robot, physics, advance, home_ctrl):
  qpos = np.tile(robot.home_qpos, (len(home_ctrl), 1))
  qpos[:, 2] += 0.2
  start = state_bank(robot, qpos, np.zeros((len(qpos), robot.model.nv)))
  after = advance(physics, start, home_ctrl, steps=5)
  seconds, step = 5 * robot.control_dt, robot.model.opt.timestep
  np.testing.assert_allclose(after.qvel[:, 2], -G * seconds, rtol=1e-3)
  fallen = G * seconds * (seconds + step) / 2  # the engine's semi-implicit Euler
  np.testing.assert_allclose(start.qpos[:, 2] - after.qpos[:, 2], fallen, rtol=1e-3)
  assert not np.asarray(jax.vmap(lambda s: q.feet_load(robot, s))(after)).any()

  landed, carried, lowest = after, 0.0, np.inf
  for _ in range(30):
    landed = advance(physics, landed, home_ctrl)
    one = jax.tree.map(lambda x: x[0], landed)
    carried = max(carried, float(q.feet_load(robot, one).sum()))
    lowest = min(lowest, float(q.feet_height(robot, one).min()))
  assert carried > robot.model.body_mass.sum() * G
  assert lowest > -0.01
  assert float(landed.qpos[0, 2]) < robot.home_qpos[2] + 0.03


def test_a_push_acts_on_the_chassis_in_the_world_frame(robot, physics, advance, airborne, home_ctrl):
  """In the air, against the same robot not pushed: force times time is momentum however the robot lies, its
  lever about the centre of mass gives angular momentum, and the chassis moves along the push."""
  push = np.array([6.0, -8.0, 0.0])
  states = [airborne, advance(physics, airborne, home_ctrl, push=push), advance(physics, airborne, home_ctrl)]
  for i in range(0, len(home_ctrl), 10):
    start, pushed, free = (in_mujoco(robot, jax.tree.map(lambda x: x[i], state)) for state in states)
    gained = robot.model.body_mass.sum() * (pushed.subtree_linvel[0] - free.subtree_linvel[0])
    np.testing.assert_allclose(gained, push * robot.control_dt, atol=0.005)
    spin = pushed.subtree_angmom[0] - free.subtree_angmom[0]
    lever = start.body("chassis").xipos - start.subtree_com[0]
    np.testing.assert_allclose(spin, np.cross(lever, push) * robot.control_dt, atol=0.004)
    assert (pushed.body("chassis").xipos - free.body("chassis").xipos) @ push > 1e-4
