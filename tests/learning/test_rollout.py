"""The rollout: lengths, ends and last observations are the true ones, whatever a reset did after them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from counting_env import CountingEnv

from wildrobot_exp.envs.episodes import start_episodes
from wildrobot_exp.learning import rollout as rollout_module
from wildrobot_exp.learning.rollout import Rollout, roll_out

episode_metrics = jax.jit(rollout_module.episode_metrics)
FALL_AT, MAX_STEPS = 7, 10  # robot 0 falls in its 7th step, robot 1 never


def rolled(horizon: int) -> tuple:
  def policy(observation, rng):
    falls = observation["state"] >= jnp.array([[FALL_AT - 1.0], [jnp.inf]])
    return falls.astype(jnp.float32), {"raw_action": falls}

  episodes = start_episodes(CountingEnv(), jax.random.PRNGKey(0), 2)
  return roll_out(CountingEnv(), policy, episodes, jax.random.PRNGKey(1), horizon, MAX_STEPS)


@pytest.fixture(scope="module")
def long() -> Rollout:
  return rolled(12)[1]


def test_a_seven_step_episode_reports_length_and_return_seven(long):
  assert np.flatnonzero(long.termination[:, 0]).tolist() == [6]
  assert long.episode_steps[6, 0] == 7 and long.episode_return[6, 0] == 7.0
  assert long.episode_steps[7, 0] == 1 and long.episode_return[7, 0] == 1.0


def test_running_out_of_time_is_a_truncation_and_a_fall_is_not(long):
  assert np.flatnonzero(long.truncation[:, 1]).tolist() == [9]
  assert not long.termination[:, 1].any() and not long.truncation[:, 0].any()
  assert long.episode_steps[9, 1] == MAX_STEPS


def test_a_transition_keeps_the_true_terminal_state_and_the_next_one_starts_afresh(long):
  assert long.before.qpos[6:8, 0, 0].tolist() == [6.0, 0.0]
  assert long.after.qpos[6:8, 0, 0].tolist() == [7.0, 1.0]
  assert long.observation["state"][6:8, 0, 0].tolist() == [6.0, 0.0]


def test_a_new_episode_draws_a_new_command(long):
  commands = np.asarray(long.command)
  assert len(set(commands[:7, 0])) == 1 and commands[6, 0] != commands[7, 0]
  assert len(set(commands[:10, 1])) == 1 and commands[9, 1] != commands[10, 1]


def test_the_last_observation_is_the_one_before_the_reset():
  episodes, rollout = rolled(FALL_AT)
  assert rollout.last_observation["state"][:, 0].tolist() == [7.0, 7.0]
  assert episodes.env.obs["state"][:, 0].tolist() == [0.0, 7.0]


def test_episode_metrics_are_means_over_the_episodes_that_ended(long):
  metrics = episode_metrics(long)
  assert metrics["train/return"] == metrics["train/episode_steps"] == (7 + 10) / 2
  assert metrics["train/falls"] == 0.5
  assert metrics["train/invalid_states"] == 0.0 and metrics["reward/alive"] == 1.0
  assert metrics["train/vx"] == pytest.approx(0.25)
  assert metrics["train/vx_error"] == pytest.approx(
    float(np.abs(0.25 - np.asarray(long.command)).mean()), rel=1e-5
  )
  assert metrics["train/command_vx_mean"] == pytest.approx(float(np.mean(long.command)), rel=1e-5)


def test_episode_metrics_are_nan_where_no_episode_ended(long):
  metrics = episode_metrics(jax.tree.map(lambda x: x[:6], long))
  assert all(np.isnan(metrics[f"train/{name}"]) for name in ("return", "episode_steps", "falls"))
  assert np.isfinite(metrics["train/task_reward"])


def test_invalid_states_are_counted(long):
  broken = long.replace(invalid=long.invalid.at[2, 1].set(1.0).at[3, 0].set(1.0))
  assert episode_metrics(broken)["train/invalid_states"] == 2.0


def test_the_commands_are_counted_over_the_declared_range():
  commands = np.float32([[0.0, 0.05, 0.1], [0.3, 0.29, 0.4]])
  counted = {name: float(share) for name, share in rollout_module.command_histogram(commands, 0.0, 0.3).items()}
  sixth, third = pytest.approx(1 / 6), pytest.approx(1 / 3)
  assert [counted[f"command/bin_{i}"] for i in range(5)] == [third, sixth, 0.0, 0.0, third]
  assert counted["command/outside"] == sixth
  one_speed = rollout_module.command_histogram(np.full((2, 2), 0.25, np.float32), 0.25, 0.25)
  assert float(one_speed["command/bin_0"]) == 1.0 and float(one_speed["command/outside"]) == 0.0
