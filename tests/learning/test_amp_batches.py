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

SEEN = ("amp/loss", "amp/accuracy_reference", "amp/accuracy_policy", "amp/reward_contrast")  # read by the update


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


def test_every_reference_row_has_a_policy_row_s_command_and_comes_from_a_clip_beside_it():
  reference = jnp.stack([jnp.arange(60.0), jnp.repeat(jnp.array([0.2, 0.0, 0.1]), 20)], axis=-1)
  amp = make_amp(reference, condition="command")
  state = amp.init(jax.random.PRNGKey(0))
  told = jnp.tile(jnp.array([-0.1, 0.0, 0.025, 0.1, 0.18, 0.2, 0.5]), 600)
  policy = amp.normalise(state, jnp.stack([jnp.zeros_like(told), told], axis=-1))
  drawn = np.asarray(amp._draw_reference(state, policy, jax.random.PRNGKey(0)))
  np.testing.assert_array_equal(drawn[:, 1], policy[:, 1])
  number = (drawn[:, 0] * float(state.std[0]) + float(state.mean[0])).round().astype(int)
  speed = np.asarray(reference[:, 1])[number].round(6)
  assert len(set(number)) == 60
  for command, expected in {-0.1: 0.0, 0.0: 0.0, 0.1: 0.1, 0.2: 0.2, 0.5: 0.2}.items():
    assert set(speed[np.isclose(told, command)]) == {np.float32(expected).round(6)}
  slow, fast = (speed[np.isclose(told, command)] for command in (0.025, 0.18))
  assert set(slow) == set(np.float32([0.0, 0.1])) and np.mean(slow > 0) == pytest.approx(0.25, abs=0.06)
  assert set(fast) == set(np.float32([0.1, 0.2])) and np.mean(fast > 0.15) == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize("speed", [0.0, 0.25])
def test_a_single_speed_judges_every_command(speed):
  amp = make_amp(jnp.stack([jnp.arange(20.0), jnp.full(20, speed)], axis=-1), condition="command")
  state = amp.init(jax.random.PRNGKey(0))
  policy = amp.normalise(state, jnp.stack([jnp.zeros(50), jnp.linspace(0.0, 0.5, 50)], axis=-1))
  drawn = np.asarray(amp._draw_reference(state, policy, jax.random.PRNGKey(0)))
  assert np.isfinite(drawn).all() and len(set(drawn[:, 0])) > 10
  np.testing.assert_array_equal(drawn[:, 1], policy[:, 1])


def test_without_a_command_rows_are_shown_as_they_are(shown):
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
