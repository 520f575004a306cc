"""Episode ends: true lengths, flags, last observations, returns; and a robot whose simulation explodes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scripted import sink

from wildrobot_exp.envs.episodes import start_episodes, step_episodes

N = 4
HEIGHT = 0.4864  # of the base at home, m


def run(env, steps, max_steps, episodes=None):
  """(episodes after each step, outcomes of each step). Not jitted: a compile takes longer than the steps."""
  action = jnp.zeros((N, env.action_size))
  episodes = start_episodes(env, jax.random.PRNGKey(0), N) if episodes is None else episodes
  carried, outcomes = [], []
  for i in range(steps):
    episodes, outcome = step_episodes(env, episodes, action, jax.random.PRNGKey(100 + i), max_steps)
    carried.append(episodes)
    outcomes.append(outcome)
  return carried, outcomes


def test_a_seven_step_episode_reports_seven_steps_and_a_truncation(make_scripted_env):
  carried, outcomes = run(make_scripted_env(), 15, max_steps=7)
  assert [int(o.episode_steps[0]) for o in outcomes] == [1, 2, 3, 4, 5, 6, 7] * 2 + [1]
  assert [float(o.truncation[0]) for o in outcomes] == ([0.0] * 6 + [1.0]) * 2 + [0.0]
  assert not any(o.termination.any() for o in outcomes)
  assert [int(e.steps[0]) for e in carried] == [1, 2, 3, 4, 5, 6, 0] * 2 + [1]


def test_a_fall_reports_its_true_length_and_is_no_truncation(make_scripted_env):
  carried, outcomes = run(make_scripted_env(sink(0.05)), 8, max_steps=100)
  assert [float(o.termination[0]) for o in outcomes] == [0, 0, 0, 1] * 2  # .4864 - 4 x .05 < .3
  assert [int(o.episode_steps[0]) for o in outcomes] == [1, 2, 3, 4] * 2
  assert not any(o.truncation.any() for o in outcomes)


def test_a_fall_at_the_time_limit_is_a_fall(make_scripted_env):
  _, outcomes = run(make_scripted_env(sink(0.05)), 4, max_steps=4)
  assert outcomes[-1].termination.all() and not outcomes[-1].truncation.any()


def test_a_bad_start_ends_in_one_step(make_scripted_env):
  _, outcomes = run(make_scripted_env(terminations={"fallen": {"min_height": 10.0}}), 3, max_steps=100)
  assert all(o.termination.all() and (o.episode_steps == 1).all() for o in outcomes)


@pytest.mark.parametrize("max_steps", [100, 4])
def test_the_last_observation_is_the_true_one_and_what_is_carried_is_a_fresh_start(
  make_scripted_env, max_steps
):
  metres = 0.05 if max_steps == 100 else 0.01  # a fall, or the time limit
  env = make_scripted_env(sink(metres))
  carried, outcomes = run(env, 4, max_steps)
  height = env.observation_size["privileged_state"] - 1  # the last field is root_height
  assert env.fields["privileged_state"][-1] == "root_height"
  last, fresh = outcomes[-1].next, carried[-1].env
  np.testing.assert_allclose(last.obs["privileged_state"][:, height], HEIGHT - 4 * metres, atol=1e-5)
  np.testing.assert_allclose(last.pipeline_state.qpos[:, 2], HEIGHT - 4 * metres, atol=1e-5)
  np.testing.assert_allclose(fresh.obs["privileged_state"][:, height], HEIGHT, atol=1e-5)
  np.testing.assert_allclose(fresh.pipeline_state.qpos[:, 2], HEIGHT, atol=1e-5)
  assert not fresh.done.any() and not fresh.info["last_action"].any()
  assert (last.metrics["reward/alive"] == 1).all()  # the terminal metrics survive too


def test_going_on_robots_are_carried_as_they_are(make_scripted_env):
  carried, outcomes = run(make_scripted_env(sink(0.01)), 3, max_steps=100)
  jax.tree.map(np.testing.assert_array_equal, carried[-1].env, outcomes[-1].next)


def test_only_the_robots_that_fell_start_again(make_scripted_env):
  env = make_scripted_env(sink(0.01))
  episodes = start_episodes(env, jax.random.PRNGKey(0), N)
  low = episodes.env.pipeline_state.qpos.at[2, 2].set(0.305)
  episodes = episodes.replace(
    env=episodes.env.replace(pipeline_state=episodes.env.pipeline_state.replace(qpos=low)),
    steps=jnp.array([5, 6, 7, 8]),
  )
  carried, outcomes = run(env, 1, max_steps=100, episodes=episodes)
  np.testing.assert_array_equal(outcomes[0].termination, [0, 0, 1, 0])
  np.testing.assert_array_equal(outcomes[0].episode_steps, [6, 7, 8, 9])
  np.testing.assert_array_equal(carried[0].steps, [6, 7, 0, 9])
  np.testing.assert_allclose(
    carried[0].env.pipeline_state.qpos[:, 2], [HEIGHT - 0.01] * 2 + [HEIGHT, HEIGHT - 0.01], atol=1e-5
  )


def test_returns_accumulate_over_the_episode_and_start_again(make_scripted_env):
  env = make_scripted_env(rewards={"alive": {"weight": 3.0}})
  carried, outcomes = run(env, 8, max_steps=5)
  per_step = env.dt * 3.0
  np.testing.assert_allclose(
    [o.episode_return[0] for o in outcomes], per_step * np.array([1, 2, 3, 4, 5, 1, 2, 3]), rtol=1e-5
  )
  assert (carried[4].task_return == 0).all()


def test_a_reset_inside_a_step_draws_a_new_command_phase_and_start(cfg, env):
  carried, _ = run(env, 24, max_steps=1)
  commands = np.array([e.env.info["command"] for e in carried])
  for value in (
    commands,
    [e.env.info["phase"] for e in carried],
    [e.env.pipeline_state.qpos[:, 7] for e in carried],
  ):
    assert len(np.unique(value)) > 70  # of 96
  assert commands.max() <= cfg.env.command.vx[1] and commands.min() >= cfg.env.command.vx[0]


def explode_below(height):
  """A script: sinks by .01 m a step, and is NaN below a height."""

  def script(state, ctrl):
    sunk = sink(0.01)(state, ctrl)
    return jax.tree.map(lambda x: jnp.where(sunk.qpos[2] < height, jnp.nan, x), sunk)

  return script


def test_an_exploding_robot_ends_its_episode_is_counted_and_stays_finite(make_scripted_env):
  env = make_scripted_env(explode_below(0.4551))  # in the fourth step
  carried, outcomes = run(env, 8, max_steps=100)
  for step, outcome in enumerate(outcomes, 1):
    bad = float(step % 4 == 0)
    assert (outcome.termination == bad).all() and (outcome.next.metrics["invalid"] == bad).all()
    assert not outcome.truncation.any()
    for leaf in jax.tree.leaves((outcome.next, carried[step - 1].env)):
      assert np.isfinite(leaf).all()
  # the state is the last good one
  np.testing.assert_allclose(outcomes[3].next.pipeline_state.qpos[:, 2], HEIGHT - 0.03, atol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_action_that_is_not_finite_ends_the_episode_as_invalid(make_scripted_env, value):
  env = make_scripted_env(sink(0.001))
  state = env.reset(jax.random.PRNGKey(0))
  after = jax.jit(env.step)(state, jnp.zeros(env.action_size).at[3].set(value))
  assert after.done == after.metrics["invalid"] == 1.0
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(after))
  np.testing.assert_array_equal(after.pipeline_state.qpos, state.pipeline_state.qpos)


@pytest.mark.parametrize("speed", [1e3, 1e6, 1e12])
def test_a_robot_thrown_out_of_the_simulation_is_caught_alone(make_env, native, speed, monkeypatch, tmp_path):
  """On real physics: finite but absurd velocities, then whatever the engine makes of them."""
  monkeypatch.chdir(tmp_path)  # MuJoCo writes its warnings to a file there
  env = make_env(native)
  episodes = start_episodes(env, jax.random.PRNGKey(0), N)
  qvel = episodes.env.pipeline_state.qvel.at[1, 8].set(speed)
  thrown = episodes.replace(
    env=episodes.env.replace(pipeline_state=episodes.env.pipeline_state.replace(qvel=qvel))
  )
  carried, outcomes = run(env, 1, max_steps=100, episodes=thrown)
  np.testing.assert_array_equal(outcomes[0].next.metrics["invalid"], [0, 1, 0, 0])
  np.testing.assert_array_equal(outcomes[0].termination, [0, 1, 0, 0])
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((outcomes[0].next, carried[0].env)))
  assert carried[0].env.pipeline_state.qvel[1, 8] == 0  # a fresh start
