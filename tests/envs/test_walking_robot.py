"""The env on real physics: actions act, the home pose stands, and the world has no preferred direction."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_exp.envs.rewards import REWARDS
from wildrobot_exp.envs.terms import StepContext
from wildrobot_exp.motions.features import feature_names, frame_features, transition_features
from wildrobot_exp.physics import quantities as q
from wildrobot_exp.physics.native import state_bank


def start_all(env, states, command=0.0):
  """[N] episodes from given physics states."""
  count = len(states.qpos)
  rng = jax.random.split(jax.random.PRNGKey(0), count)
  return jax.vmap(env.start)(states, rng, jnp.full(count, command), jnp.zeros(count))


@pytest.fixture(scope="module")
def in_the_air(robot, home_ctrl):
  """Home poses high above the floor: all fall alike, so only actions tell them apart."""
  qpos = np.tile(robot.home_qpos, (len(home_ctrl), 1))
  qpos[:, 2] = 1.5
  return state_bank(robot, qpos, np.zeros((len(qpos), robot.model.nv)))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_each_actuator_moves_its_own_joint_in_its_own_direction(robot, physics, make_env, in_the_air, sign):
  env = make_env(physics)
  states = start_all(env, in_the_air)
  actions = np.zeros((len(in_the_air.qpos), env.action_size))
  actions[: env.action_size] = 0.4 * sign * np.eye(env.action_size)  # robot j moves joint j; the rest move none
  step = jax.vmap(env.step)
  after = step(states, jnp.asarray(actions, jnp.float32), jnp.zeros((len(actions), 3)))
  joints = np.asarray(after.pipeline_state.qpos)[:, robot.joint_qpos]
  moved = joints[: env.action_size] - joints[-1]
  for j, name in enumerate(robot.joint_names):
    assert sign * moved[j, j] > 0.005, name
    assert np.abs(moved[j]).argmax() == j, name
    assert np.abs(np.delete(moved[j], j)).max() < 0.8 * abs(moved[j, j]), name


def test_the_next_state_and_observation_depend_on_every_action(robot, physics, make_env, standing):
  """d(next)/d(action) by differences, on the ground, for every actuator."""
  env, j = make_env(physics), robot.num_joints
  one = jax.tree.map(lambda x: jnp.tile(x[:1], (len(x), *[1] * (x.ndim - 1))), standing)
  actions = np.zeros((len(one.qpos), j))
  actions[:j] = 0.2 * np.eye(j)
  states = start_all(env, one)
  after = jax.vmap(env.step)(states, jnp.asarray(actions, jnp.float32), jnp.zeros((len(actions), 3)))
  joint_vel = np.asarray(after.pipeline_state.qvel)[:, robot.joint_qvel]
  assert (np.abs(np.diag(joint_vel[:j] - joint_vel[-1])) > 0.05).all()
  observed = np.asarray(after.obs["state"])
  assert (np.abs(observed[:j] - observed[-1]).max(axis=1) > 0.05).all()


@pytest.mark.parametrize(("engine", "seconds"), [("native", 10.0), ("mjx", 1.2)])
def test_zero_action_stands_at_home(request, robot, make_env, at_home, engine, seconds):
  env = make_env(request.getfixturevalue(engine))
  states = start_all(env, at_home)
  zero, still = jnp.zeros((len(at_home.qpos), env.action_size)), jnp.zeros((len(at_home.qpos), 3))
  step = jax.vmap(env.step)
  step = jax.jit(step) if engine == "native" else step
  done, rewards = 0.0, []
  for _ in range(round(seconds / env.dt)):
    states = step(states, zero, still)
    done, rewards = done + states.done, [*rewards, states.reward]
  assert not done.any()
  physics_state = states.pipeline_state
  assert np.linalg.norm(physics_state.qpos[:, :2], axis=1).max() < 0.02
  assert np.abs(physics_state.qpos[:, 2] - robot.home_qpos[2]).max() < 0.005
  gravity = jax.vmap(lambda s: q.imu_gravity(robot, s))(physics_state)
  np.testing.assert_allclose(gravity, np.tile([0, 0, -1], (len(gravity), 1)), atol=0.03)
  best = env.dt * sum(weight for name, weight in env.reward_weights.items())
  assert min(np.min(r) for r in rewards) > 0.9 * best  # commanded 0: standing still is what is asked


def test_large_actions_knock_it_over_at_the_same_step_under_jit_and_eager(make_env, native):
  env = make_env(native)
  actions = 4.0 * jax.random.normal(jax.random.PRNGKey(7), (200, env.action_size))

  def length(step):
    state = env.reset(jax.random.PRNGKey(1))
    for steps, action in enumerate(actions, 1):
      state = step(state, action)
      if float(state.done):
        return steps, np.asarray(state.pipeline_state.qpos)
    return None, None

  jitted, qpos = length(jax.jit(env.step))
  eager, eager_qpos = length(env.step)
  assert jitted == eager and 5 < jitted < 200
  np.testing.assert_allclose(qpos, eager_qpos, atol=1e-3)


def test_a_push_during_a_step_reaches_the_robot(make_env, native):
  env = make_env(native)
  state = env.reset(jax.random.PRNGKey(1))
  zero = jnp.zeros(env.action_size)
  free = env.step(state, zero)
  none = env.step(state, zero, jnp.zeros(3))
  pushed = env.step(state, zero, jnp.array([0.0, 20.0, 0.0]))
  np.testing.assert_array_equal(free.pipeline_state.qpos, none.pipeline_state.qpos)
  assert float(pushed.pipeline_state.qvel[1] - free.pipeline_state.qvel[1]) > 0.02


@pytest.fixture(scope="module", params=[0.7, np.pi / 2, 3.0, -2.2])
def turned(request, robot, airborne, standing):
  """(states, the same turned about the vertical axis and moved elsewhere), half standing, half tumbling.

  Forces are those of the states' own steps: a force sensor does not turn with the world.
  """
  both = jax.tree.map(lambda a, b: np.concatenate([a[:10], b[:10]]), standing, airborne)
  c, s = np.cos(request.param), np.sin(request.param)
  spin = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
  half = request.param / 2
  qpos, qvel = both.qpos.astype(float), both.qvel.astype(float)
  w, x, y, z = both.qpos[:, 3:7].T
  qpos[:, 3:7] = np.stack(
    [
      np.cos(half) * w - np.sin(half) * z,
      np.cos(half) * x - np.sin(half) * y,
      np.cos(half) * y + np.sin(half) * x,
      np.cos(half) * z + np.sin(half) * w,
    ],
    axis=1,
  )
  qpos[:, :3] = qpos[:, :3] @ spin.T + (3.0, -2.0, 0.0)
  qvel[:, :3] = qvel[:, :3] @ spin.T
  straight, around = state_bank(robot, both.qpos, both.qvel), state_bank(robot, qpos, qvel)
  forces = [robot.sensor_slice(name) for name in robot.sensors if name.endswith(("load", "torque"))]
  for part in forces:
    around = around.replace(sensordata=around.sensordata.at[:, part].set(straight.sensordata[:, part]))
  return straight, around


def test_observations_do_not_depend_on_where_the_robot_stands_or_faces(full_env, turned):
  straight, around = (start_all(full_env, states, command=0.2) for states in turned)
  for key in full_env.fields:
    np.testing.assert_allclose(straight.obs[key], around.obs[key], atol=2e-5)


def test_rewards_do_not_depend_on_where_the_robot_stands_or_faces(robot, full_env, turned):
  rest = jnp.zeros(robot.num_joints)

  def terms(state):
    context = StepContext(robot, state, rest + 0.3, rest, jnp.asarray(0.2), jnp.asarray(0.3), robot.control_dt)
    return {name: REWARDS.bind(name, {k: 0.5 for k, v in REWARDS.parameters(name).items() if v is None})(context)
            for name in REWARDS}

  straight, around = (jax.jit(jax.vmap(terms))(states) for states in turned)
  for name in REWARDS:
    np.testing.assert_allclose(straight[name], around[name], rtol=1e-4, atol=2e-5, err_msg=name)


def test_amp_features_do_not_depend_on_where_the_robot_stands_or_faces(robot, turned):
  extract = jax.jit(jax.vmap(lambda a, b: transition_features(robot, a, b)))
  straight, around = (np.asarray(extract(s, jax.tree.map(lambda x: x[::-1], s))) for s in turned)
  names = feature_names(robot)
  for i in np.argwhere(np.abs(straight - around).max(axis=0) > 2e-5).ravel():
    raise AssertionError(f"{names[i]} turns with the robot by {np.abs(straight - around)[:, i].max()}")
  assert straight.shape[1] == len(names)
  frame = np.asarray(jax.vmap(lambda s: frame_features(robot, s))(turned[0]))
  assert (frame.std(axis=0) > 1e-4).all()  # none is constant
