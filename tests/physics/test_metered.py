"""Metered engines move as the plain ones do, and tell what the servos did in every physics step."""

import dataclasses

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from wildrobot_exp.physics import make_physics
from wildrobot_exp.physics.metered import MeteredMjx, MeteredNative
from wildrobot_exp.physics.state import PhysicsState

FIELDS = [field.name for field in dataclasses.fields(PhysicsState)]


@pytest.fixture(scope="module")
def targets(robot):
  """[2, J] rad, far from the pose: the servos work."""
  return jnp.asarray(np.random.default_rng(0).uniform(*robot.joint_range.T, (2, robot.num_joints)), jnp.float32)


def steps_of(physics, states, targets):
  """The two control steps of every robot, first one target and then the other; states begun by the engine."""
  state = jax.vmap(physics.begin)(states)
  yield state
  for target in targets:
    ctrl = jnp.tile(target, (len(states.qpos), 1))
    state = jax.vmap(physics.step)(state, ctrl, jnp.zeros((len(ctrl), 3)))
    yield state


def test_the_motion_is_that_of_the_plain_engine_to_the_bit(robot, native, standing, targets):
  physics = make_physics("native", robot, metered=True)
  assert isinstance(physics, MeteredNative)
  for plain, metered in zip(steps_of(native, standing, targets), steps_of(physics, standing, targets), strict=True):
    for field in FIELDS:
      np.testing.assert_array_equal(getattr(plain, field), getattr(metered, field))
  plain, metered = (jax.vmap(engine.reset)(standing.qpos, standing.qvel) for engine in (native, physics))
  for field in FIELDS:
    np.testing.assert_array_equal(getattr(plain, field), getattr(metered, field))


def test_every_physics_step_is_plain_mujocos(robot, standing, targets):
  begun, first, second = steps_of(MeteredNative(robot), standing, targets)
  assert not np.any(begun.torques) and begun.torques.shape == first.torques.shape
  data = mujoco.MjData(robot.model)
  states = jax.tree.map(lambda x: np.asarray(x[0], float), standing)
  data.qpos[:], data.qvel[:], data.qacc_warmstart[:] = states.qpos, states.qvel, states.warmstart
  data.ctrl[:] = targets[0]
  for step in range(robot.substeps):
    before = data.qpos[robot.joint_qpos].copy()
    mujoco.mj_step(robot.model, data)
    torque = data.sensordata[robot.joint_torque]
    np.testing.assert_array_equal(first.torques[0, step], torque.astype(np.float32))
    np.testing.assert_array_equal(first.joint_vels[0, step], data.qvel[robot.joint_qvel].astype(np.float32))
    moved = data.qpos[robot.joint_qpos] - before
    np.testing.assert_allclose(torque * moved, torque * first.joint_vels[0, step] * robot.model.opt.timestep, atol=1e-6)
  assert np.abs(first.torques).max() > 3.9 and np.any(second.torques != first.torques)


def test_mjx_meters_the_same(robot, standing, targets):
  physics = make_physics("mjx", robot, metered=True)
  assert isinstance(physics, MeteredMjx)
  quick = jax.jit(jax.vmap(physics.step), compiler_options={"xla_backend_optimization_level": 0})
  ctrl, push = jnp.tile(targets[0], (len(standing.qpos), 1)), jnp.zeros((len(standing.qpos), 3))
  theirs = quick(jax.vmap(physics.begin)(standing), ctrl, push)
  ours = jax.vmap(MeteredNative(robot).step)(standing, ctrl, push)
  np.testing.assert_allclose(theirs.torques, ours.torques, atol=1e-3)
  np.testing.assert_allclose(theirs.joint_vels, ours.joint_vels, atol=1e-3)


def test_a_robot_mujoco_gives_up_on_becomes_nan_and_leaves_the_others_alone(robot, standing, targets, monkeypatch):
  physics = MeteredNative(robot)
  pool_step = type(physics._pool(len(standing.qpos))).step
  steps = []

  def gives_up_on_five(pool, count):
    steps.append(count)
    return pool_step(pool, count) + [5] * (len(steps) == 2)  # in the second physics step

  monkeypatch.setattr(type(physics._pool(len(standing.qpos))), "step", gives_up_on_five)
  _, after, _ = steps_of(physics, standing, targets)
  healthy = np.arange(len(standing.qpos)) != 5
  assert np.isnan(after.qpos[5]).all() and np.isnan(after.torques[5]).all()
  assert np.isfinite(after.qpos[healthy]).all() and np.isfinite(after.torques[healthy]).all()
  assert steps == [1] * (2 * robot.substeps)
