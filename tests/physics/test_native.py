"""The native engine's own promises: plain MuJoCo, the same however called, robust to a bad state."""

import dataclasses

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from mujoco.batch import Batch, SimulationError

from wildrobot_exp.physics import native as native_module
from wildrobot_exp.physics import quantities as q
from wildrobot_exp.physics.native import NativePhysics, state_bank
from wildrobot_exp.robots.robot import model_xml


@pytest.fixture(scope="module")
def batch(robot, standing, airborne):
  """(states, ctrl, push) of 64 robots, half of them standing."""
  states = jax.tree.map(lambda a, b: jnp.concatenate([a[:32], b[:32]]), standing, airborne)
  rng = np.random.default_rng(4)
  ctrl = rng.uniform(*robot.joint_range.T, (64, robot.num_joints))
  return states, jnp.asarray(ctrl, jnp.float32), jnp.asarray(rng.normal(size=(64, 3)), jnp.float32)


def assert_same(a, b):
  jax.tree.map(np.testing.assert_array_equal, a, b)


def test_a_step_is_plain_mujoco(robot, native, batch):
  """To the last bit; sensors of position and velocity are those of the new state."""
  after = jax.vmap(native.step)(*batch)
  data = mujoco.MjData(robot.model)
  for i in range(0, 64, 4):
    state, ctrl, push = jax.tree.map(lambda x: np.asarray(x[i], float), batch)
    mujoco.mj_resetData(robot.model, data)
    data.qpos[:], data.qvel[:], data.qacc_warmstart[:] = state.qpos, state.qvel, state.warmstart
    data.ctrl[:] = ctrl
    data.body("chassis").xfrc_applied[:3] = push
    for _ in range(robot.substeps):
      mujoco.mj_step(robot.model, data)
    for field in ("qpos", "qvel"):
      np.testing.assert_array_equal(getattr(after, field)[i], getattr(data, field).astype(np.float32))
    np.testing.assert_array_equal(after.warmstart[i], data.qacc_warmstart.astype(np.float32))
    last_step = data.sensordata.astype(np.float32)
    mujoco.mj_forward(robot.model, data)
    for name, part in robot.sensors.items():
      force = name.endswith(("load", "torque"))
      expected = last_step if force else data.sensordata.astype(np.float32)
      np.testing.assert_array_equal(after.sensordata[i][part], expected[part], err_msg=name)


def test_results_do_not_depend_on_the_number_of_threads(robot, batch):
  one, two = (jax.vmap(NativePhysics(robot, threads=n).step)(*batch) for n in (1, 2))
  assert_same(one, two)


def test_results_are_the_same_under_jit_scan_and_eager(native, batch):
  states, ctrl, push = batch
  step = jax.vmap(native.step)
  eager = step(step(states, ctrl, push), ctrl, push)
  scanned, _ = jax.jit(lambda s: jax.lax.scan(lambda s, _: (step(s, ctrl, push), None), s, length=2))(states)
  assert_same(eager, scanned)


def test_a_robot_does_not_notice_its_batch(native, batch):
  together = jax.vmap(native.step)(*batch)
  for i in (0, 31, 40, 63):
    alone = native.step(*jax.tree.map(lambda x: x[i], batch))
    assert_same(alone, jax.tree.map(lambda x: x[i], together))


def test_nested_vmaps_are_one_batch(native, batch):
  flat = jax.vmap(native.step)(*batch)
  folded = jax.tree.map(lambda x: x.reshape(4, 16, *x.shape[1:]), batch)
  nested = jax.jit(jax.vmap(jax.vmap(native.step)))(*folded)
  assert_same(flat, jax.tree.map(lambda x: x.reshape(64, *x.shape[2:]), nested))


def test_one_push_for_all_robots_needs_no_batch(native, batch):
  states, ctrl, push = batch
  shared = jax.vmap(native.step, in_axes=(0, 0, None))(states, ctrl, push[0])
  assert_same(shared, jax.vmap(native.step)(states, ctrl, jnp.tile(push[0], (64, 1))))


def test_a_push_does_not_linger(native, batch):
  states, ctrl, push = batch
  before = jax.vmap(native.step)(states, ctrl, 0 * push)
  jax.vmap(native.step)(states, ctrl, 100 * push)
  jax.vmap(native.reset)(states.qpos, states.qvel)
  assert_same(before, jax.vmap(native.step)(states, ctrl, 0 * push))


def test_carrying_the_state_is_carrying_everything(robot, native, batch):
  """Two steps in a row equal one step, other work in between, and the second."""
  states, ctrl, push = batch
  step = jax.vmap(native.step)
  twice = step(step(states, ctrl, push), ctrl, push)
  half = step(states, ctrl, push)
  step(jax.tree.map(lambda x: x[::-1], states), -ctrl, push)
  assert_same(twice, step(half, ctrl, push))


@pytest.mark.parametrize(("field", "value"), [("qpos", np.nan), ("qvel", np.inf), ("qvel", 1e12)])
def test_a_broken_robot_becomes_nan_and_leaves_the_others_alone(
  native, batch, field, value, monkeypatch, tmp_path
):
  monkeypatch.chdir(tmp_path)  # MuJoCo writes its warnings to a file there
  states, ctrl, push = batch
  broken = states.replace(**{field: getattr(states, field).at[5, 9].set(value)})
  after = jax.jit(jax.vmap(native.step))(broken, ctrl, push)
  healthy = jax.vmap(native.step)(states, ctrl, push)
  assert np.isnan(after.qpos[5]).all() and np.isnan(after.qvel[5]).all()
  others = np.arange(64) != 5
  assert_same(jax.tree.map(lambda x: x[others], after), jax.tree.map(lambda x: x[others], healthy))
  assert_same(healthy, jax.vmap(native.step)(states, ctrl, push))  # the pool is usable again


def test_a_robot_mujoco_gives_up_on_becomes_nan_and_leaves_the_others_alone(robot, batch, monkeypatch):
  class GivesUpOnFive(Batch):
    def step(self, **arguments):
      super().step(**arguments)
      raise SimulationError(np.array([5]), "out of memory")

  healthy = jax.vmap(NativePhysics(robot).step)(*batch)
  monkeypatch.setattr(native_module, "Batch", GivesUpOnFive)
  after = jax.jit(jax.vmap(NativePhysics(robot).step))(*batch)
  assert all(np.isnan(x[5]).all() for x in jax.tree.leaves(after))
  others = np.arange(64) != 5
  assert_same(jax.tree.map(lambda x: x[others], after), jax.tree.map(lambda x: x[others], healthy))


def test_contacts_that_do_not_fit_are_counted_for_the_robot_that_lost_them(robot, at_home, home_ctrl):
  xml = model_xml().replace('<size memory="1M"/>', '<size memory="16K"/>')
  small = dataclasses.replace(robot, model=mujoco.MjModel.from_xml_string(xml))
  small.model.opt.timestep = robot.model.opt.timestep
  rest = at_home.replace(qpos=at_home.qpos.at[1, 2].add(1.0))  # robot 1 touches nothing
  states, ctrl = jax.tree.map(lambda x: x[:2], (rest, jnp.asarray(home_ctrl, jnp.float32)))
  step = jax.jit(jax.vmap(NativePhysics(small).step))
  for _ in range(2):  # counted anew in every step
    after = step(states, ctrl, jnp.zeros((2, 3)))
    assert after.overflow[0] == robot.substeps + 1 and after.overflow[1] == 0  # and once for the sensors
  roomy = jax.vmap(NativePhysics(robot).step)(states, ctrl, jnp.zeros((2, 3)))
  assert (roomy.overflow == 0).all() and roomy.qpos[0, 2] != after.qpos[0, 2]


def test_reset_has_the_sensors_of_the_state_and_servos_at_rest(robot, native, standing):
  state = jax.vmap(native.reset)(standing.qpos, 0 * standing.qvel)
  np.testing.assert_array_equal(state.qpos, standing.qpos)
  torque = jax.vmap(lambda s: q.joint_torque(robot, s))(state)
  np.testing.assert_allclose(torque, 0.0, atol=1e-4)  # targets are the present angles
  position = jax.vmap(lambda s: q.sensor(robot, s, "left_foot_pos"))
  np.testing.assert_allclose(position(state), position(standing), atol=1e-6)


def test_a_state_bank_is_the_reset_of_every_row(robot, native, airborne):
  bank = state_bank(robot, np.asarray(airborne.qpos), np.asarray(airborne.qvel))
  assert_same(bank, jax.vmap(native.reset)(airborne.qpos, airborne.qvel))
