"""Changed worlds: each differs in one thing, physics feels it, and the sensors stay truthful."""

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from conftest import SHORT

from wildrobot_exp.config.compose import load
from wildrobot_exp.evaluation.worlds import LatePhysics, World, changed_worlds, measure_worlds, world_robot
from wildrobot_exp.physics import make_physics
from wildrobot_exp.physics.native import state_bank

TWO_WORLDS = (
  "evaluation.worlds.enabled=true",
  "evaluation.worlds.friction=[]",
  "evaluation.worlds.trunk_mass=[]",
  "evaluation.worlds.latency_steps=[2]",
  "evaluation.worlds.slope_deg=[30.0]",
  "evaluation.worlds.sim2sim=false",
)


def test_a_world_without_changes_is_the_world_of_the_training(robot):
  same = world_robot(World("same"), 0.02, 0.004)
  assert mujoco.mj_sizeModel(same.model) == mujoco.mj_sizeModel(robot.model)
  for name in ("body_mass", "body_inertia", "geom_friction", "sensor_objid", "jnt_range", "dof_invweight0"):
    np.testing.assert_array_equal(getattr(same.model, name), getattr(robot.model, name), err_msg=name)
  assert same.model.opt.timestep == 0.004 and same.substeps == robot.substeps


def test_friction_and_mass_change_nothing_else(robot):
  slippery = world_robot(World("slippery", friction=0.5), 0.02, 0.004).model
  np.testing.assert_allclose(slippery.geom_friction, robot.model.geom_friction * [0.5, 1.0, 1.0])
  np.testing.assert_array_equal(slippery.body_mass, robot.model.body_mass)
  heavy = world_robot(World("heavy", trunk_mass=1.2), 0.02, 0.004).model
  trunk = [heavy.body(name).id for name in ("waist", "chassis")]
  ratio = heavy.body_mass[1:] / robot.model.body_mass[1:]
  assert ratio[np.array(trunk) - 1] == pytest.approx(1.2) and np.sum(ratio > 1.01) == 2
  np.testing.assert_allclose(heavy.body_inertia[trunk], 1.2 * robot.model.body_inertia[trunk])
  assert heavy.body_subtreemass[0] == pytest.approx(3.5585 + 0.2 * (0.4396 + 0.8412), abs=1e-3)


@pytest.mark.parametrize("slope", [5.0, -3.0])
def test_on_a_slope_the_imu_feels_the_gravity_that_pulls(robot, slope):
  tilted = world_robot(World("slope", slope_deg=slope), 0.02, 0.004)
  gravity = tilted.model.opt.gravity
  assert np.linalg.norm(gravity) == pytest.approx(9.81)
  assert -np.rad2deg(np.arcsin(gravity[0] / 9.81)) == pytest.approx(slope)  # uphill, gravity pulls back
  assert tilted.sensors == robot.sensors and tilted.joint_names == robot.joint_names
  state = state_bank(tilted, robot.home_qpos[None], np.zeros((1, robot.model.nv)))
  up = np.asarray(state.sensordata[0, tilted.sensor_slice("up")])
  np.testing.assert_allclose(-9.81 * up, gravity, atol=1e-5)  # at home the IMU is aligned with the floor


def test_late_targets_act_as_the_same_targets_sent_later(robot, native):
  rng = np.random.default_rng(0)
  targets = robot.home_ctrl + rng.uniform(-0.2, 0.2, (6, 1, robot.num_joints))
  start = state_bank(robot, robot.home_qpos[None], np.zeros((1, robot.model.nv)))
  late = LatePhysics(native, 2)
  late_state, state = jax.vmap(late.begin)(start), start
  sent = [robot.home_ctrl[None], robot.home_ctrl[None], *targets]
  no_push = jnp.zeros((1, 3))
  for now, then in zip(targets, sent):
    late_state = jax.vmap(late.step)(late_state, jnp.asarray(now, jnp.float32), no_push)
    state = jax.vmap(native.step)(state, jnp.asarray(then, jnp.float32), no_push)
    np.testing.assert_array_equal(late_state.qpos, state.qpos)
  assert np.abs(state.qpos - start.qpos).max() > 0.02
  np.testing.assert_array_equal(late_state.waiting[0], np.asarray(targets[-2:, 0], np.float32))


def test_worlds_are_named_by_what_differs():
  cfg = load([*SHORT, "evaluation.worlds.enabled=true"])
  assert [world.name for world in changed_worlds(cfg)] == [
    "friction x 0.5",
    "friction x 1.5",
    "trunk mass x 0.8",
    "trunk mass x 1.2",
    "latency 20 ms",
    "slope -5 deg",
    "slope -3 deg",
    "slope +3 deg",
    "slope +5 deg",
    "engine mjx",
  ]


def test_a_standing_robot_bears_latency_but_not_a_slope_steeper_than_its_feet_and_repeats_itself():
  cfg = load([*SHORT, *TWO_WORLDS])

  def stand(params, observation, rng, mode):
    return jnp.zeros((len(mode), 11))

  rows = measure_worlds(cfg, stand, None, np.full(4, 0.1), 100, jax.random.PRNGKey(0))
  late_only = load([*SHORT, *TWO_WORLDS, "evaluation.worlds.slope_deg=[]"])
  assert measure_worlds(late_only, stand, None, np.full(4, 0.1), 100, jax.random.PRNGKey(0)) == rows[:1]
  assert [(row["world"], row["survival"], row["episodes"]) for row in rows] == [
    ("latency 40 ms", 1.0, 4),
    ("slope +30 deg", 0.0, 4),
  ]
  assert all(row["physics"] == "native" and len(row["survival_ci"]) == 2 for row in rows)


@pytest.mark.slow
def test_mjx_walks_in_changed_worlds_too():
  robot = world_robot(World("slope", slope_deg=5.0, friction=0.5, trunk_mass=1.2), 0.02, 0.004)
  start = state_bank(robot, robot.home_qpos[None], np.zeros((1, robot.model.nv)))
  ctrl, push = jnp.asarray(robot.home_ctrl, jnp.float32)[None], jnp.zeros((1, 3))
  ends = []
  for engine in ("native", "mjx"):
    step, state = jax.jit(jax.vmap(make_physics(engine, robot).step)), start
    for _ in range(20):
      state = step(state, ctrl, push)
    ends.append(state)
  np.testing.assert_allclose(ends[0].qpos, ends[1].qpos, atol=2e-3)
  up = robot.sensor_slice("up")
  np.testing.assert_allclose(ends[0].sensordata[:, up], ends[1].sensordata[:, up], atol=2e-3)
  assert np.abs(ends[0].qpos - start.qpos)[0, 0] > 1e-3  # it leans downhill
