"""Steps that go bad are left out; where none does, nothing is different, to the bit."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from toy_amp import TRAINING, gaussian, jitted_update, make_amp, numbers

from wildrobot_exp.learning.guard import guarded_scan, is_finite
from wildrobot_exp.learning.update import Update

ADAM = optax.scale_by_adam()


def equal(one, other) -> bool:
  pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
  return all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in pairs)


def add(total, given):
  return {"total": total["total"] + given}, {"given": given}, jnp.isfinite(given)


@pytest.mark.parametrize("bad", [(), (0,), (1, 2), (3,), (0, 1, 2, 3)])
def test_what_is_not_good_is_left_out_wherever_it_comes(bad):
  given = jnp.array([1.0, 2.0, 4.0, 8.0]).at[jnp.array(bad, int)].set(jnp.nan)
  state, metrics, skipped = jax.jit(lambda x: guarded_scan(add, {"total": jnp.zeros(())}, x))(given)
  kept = [float(x) for i, x in enumerate([1.0, 2.0, 4.0, 8.0]) if i not in bad]
  assert float(state["total"]) == sum(kept) and int(skipped) == len(bad)
  np.testing.assert_allclose(metrics["given"], np.mean(kept) if kept else np.nan, rtol=1e-6)


def test_a_gradient_whose_square_overflows_is_not_finite():
  assert is_finite({"a": jnp.ones(3)}, jnp.float32(1.0))
  assert not is_finite({"a": jnp.array([1e30, 0.0])}, jnp.float32(1.0))
  assert not is_finite({"a": jnp.ones(3)}, jnp.float32(1.0), jnp.float32(jnp.inf))


def unguarded(step, state, inputs):
  """What guarded_scan has to be equal to where all is finite."""

  def body(state, given):
    state, metrics, _ = step(state, given)
    return state, metrics

  state, metrics = jax.lax.scan(body, state, inputs)
  return state, jax.tree.map(lambda x: jnp.mean(x, axis=0), metrics), jnp.zeros(())


def adam_step(state, batch):
  params, adam = state
  loss = lambda p: jnp.mean(jnp.square(jnp.tanh(batch @ p["a"]) @ p["b"] - batch[:, :1]))  # noqa: E731
  value, gradient = jax.value_and_grad(loss)(params)
  direction, adam = ADAM.update(gradient, adam)
  params = jax.tree.map(lambda p, d: p - 0.01 * d, params, direction)
  return (params, adam), {"loss": value}, is_finite(gradient, value)


def test_finite_adam_steps_are_the_unguarded_ones_to_the_bit():
  keys = jax.random.split(jax.random.PRNGKey(0), 3)
  params = {"a": jax.random.normal(keys[0], (5, 16)), "b": jax.random.normal(keys[1], (16, 1))}
  state, batches = (params, ADAM.init(params)), jax.random.normal(keys[2], (6, 32, 5))
  guarded, plain = (jax.jit(functools.partial(scan, adam_step))(state, batches) for scan in (guarded_scan, unguarded))
  assert equal(guarded, plain) and not equal(guarded[0], state)


@pytest.mark.slow
def test_a_finite_update_is_the_unguarded_one_to_the_bit(ppo_amp, monkeypatch):
  state, hp = ppo_amp.start(), ppo_amp.hp
  episodes, rollout = ppo_amp.update.collect(state)
  copy = jax.tree.map(jnp.copy, state)
  guarded, metrics = ppo_amp.update.learn(copy, episodes, rollout, hp)
  for module in ("ppo", "amp"):
    monkeypatch.setattr(f"wildrobot_exp.learning.{module}.guarded_scan", unguarded)
  plain, plain_metrics = jax.jit(lambda *args: Update._learn(ppo_amp.update, *args))(state, episodes, rollout, hp)
  assert equal(guarded, plain) and equal(metrics, plain_metrics)
  assert metrics["train/skipped_updates"] == metrics["amp/skipped_updates"] == 0


def test_a_reward_that_is_nan_leaves_policy_and_critic_as_they_were(ppo_amp):
  state = ppo_amp.start()
  before = jax.tree.map(np.asarray, state.learner)
  episodes, rollout = ppo_amp.update.collect(state)
  broken = rollout.replace(terms={k: v.at[1, 2].set(jnp.nan) for k, v in rollout.terms.items()})
  after, metrics = ppo_amp.update.learn(state, episodes, broken, ppo_amp.hp)
  cfg = ppo_amp.cfg.algo
  assert metrics["train/skipped_updates"] == cfg.epochs  # the one robot is in one minibatch of every epoch
  assert np.isfinite(metrics["train/policy_loss"]) and not equal(after.learner, before)
  assert all(np.isfinite(x).all() for x in jax.tree.leaves(after.learner))
  assert int(after.learner.adam.count) == cfg.epochs * (cfg.minibatches - 1)
  assert metrics["amp/skipped_updates"] == 0

  everywhere = rollout.replace(terms={k: jnp.full_like(v, jnp.inf) for k, v in rollout.terms.items()})
  kept = jax.tree.map(np.asarray, after.learner)
  last, metrics = ppo_amp.update.learn(after, episodes, everywhere, ppo_amp.hp)
  assert equal(last.learner, kept) and metrics["train/skipped_updates"] == cfg.epochs * cfg.minibatches
  assert np.isnan(metrics["train/policy_loss"])


def test_an_observation_that_is_nan_does_not_enter_the_statistics(ppo_amp):
  state = ppo_amp.start()
  before = jax.tree.map(np.asarray, state.normaliser)
  episodes, rollout = ppo_amp.update.collect(state)
  observation = dict(rollout.observation)
  observation["state"] = observation["state"].at[0, 0, 0].set(jnp.nan)
  after, _ = ppo_amp.update.learn(state, episodes, rollout.replace(observation=observation), ppo_amp.hp)
  assert equal(after.normaliser, before)


def test_features_that_are_nan_leave_the_discriminator_and_its_replay_as_they_were():
  amp = make_amp(gaussian(0), updates=2)
  state = amp.init(jax.random.PRNGKey(0))
  features = amp.normalise(state, gaussian(1)).at[:, 0].set(jnp.nan)
  after, metrics = jitted_update(amp)(state, features, jax.random.PRNGKey(1), numbers(**TRAINING))
  assert equal((after.params, after.adam, after.replay), (state.params, state.adam, state.replay))
  assert metrics["amp/skipped_updates"] == 2 and np.isnan(metrics["amp/loss"]) and after.saturation == 0
