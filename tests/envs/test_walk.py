"""The env's own part of a step: its structure, observations, commands and clock."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_exp.config.compose import load
from wildrobot_exp.envs.walk import make_walk_env

N = 1024
SIZES = {
  "gyro": 3,
  "gravity": 3,
  "command": 1,
  "stand": 1,
  "joint_pos": 11,
  "joint_vel": 11,
  "last_action": 11,
  "gait_clock": 2,
  "root_linvel": 3,
  "root_height": 1,
  "feet_load": 2,
  "feet_pos": 6,
}


def field(env, state, name, key="privileged_state"):
  """The named field of an observation [..., n]."""
  start = sum(SIZES[other] for other in env.fields[key][: env.fields[key].index(name)])
  return np.asarray(state.obs[key][..., start : start + SIZES[name]])


def reset_many(env):
  """N fresh episodes. Not jitted: every env would compile anew."""
  return jax.vmap(env.reset)(jax.random.split(jax.random.PRNGKey(0), N))


@pytest.mark.parametrize("engine", ["native", "mjx"])
def test_reset_and_step_return_the_same_structure(request, make_env, engine):
  env = make_env(request.getfixturevalue(engine))
  state = jax.eval_shape(env.reset, jax.random.PRNGKey(0))
  after = jax.eval_shape(env.step, state, jnp.zeros(env.action_size))
  assert jax.tree.structure(state) == jax.tree.structure(after)
  assert jax.tree.map(lambda x: (x.shape, x.dtype), state) == jax.tree.map(
    lambda x: (x.shape, x.dtype), after
  )
  assert state.done.dtype == state.reward.dtype == jnp.float32


def test_the_env_describes_itself(env, native):
  assert env.dt == 0.02
  assert env.action_size == 11
  assert env.backend == native.name
  assert env.unwrapped is env


def test_observations_are_the_configured_fields_in_order(env, cfg):
  policy, privileged = list(cfg.env.observations.policy), list(cfg.env.observations.privileged)
  assert list(env.fields["state"]) == policy
  assert list(env.fields["privileged_state"]) == policy + privileged  # the critic sees all the policy sees
  state = env.reset(jax.random.PRNGKey(0))
  for key, names in env.fields.items():
    assert state.obs[key].shape == (env.observation_size[key],) == (sum(SIZES[name] for name in names),)


def test_every_observation_field_has_its_documented_value(full_env, robot, native):
  state = full_env.reset(jax.random.PRNGKey(3))
  action = jnp.linspace(-0.5, 0.5, full_env.action_size)
  state = full_env.step(full_env.step(state, action), -action)
  qpos, qvel = np.asarray(state.pipeline_state.qpos), np.asarray(state.pipeline_state.qvel)
  sensor = lambda name: np.asarray(state.pipeline_state.sensordata)[robot.sensor_slice(name)]
  phase = 2 * np.pi * float(state.info["phase"])
  expected = {
    "gyro": sensor("gyro"),
    "gravity": -sensor("up"),
    "command": [state.info["command"]],
    "stand": [float(state.info["command"] == 0)],
    "joint_pos": qpos[robot.joint_qpos] - robot.home_ctrl,
    "joint_vel": qvel[robot.joint_qvel],
    "last_action": -action,
    "gait_clock": [np.sin(phase), np.cos(phase)],
    "root_height": qpos[2:3],
    "feet_load": 0.1 * np.concatenate([sensor("right_foot_load"), sensor("left_foot_load")]),
  }
  for name, value in expected.items():
    for key in full_env.fields:
      np.testing.assert_allclose(field(full_env, state, name, key), value, atol=1e-5, err_msg=name)


def test_the_policy_is_told_to_stand_where_the_command_is_exactly_zero(make_scripted_env):
  env = make_scripted_env(observations=["command", "stand"], command_range=(0.0, 0.3), command_slowest=0.05)
  states = reset_many(env)
  stand = field(env, states, "stand", "state")[:, 0]
  np.testing.assert_array_equal(stand, np.asarray(states.info["command"]) == 0.0)
  assert 0.05 < stand.mean() < 0.5


def test_the_action_moves_the_servo_targets_around_home_as_far_as_the_joints_go(robot, make_scripted_env):
  follow = lambda state, ctrl: state.replace(qpos=state.qpos.at[jnp.asarray(robot.joint_qpos)].set(ctrl))
  env = make_scripted_env(follow, action_scale=0.2)
  home, (low, high) = robot.home_ctrl, robot.joint_range.T
  for action in (0.0, 0.3, -0.3, 50.0, -50.0):
    state = env.step(env.reset(jax.random.PRNGKey(0)), jnp.full(env.action_size, action))
    targets = np.asarray(state.pipeline_state.qpos)[robot.joint_qpos]
    np.testing.assert_allclose(targets, np.clip(home + 0.2 * action, low, high), atol=1e-6)


def test_commands_are_uniform_in_the_range_but_for_the_zero_share(make_scripted_env):
  env = make_scripted_env(command_range=(0.1, 0.5), command_zero_share=0.25)
  commands = np.asarray(reset_many(env).info["command"])
  assert (commands == 0).mean() == pytest.approx(0.25, abs=0.05)
  moving = commands[commands != 0]
  assert moving.min() >= 0.1 and moving.max() <= 0.5
  counts = np.histogram(moving, bins=8, range=(0.1, 0.5))[0]
  np.testing.assert_allclose(counts, len(moving) / 8, rtol=0.4)


def test_commands_slower_than_the_slowest_walk_are_that_or_zero(make_scripted_env):
  env = make_scripted_env(command_range=(-0.1, 0.3), command_zero_share=0.0, command_slowest=0.1)
  commands = np.asarray(reset_many(env).info["command"]).round(6)
  shares = [(commands == value).mean() for value in (-0.1, 0.0, 0.1)]
  assert shares == pytest.approx([1 / 8, 1 / 4, 1 / 8], abs=0.05)
  assert set(np.abs(commands[np.abs(commands) < 0.1])) == {0.0}


@pytest.mark.parametrize(
  ("vx", "zero_share", "slowest"),
  [
    ((0.0, 0.3), 0.1, 0.05),
    ((0.0, 0.2), 0.1, 0.05),
    ((0.1, 0.4), 0.1, 0.05),
    ((0.1, 0.4), 0.0, 0.05),
    ((0.01, 0.3), 0.0, 0.05),
    ((0.03, 0.3), 0.0, 0.05),
    ((-0.1, 0.3), 0.0, 0.1),
    ((-0.3, -0.1), 0.1, 0.05),
  ],
)
def test_the_speeds_of_an_evaluation_are_drawn_in_training(vx, zero_share, slowest, make_scripted_env):
  env = make_scripted_env(command_range=vx, command_zero_share=zero_share, command_slowest=slowest)
  drawn = np.asarray(jax.vmap(env._draw_command)(jax.random.split(jax.random.PRNGKey(0), 4000)))
  grid = np.array(env.speeds.grid())
  assert np.all((grid == 0.0) | ((np.abs(grid) >= slowest) & (grid >= vx[0]) & (grid <= vx[1])))
  assert (0.0 in grid) == env.speeds.zero == (drawn == 0.0).any()
  assert np.abs(grid[:, None] - drawn).min(axis=1).max() < 2e-3
  assert (min(grid), max(grid)) == pytest.approx((drawn.min(), drawn.max()), abs=2e-3)


@pytest.fixture(scope="module")
def command_log(make_scripted_env):
  """command_log(seconds): the commands robots start with [N], then [T, N] over 5 s commands, those observed,
  and the reward for following; a command lasts so many seconds on average."""

  @functools.cache
  def run(seconds):
    env = make_scripted_env(command_seconds=seconds, command_zero_share=0.0, command_range=(0.1, 0.3))
    zero = jnp.zeros((N, env.action_size))

    def step(states, _):
      states = jax.vmap(env.step)(states, zero)
      return states, (states.info["command"], states.obs, states.metrics["reward/track_vx"])

    start = reset_many(env)
    end, (commands, obs, track) = jax.lax.scan(step, start, length=250)
    observed = field(env, end.replace(obs=obs), "command", "state")[..., 0]
    return np.asarray(start.info["command"]), np.asarray(commands), observed, np.asarray(track)

  return run


def test_a_command_is_drawn_again_after_the_mean_interval(command_log):
  start, commands, observed, track = command_log(1.0)
  changes = np.diff(np.concatenate([start[None], commands]), axis=0) != 0
  assert changes.mean() == pytest.approx(0.02 / 1.0, rel=0.05)
  assert changes.any(axis=0).mean() > 0.98  # hardly anybody keeps one for 5 s
  assert commands.min() >= 0.1 and commands.max() <= 0.3


def test_the_policy_sees_a_new_command_before_it_is_paid_for_it(command_log):
  start, commands, observed, track = command_log(1.0)
  np.testing.assert_array_equal(observed, commands)  # what the next action can follow
  paid = np.concatenate([start[None], commands[:-1]])  # the robot stands still: vx = 0
  np.testing.assert_allclose(track, np.exp(-np.square(paid / 0.15)), rtol=1e-4)


def test_infinite_command_seconds_keep_the_first_command(command_log):
  start, commands, *_ = command_log(float("inf"))
  np.testing.assert_array_equal(commands, np.tile(start, (250, 1)))


def test_the_clock_runs_with_its_period_and_starts_anywhere(make_scripted_env):
  env = make_scripted_env(gait_period=0.5)
  state = reset_many(env)
  start = np.asarray(state.info["phase"])
  assert np.histogram(start, bins=4, range=(0, 1))[0].min() > 200  # 256 each on average
  step = jax.jit(jax.vmap(env.step))
  for _ in range(30):
    state = step(state, jnp.zeros((N, env.action_size)))
  turned = np.mod(np.asarray(state.info["phase"]) - start - 30 * 0.02 / 0.5 + 0.5, 1.0) - 0.5
  np.testing.assert_allclose(turned, 0.0, atol=1e-5)
  assert (np.asarray(state.info["phase"]) < 1.0).all()


def test_every_reset_is_another_one_and_a_key_repeats_it(env):
  states = reset_many(env)
  for value in (states.info["command"], states.info["phase"], states.pipeline_state.qpos[:, 7]):
    assert len(np.unique(value)) > 400  # of the bank's 512
  again = reset_many(env)
  jax.tree.map(np.testing.assert_array_equal, states, again)


def test_the_config_arrives(native, make_env):
  cfg = load(
    [
      "algo=ppo",
      "env.action_scale=0.4",
      "env.gait_period=0.7",
      "env.command.vx=[0.1,0.2]",
      "seed=5",
      "env.command.zero_share=0.0",
      "env.command.slowest=0.15",
      "evaluation.long_walk.speed=0.2",
      "env.reset.bank_size=7",
      "reward=walk_shaped",
      "reward.terms.alive.weight=3",
    ]
  )
  env = make_walk_env(cfg, native)
  assert env.gait_period == 0.7
  assert env.command_range == (0.1, 0.2)
  assert len(env.bank.command) == 7
  assert env.reward_weights["alive"] == 3.0
  assert set(env.reward_weights) == set(cfg.reward.terms)
  assert "gait_clock" in env.fields["state"]  # what the reward needs to be seen
  commands = np.asarray(reset_many(env).info["command"])
  assert commands.max() <= 0.2 and commands.min() == pytest.approx(0.15)
  other = make_walk_env(cfg, native, command_seconds=float("inf"), bank=env.bank)
  assert other.bank is env.bank
