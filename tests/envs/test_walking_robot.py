"""The env on real physics: actions act, the home pose stands, and the world has no preferred direction."""

import jax
import jax.numpy as jnp
import mujoco
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


@pytest.fixture(scope="module")
def walking(physics, make_env):
  """(env, its step for BATCH robots). MJX is compiled inside already, see its fixture."""
  env = make_env(physics, command_seconds=float("inf"))
  step = jax.vmap(env.step)
  return env, jax.jit(step) if physics.name == "native" else step


def act(walking, states, actions):
  """One step from physics states, action [N, J] each."""
  env, step = walking
  return step(start_all(env, states), jnp.asarray(actions, jnp.float32), jnp.zeros((len(actions), 3)))


def test_each_actuator_moves_its_own_joint_in_its_own_direction(robot, walking, in_the_air, home_ctrl):
  joints = robot.num_joints
  actions = np.zeros_like(home_ctrl)
  actions[: 2 * joints] = 0.4 * np.concatenate([np.eye(joints), -np.eye(joints)])  # the rest stay at home
  after = np.asarray(act(walking, in_the_air, actions).pipeline_state.qpos)[:, robot.joint_qpos]
  moved = after[: 2 * joints] - after[-1]
  for i, motion in enumerate(moved):
    own, name = i % joints, robot.joint_names[i % joints]
    assert np.sign(actions[i, own]) * motion[own] > 0.005, name
    assert np.abs(np.delete(motion, own)).max() < 0.8 * abs(motion[own]), name


def test_the_next_state_and_observation_depend_on_every_action(robot, walking, standing, home_ctrl):
  """d(next)/d(action) by differences, on the ground, for every actuator."""
  joints = robot.num_joints
  same = jax.tree.map(lambda x: jnp.tile(x[:1], (len(x), 1)), standing)
  actions = np.zeros_like(home_ctrl)
  actions[:joints] = 0.2 * np.eye(joints)
  after = act(walking, same, actions)
  joint_vel = np.asarray(after.pipeline_state.qvel)[:, robot.joint_qvel]
  assert (np.abs(np.diag(joint_vel[:joints] - joint_vel[-1])) > 0.05).all()
  observed = np.asarray(after.obs["state"])[:, :-joints]  # all but last_action
  assert (np.abs(observed[:joints] - observed[-1]).max(axis=1) > 0.05).all()


def test_zero_action_stands_at_home(robot, walking, at_home, home_ctrl):
  """For 10 s; 1.2 s on mjx, which is slow here, and parity covers the rest."""
  env, step = walking
  states = start_all(env, at_home)
  zero, still = jnp.zeros_like(home_ctrl), jnp.zeros((len(home_ctrl), 3))
  done, rewards = 0.0, []
  for _ in range(round((10.0 if env.backend == "native" else 1.2) / env.dt)):
    states = step(states, zero, still)
    done, rewards = done + states.done, [*rewards, float(states.reward.min())]
  assert not done.any()
  physics_state = states.pipeline_state
  assert np.linalg.norm(physics_state.qpos[:, :2], axis=1).max() < 0.02
  assert np.abs(physics_state.qpos[:, 2] - robot.home_qpos[2]).max() < 0.005
  gravity = jax.vmap(lambda s: q.imu_gravity(robot, s))(physics_state)
  np.testing.assert_allclose(gravity, np.tile([0, 0, -1], (len(gravity), 1)), atol=0.03)
  assert min(rewards) > 0.9 * env.dt * sum(
    env.reward_weights.values()
  )  # the command is 0: standing is the task


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


@pytest.fixture(scope="module")
def turned(robot, airborne, standing):
  """(states, the same turned about the vertical axis and moved elsewhere), half standing, half tumbling,
  each by another angle.

  Forces are those of the states' own steps: a force sensor does not turn with the world.
  """
  both = jax.tree.map(lambda a, b: np.concatenate([a[:10], b[:10]]), standing, airborne)
  angle = np.linspace(0.3, 6.0, 20)
  c, s, zero = np.cos(angle), np.sin(angle), np.zeros(20)
  turn = np.array([[c, -s, zero], [s, c, zero], [zero, zero, zero + 1]])
  qpos, qvel = both.qpos.astype(float), both.qvel.astype(float)
  spin = np.array([np.cos(angle / 2), zero, zero, np.sin(angle / 2)]).T
  for i in range(20):
    mujoco.mju_mulQuat(qpos[i, 3:7], spin[i], both.qpos[i, 3:7].astype(float))
  qpos[:, :3] = np.einsum("ijn,nj->ni", turn, qpos[:, :3]) + (3.0, -2.0, 0.0)
  qvel[:, :3] = np.einsum("ijn,nj->ni", turn, qvel[:, :3])
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
    context = StepContext(
      robot, state, rest + 0.3, rest, jnp.asarray(0.2), jnp.asarray(0.3), robot.control_dt
    )
    return {
      name: REWARDS.bind(name, {k: 0.5 for k, v in REWARDS.parameters(name).items() if v is None})(context)
      for name in REWARDS
    }

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
