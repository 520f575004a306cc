"""The two engines are one physics.

MJX computes in float32. The native engine computes in float64 but is handed float32 and hands float32 back,
so one control step of the same state can differ by float32 rounding, amplified by stiff contacts. The
tolerances are five to ten times the worst seen. (Where a sole is at distance zero to the floor, rounding
decides in which physics step the contact begins: such states are not compared, these stand or fly.)
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_exp.robots.robot import FEET

TOLERANCE = {  # after one control step: standing, airborne
  "qpos": (1e-5, 1.5e-6),  # m, rad
  "qvel": (2e-4, 1e-5),  # m/s, rad/s
}
SENSOR_TOLERANCE = {  # the same by kind of sensor
  "gyro": (2e-4, 1e-5),  # rad/s
  "up": (1e-5, 2e-6),
  "pos": (2e-6, 2e-6),  # m
  "vel": (1e-4, 5e-6),  # m/s
  "load": (1e-2, 1e-9),  # N
  "torque": (1e-4, 2e-5),  # N m
}
RESET_LOAD = 0.08  # N, without a warm start the solver's last digits show


def states_of(request, kind):
  return request.getfixturevalue(kind), ["standing", "airborne"].index(kind)


@pytest.mark.parametrize("kind", ["standing", "airborne"])
def test_one_control_step_agrees_in_every_quantity(request, robot, native, mjx, advance, kind):
  states, column = states_of(request, kind)
  loads = np.asarray(states.sensordata)[:, [robot.sensor_slice(f"{side}_foot_load").start for side in FEET]]
  assert (loads.max(axis=1) > 5).all() if kind == "standing" else (loads == 0).all()
  ctrl = np.random.default_rng(3).uniform(*robot.joint_range.T, (len(loads), robot.num_joints))
  ours, theirs = advance(native, states, ctrl), advance(mjx, states, ctrl)
  assert np.abs(np.asarray(ours.qvel - states.qvel)).max() > 0.5  # something happened
  for field, tolerance in TOLERANCE.items():
    gap = np.abs(np.asarray(getattr(ours, field)) - np.asarray(getattr(theirs, field)))
    assert gap.max() < tolerance[column], (field, gap.max())
  sensor_gap = np.abs(np.asarray(ours.sensordata) - np.asarray(theirs.sensordata)).max(axis=0)
  for name in robot.sensors:
    gap = sensor_gap[robot.sensor_slice(name)].max()
    assert gap < SENSOR_TOLERANCE[name.rsplit("_", 1)[-1]][column], (name, gap)
  assert np.abs(np.asarray(ours.sensordata)).max() > 3.9  # a servo saturated


@pytest.mark.parametrize("kind", ["standing", "airborne"])
def test_reset_agrees_in_every_quantity(request, robot, native, mjx, kind):
  states, column = states_of(request, kind)
  ours, theirs = (jax.vmap(engine.reset)(states.qpos, states.qvel) for engine in (native, mjx))
  np.testing.assert_array_equal(ours.qvel, theirs.qvel)
  np.testing.assert_allclose(ours.qpos, theirs.qpos, atol=1e-6)
  gap = np.abs(np.asarray(ours.sensordata) - np.asarray(theirs.sensordata)).max(axis=0)
  for name in robot.sensors:
    kind_of = name.rsplit("_", 1)[-1]
    tolerance = RESET_LOAD if kind_of == "load" else SENSOR_TOLERANCE[kind_of][column]
    assert gap[robot.sensor_slice(name)].max() < tolerance, name


def test_engines_agree_on_a_push(native, mjx, advance, at_home, home_ctrl):
  ours, theirs = (advance(e, at_home, home_ctrl, push=(6.0, -8.0, 3.0)) for e in (native, mjx))
  assert np.abs(np.asarray(ours.qvel)).max() > 0.05
  np.testing.assert_allclose(ours.qvel, theirs.qvel, atol=5e-3)


def test_both_engines_describe_a_state_by_the_same_shapes_and_types(robot, native, mjx):
  qpos, qvel = jnp.asarray(robot.home_qpos, jnp.float32), jnp.zeros(robot.model.nv)
  ctrl, push = jnp.zeros(robot.num_joints), jnp.zeros(3)
  shapes = []
  for engine in (native, mjx):
    state = jax.eval_shape(engine.reset, qpos, qvel)
    shapes += [state, jax.eval_shape(engine.step, state, ctrl, push)]
  first = jax.tree.map(lambda x: (x.shape, x.dtype), shapes[0])
  assert first.qpos == ((18,), jnp.float32)
  assert all(jax.tree.map(lambda x: (x.shape, x.dtype), other) == first for other in shapes[1:])
