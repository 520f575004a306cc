"""What the discriminator is shown: replay, batches, and the blurred command of the reference."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from toy_amp import TRAINING, gaussian, jitted_update, make_amp, numbers

from wildrobot_exp.learning import amp as amp_module
from wildrobot_exp.learning.amp import Amp
from wildrobot_exp.learning.replay import draw_where

SEEN = ("amp/accuracy_reference", "amp/accuracy_policy", "amp/reward_contrast")  # what the update itself reads


@pytest.fixture
def shown(monkeypatch) -> list[tuple[np.ndarray, np.ndarray]]:
  """(reference, policy) batches of every discriminator step; nothing is learnt from them."""
  batches = []

  def spy(apply, params, reference, policy, hp, *how):
    jax.debug.callback(lambda *sides: batches.append(tuple(map(np.array, sides))), reference, policy, ordered=True)
    return optax.global_norm(params), dict.fromkeys(SEEN, 0.0)

  monkeypatch.setattr(amp_module, "discriminator_loss", spy)
  return batches


def feed(amp: Amp, values: list[float], rows: int = 32):
  """One update per value, all features of an update equal to it."""
  state, update = amp.init(jax.random.PRNGKey(0)), jitted_update(amp)
  for i, value in enumerate(values):
    features = jnp.full((rows, 2), value)
    state, _ = update(state, features, jax.random.PRNGKey(i), numbers(**TRAINING))
  jax.effects_barrier()
  return state


def test_the_replay_keeps_the_newest_and_wraps(shown):
  amp = make_amp(gaussian(0), batch_size=8, replay_size=20, replay_keep=0.25)  # of 32 rows
  ring = np.zeros(20)
  for updates in range(1, 8):
    ring[(8 * (updates - 1) + np.arange(8)) % 20] = updates
    state = feed(amp, list(range(1, updates + 1)))
    np.testing.assert_array_equal(state.replay.features, np.stack([ring, ring], axis=-1))
    assert int(state.replay.inserted) == 8 * updates


def test_slots_that_were_never_filled_are_never_sampled(shown):
  feed(make_amp(gaussian(0), batch_size=8, replay_size=1000, updates=20), [5.0])
  assert len(shown) == 20
  assert all((policy == 5.0).all() for _, policy in shown)


def test_the_share_asked_for_comes_from_the_replay(shown):
  feed(make_amp(gaussian(0), batch_size=16, replay_size=160, replay_share=0.25, updates=40), [1.0, 2.0])
  second = [policy[:, 0] for _, policy in shown[40:]]
  assert all((policy[:12] == 2.0).all() for policy in second)  # this iteration's
  old = np.concatenate([policy[12:] for policy in second])
  assert set(old) == {1.0, 2.0} and 0.3 < (old == 1.0).mean() < 0.7  # any of the 32 kept


@pytest.mark.parametrize("share, expected", [(0.0, {2.0}), (1.0, {1.0, 2.0})])
def test_all_or_nothing_may_come_from_the_replay(shown, share, expected):
  feed(make_amp(gaussian(0), batch_size=16, replay_share=share, updates=10), [1.0, 2.0])
  assert set(np.concatenate([policy[:, 0] for _, policy in shown[10:]])) == expected


def test_a_batch_larger_than_the_iteration_or_the_replay_still_works(shown):
  state = feed(make_amp(gaussian(0), batch_size=64, replay_size=10), [3.0], rows=4)
  assert int(state.replay.inserted) == 4 and all((policy == 3.0).all() for _, policy in shown)


def test_only_the_command_of_the_reference_is_blurred_and_stays_among_its_speeds(shown):
  reference = jnp.stack([jnp.arange(60.0), jnp.repeat(jnp.array([0.0, 0.1, 0.2]), 20)], axis=-1)
  amp = make_amp(reference, condition="command", command_jitter=0.05, updates=30, batch_size=32)
  state = feed(amp, [0.0])
  clean = np.asarray(amp.normalise(state, reference))
  real = np.concatenate([real for real, _ in shown])
  rows = np.abs(real[:, :1] - clean[None, :, 0]).argmin(axis=1)
  np.testing.assert_array_equal(real[:, 0], clean[rows, 0])
  encoded = real[:, 1] * float(state.std[1]) + float(state.mean[1])
  told = np.sign(encoded) * encoded**2  # m/s
  moved = told - np.asarray(reference[rows, 1])
  assert np.abs(moved).max() <= 0.05 + 1e-5 and np.abs(moved).max() > 0.045
  assert told.min() == pytest.approx(0.0, abs=1e-5) and told.max() == pytest.approx(0.2, abs=1e-5)
  between = moved[(rows >= 20) & (rows < 40)]  # of the middle speed nothing is cut off
  assert between.min() < -0.045 and between.max() > 0.045 and abs(between.mean()) < 0.01


def test_without_a_command_nothing_is_blurred(shown):
  reference = gaussian(0, count=50)
  amp = make_amp(reference, updates=5, batch_size=32)
  clean = np.asarray(amp.normalise(feed(amp, [0.0]), reference))
  assert not amp.conditioned
  for real, _ in shown:
    assert all((row == clean).all(axis=1).any() for row in real)


def test_reference_batches_are_spread_over_the_whole_reference(shown):
  reference = jnp.stack([jnp.arange(40.0), jnp.zeros(40)], axis=-1)
  feed(make_amp(reference, updates=30, batch_size=32), [0.0])
  real = np.concatenate([real[:, 0] for real, _ in shown])
  assert len(set(real)) == 40


# an iteration's rows, of which some do not count


@pytest.mark.parametrize("keep, expected", [(1.0, 32), (0.25, 8), (0.2, 6), (0.001, 1)])
def test_the_replay_takes_the_share_of_an_iteration_it_is_told_to(shown, keep, expected):
  assert int(feed(make_amp(gaussian(0), replay_keep=keep), [1.0]).replay.inserted) == expected


def test_a_masked_row_is_never_drawn_and_the_others_all_are():
  rows = jnp.arange(64.0)[:, None]
  for seed in range(5):
    mask = np.random.default_rng(seed).integers(0, 2, 64).astype(np.float32)
    mask[[0, -1]] = seed % 2, (seed + 1) % 2
    drawn = np.asarray(draw_where(rows, jnp.asarray(mask), jax.random.PRNGKey(seed), 4000))[:, 0]
    assert set(drawn) == set(np.flatnonzero(mask))
    counts = np.bincount(drawn.astype(int), minlength=64)[mask > 0]
    assert counts.max() < 2 * counts.mean() and counts.min() > 0.4 * counts.mean()


def masked_features(count: int = 32) -> tuple[jax.Array, jax.Array]:
  """Rows of 5, and rows of -7 that do not count."""
  mask = jnp.zeros(count).at[::3].set(1.0)
  return jnp.where(mask[:, None] > 0, 5.0, -7.0) * jnp.ones((count, 2)), mask


def test_masked_rows_reach_neither_the_batches_nor_the_replay(shown):
  amp = make_amp(gaussian(0), updates=4, replay_share=0.5)
  features, mask = masked_features()
  state = amp.init(jax.random.PRNGKey(0))
  for i in range(2):
    state, _ = jitted_update(amp)(state, features, jax.random.PRNGKey(i), numbers(**TRAINING), mask)
  jax.effects_barrier()
  assert len(shown) == 8 and all((policy == 5.0).all() for _, policy in shown)
  filled = int(state.replay.filled)
  assert filled == 64 and (np.asarray(state.replay.features[:filled]) == 5.0).all()


def test_an_iteration_without_a_row_that_counts_changes_neither_discriminator_nor_replay():
  amp = make_amp(gaussian(0), updates=3)
  state = amp.init(jax.random.PRNGKey(0))
  features, mask = masked_features()
  state, _ = jitted_update(amp)(state, features, jax.random.PRNGKey(0), numbers(**TRAINING), mask)
  after, _ = jitted_update(amp)(state, features, jax.random.PRNGKey(1), numbers(**TRAINING), 0.0 * mask)
  for a, b in zip(*map(jax.tree.leaves, ((state.params, state.replay), (after.params, after.replay))), strict=True):
    assert np.asarray(a).tobytes() == np.asarray(b).tobytes()
