"""PPO's epochs: advantages by hand, every robot once per pass, gradients clipped."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from brax.training.agents.ppo import losses as ppo_losses
from brax.training.networks import FeedForwardNetwork

from wildrobot_exp.learning.ppo import brax_transition, policy_epochs
from wildrobot_exp.learning.rollout import Rollout

DISCOUNT, LAMBDA = 0.9, 0.8
STEPS = 3
FELL, TIMED_OUT, WENT_ON = range(3)  # robots; the first two end in step 1
VALUES = np.tile(
  [[1.0], [2.0], [3.0], [4.0]], (1, 3)
)  # [T + 1, N] of each observation, the last one included
REWARDS = np.array([[0.1, 0.2, 0.3], [0.5, 0.6, 0.4], [0.7, 0.8, 0.9]])  # [T, N]


def made_up_rollout() -> Rollout:
  """Only what the learner reads; the observation of a robot is its value."""
  termination, truncation = np.zeros((STEPS, 3)), np.zeros((STEPS, 3))
  termination[1, FELL] = truncation[1, TIMED_OUT] = 1.0
  unread = {name: None for name in Rollout.__dataclass_fields__}
  read = dict(
    observation={"state": jnp.asarray(VALUES[:-1, :, None])},
    last_observation={"state": jnp.asarray(VALUES[-1, :, None])},
    policy_extras={"raw_action": jnp.zeros((STEPS, 3, 2)), "log_prob": jnp.zeros((STEPS, 3))},
    termination=jnp.asarray(termination),
    truncation=jnp.asarray(truncation),
  )
  return Rollout(**(unread | read))


def gae(rewards: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Brax's value targets and advantages [T, N], its inputs made as its PPO loss makes them."""
  transition = brax_transition(made_up_rollout(), jnp.asarray(rewards))
  data = jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), transition)
  truncation = data.extras["state_extras"]["truncation"]
  targets, advantages = ppo_losses.compute_gae(
    truncation=truncation,
    termination=(1 - data.discount) * (1 - truncation),
    rewards=data.reward,
    values=data.observation["state"][..., 0],
    bootstrap_value=data.next_observation["state"][-1, :, 0],
    lambda_=LAMBDA,
    discount=DISCOUNT,
  )
  return np.asarray(targets), np.asarray(advantages)


def test_brax_reads_the_whole_trajectory_of_each_robot():
  data = brax_transition(made_up_rollout(), jnp.asarray(REWARDS))
  np.testing.assert_allclose(data.reward, REWARDS.T)
  np.testing.assert_array_equal(data.observation["state"][..., 0], VALUES[:-1].T)
  np.testing.assert_array_equal(data.next_observation["state"][..., 0], VALUES[-1:].T)
  np.testing.assert_array_equal(data.discount, [[1, 0, 1], [1, 0, 1], [1, 1, 1]])


def test_a_fall_ends_the_return():
  targets, advantages = gae(REWARDS)
  r, v = REWARDS[:, FELL], VALUES[:, FELL]
  assert targets[1, FELL] == pytest.approx(r[1])  # nothing follows
  assert advantages[1, FELL] == pytest.approx(r[1] - v[1])
  assert advantages[0, FELL] == pytest.approx(r[0] + DISCOUNT * targets[1, FELL] - v[0])


def test_running_out_of_time_bootstraps_from_the_value():
  targets, advantages = gae(REWARDS)
  r, v = REWARDS[:, TIMED_OUT], VALUES[:, TIMED_OUT]
  assert targets[1, TIMED_OUT] == pytest.approx(v[1])  # the value stands in for what would have followed
  assert advantages[1, TIMED_OUT] == 0.0
  assert advantages[0, TIMED_OUT] == pytest.approx(r[0] + DISCOUNT * v[1] - v[0])


def test_the_end_of_the_rollout_bootstraps_from_the_last_observation():
  targets, advantages = gae(REWARDS)
  r, v = REWARDS[:, WENT_ON], VALUES[:, WENT_ON]
  deltas = r + DISCOUNT * v[1:] - v[:-1]
  decay = DISCOUNT * LAMBDA
  gains = [deltas[0] + decay * (deltas[1] + decay * deltas[2]), deltas[1] + decay * deltas[2], deltas[2]]
  np.testing.assert_allclose(targets[:, WENT_ON] - v[:-1], gains, rtol=1e-5)
  assert advantages[2, WENT_ON] == pytest.approx(r[2] + DISCOUNT * v[3] - v[2], rel=1e-5)


def test_no_reward_leaks_from_one_episode_into_the_one_before():
  later = REWARDS + np.array([[0.0], [0.0], [100.0]])
  for before, after in zip(gae(REWARDS), gae(later), strict=True):
    np.testing.assert_array_equal(before[:2, [FELL, TIMED_OUT]], after[:2, [FELL, TIMED_OUT]])
    assert (after[0, WENT_ON] > before[0, WENT_ON]) and (after[2] > before[2]).all()


@pytest.fixture(scope="module")
def collected(ppo):
  state = ppo.start()
  _, rollout = ppo.update.collect(state)
  return state, brax_transition(rollout, rollout.task_reward)


def make_epochs(ppo, collected, networks=None, **counts: int):
  """epochs(hp, rate) -> (learner, metrics) on the collected rollout."""
  state, data = collected
  run = jax.jit(functools.partial(policy_epochs, networks or ppo.update.networks, **counts))
  return lambda hp, rate: run(
    state.learner, state.normaliser, data, jax.random.PRNGKey(3), hp, jnp.float32(rate)
  )


@pytest.fixture(scope="module")
def one_step(ppo, collected):
  return make_epochs(ppo, collected, epochs=1, minibatches=1)


def fingerprints(observations) -> list[bytes]:
  """What tells the robots apart whose second observations [B, n] these are: by then noise has."""
  return [row.tobytes() for row in np.asarray(observations)]


def test_every_robot_is_used_exactly_once_a_pass(ppo, collected):
  policy, batches = ppo.update.networks.policy_network, []

  def apply(statistics, params, observation):
    jax.debug.callback(lambda x: batches.append(fingerprints(x)), observation["state"][1], ordered=True)
    return policy.apply(statistics, params, observation)

  spy = ppo.update.networks.replace(policy_network=FeedForwardNetwork(policy.init, apply))
  jax.block_until_ready(make_epochs(ppo, collected, spy, epochs=3, minibatches=4)(ppo.hp, 0.0))
  jax.effects_barrier()

  robots = sorted(fingerprints(collected[1].observation["state"][:, 1]))
  assert len(set(robots)) == ppo.cfg.num_envs
  assert [len(batch) for batch in batches] == [ppo.cfg.num_envs // 4] * 12
  passes = [sum(batches[i : i + 4], []) for i in (0, 4, 8)]
  for order in passes:
    assert sorted(order) == robots
  assert passes[0] != passes[1] != passes[2]  # shuffled anew


def test_gradients_are_clipped_by_their_global_norm(ppo, one_step):
  least = 1e-3
  learner, metrics = one_step(ppo.hp.replace(max_grad_norm=jnp.float32(least)), 0.0)
  assert metrics["train/gradient_norm"] > 2 * least  # of the loss itself, before clipping
  taken = jax.tree.map(lambda moment: moment / 0.1, learner.adam.mu)  # Adam's first moment after one step
  assert float(optax.global_norm(taken)) == pytest.approx(least, rel=1e-3)


def test_the_rate_scales_the_step(ppo, collected, one_step):
  before = collected[0].learner.params
  jax.tree.map(np.testing.assert_array_equal, one_step(ppo.hp, 0.0)[0].params, before)
  after = one_step(ppo.hp, 1e-3)[0].params
  steps = jax.tree.map(lambda a, b: np.abs(np.asarray(a) - np.asarray(b)).max(), after, before)
  assert max(jax.tree.leaves(steps)) == pytest.approx(1e-3, rel=0.01)  # Adam's first step is the rate
