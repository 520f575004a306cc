"""AMP's parts: regularisers, what is learnt, the frozen normaliser, the guard, the frozen discriminator."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toy_amp import REWARDS, TRAINING, gaussian, jitted_update, make_amp, numbers, trained

from wildrobot_exp.learning.adversarial import LOSSES
from wildrobot_exp.learning.amp import CLIP, COMMAND_STD, SATURATION_MEMORY, Amp
from wildrobot_exp.learning.discriminator import discriminator_loss
from wildrobot_exp.motions import make_gait_grid
from wildrobot_exp.motions.reference import make_amp_reference

# the loss: see test_adversarial.py for what holds for all of them


def test_regularisers_add_the_squared_weights_they_name():
  amp = make_amp(gaussian(0), hidden=[8, 4])
  params = amp.init(jax.random.PRNGKey(0)).params
  squares = [float((np.asarray(params["params"][f"hidden_{i}"]["kernel"]) ** 2).sum()) for i in range(3)]

  def loss(**hp):
    return float(discriminator_loss(amp.apply, params, gaussian(0), gaussian(1), numbers(**hp))[0])

  assert loss(logit_regulariser=2.0) - loss() == pytest.approx(2.0 * squares[2], rel=1e-4)
  assert loss(weight_decay=2.0) - loss() == pytest.approx(2.0 * sum(squares), rel=1e-4)


# what it learns


def accuracy(amp: Amp, state, real: jax.Array, fake: jax.Array) -> float:
  """Balanced, of normalised features."""
  return float((jnp.mean(amp.apply(state.params, real) > 0) + jnp.mean(amp.apply(state.params, fake) < 0)) / 2)


MEAN, STD = np.array([7.0, -3.0]), np.array([2.0, 0.5])


@pytest.fixture(scope="module")
def toy() -> Amp:
  """A reference with a normal distribution in 2-D."""
  return make_amp(gaussian(0) * STD + MEAN, updates=300, batch_size=256, replay_size=1024)


def test_every_update_is_a_step_and_the_metrics_say_what_the_discriminator_does(toy):
  state, _, metrics = trained(toy, gaussian(1) * STD + MEAN)
  assert int(state.adam.count) == 300
  for what in ("loss", "logit_reference", "logit_policy", "gradient_penalty", "reward_contrast"):
    assert f"amp/{what}" in metrics
  assert metrics["amp/giveaway"].shape == (2,)
  assert all(value.shape == () for name, value in metrics.items() if name != "amp/giveaway")
  assert all(np.isfinite(value).all() for value in metrics.values())


@pytest.mark.parametrize("slow", [1.0, 4.0])
def test_clips_fed_as_policy_data_cannot_be_told_apart_by_their_commands(robot, slow):
  """The policy's commands lie between the clips' speeds, and are rarely as evenly spread (slow > 1: near 0)."""
  clips = make_gait_grid(robot, [0.0, 0.1, 0.2], 0.8, 0.03, 0.02, 0.2, stand_at_zero=True)
  reference = make_amp_reference(robot, clips, condition="command")
  amp = Amp(
    reference.features,
    reference.floors,
    hidden=[32],
    updates=300,
    batch_size=256,
    replay_size=1024,
    replay_share=0.5,
    condition="command",
  )

  def obedient(seed: int) -> jax.Array:
    """A policy that does what the clips on either side of its command do."""
    rng = np.random.default_rng(seed)
    command = 0.2 * rng.uniform(size=4000) ** slow
    lower = np.minimum((command / 0.1).astype(int), 1)
    clip = lower + (rng.uniform(size=4000) < command / 0.1 - lower)
    rows = reference.features[40 * clip + rng.integers(0, 40, 4000)]
    return rows.at[:, -1].set(jnp.asarray(command, jnp.float32))

  state, _, _ = trained(amp, obedient(5))
  fake = amp.normalise(state, obedient(7))
  real = amp._draw_reference(state, amp.normalise(state, obedient(6)), jax.random.PRNGKey(1))
  assert abs(accuracy(amp, state, real, fake) - 0.5) < 0.03


# the normaliser


def test_the_normaliser_is_the_reference_alone_and_stays_as_it_is(toy):
  reference = gaussian(0) * STD + MEAN
  state = toy.init(jax.random.PRNGKey(0))
  np.testing.assert_allclose(state.mean, reference.mean(axis=0), rtol=1e-5)
  np.testing.assert_allclose(state.std, reference.std(axis=0), rtol=1e-5)
  scaled = toy.normalise(state, reference)
  np.testing.assert_allclose(scaled.mean(axis=0), 0.0, atol=1e-4)
  np.testing.assert_allclose(scaled.std(axis=0), 1.0, atol=1e-4)
  after, _, _ = trained(toy, 1e3 * gaussian(1))
  np.testing.assert_array_equal(after.mean, state.mean)
  np.testing.assert_array_equal(after.std, state.std)


def test_channels_that_hardly_move_in_the_reference_are_divided_by_their_floor():
  still = gaussian(0) * jnp.array([1.0, 1e-5])
  amp = Amp(still, jnp.array([0.1, 0.25]), hidden=[4], updates=1, batch_size=8, replay_size=8, replay_share=0.5)
  state = amp.init(jax.random.PRNGKey(0))
  assert state.std[0] > 0.9 and state.std[1] == 0.25
  assert float(amp.normalise(state, jnp.array([0.0, 0.5]))[1]) == pytest.approx(2.0, rel=1e-3)


@pytest.mark.parametrize("speeds", [(0.0, 0.3), (0.1, 0.2), (-0.1, 0.1)])
def test_a_step_of_the_command_means_the_same_whatever_the_speeds_of_the_reference(speeds):
  reference = jnp.stack([jnp.arange(40.0), jnp.repeat(jnp.asarray(speeds), 20)], axis=-1)
  amp = make_amp(reference, condition="command")
  state = amp.init(jax.random.PRNGKey(0))
  rows = jnp.stack([jnp.arange(4.0), jnp.array([0.0, 0.01, 0.04, 0.09])], axis=-1)
  told = np.asarray(amp.normalise(state, rows))
  np.testing.assert_allclose(np.diff(told[:, 1]) * COMMAND_STD, 0.1, atol=1e-5)  # of the square roots
  plain = make_amp(reference)
  np.testing.assert_allclose(told[:, 0], plain.normalise(plain.init(jax.random.PRNGKey(0)), rows)[:, 0], rtol=1e-6)


def test_far_features_are_clipped_and_their_share_is_reported():
  amp = make_amp(gaussian(0))
  state = amp.init(jax.random.PRNGKey(0))
  features = amp.normalise(state, jnp.array([[0.0, 1e6], [-1e6, 0.0], [0.0, 0.0], [1.0, 1.0]]))
  assert float(jnp.abs(features).max()) == CLIP
  assert amp.score(state, features)[1]["amp/clipped_features"] == 2 / 8


@pytest.mark.parametrize("loss, reward", REWARDS)
def test_scores_keep_the_shape_of_time_and_robots(loss, reward):
  amp = make_amp(gaussian(0), loss=loss, style_reward=reward)
  state = amp.init(jax.random.PRNGKey(0))
  features = gaussian(1).reshape(40, 50, 2)
  scored, metrics = amp.score(state, features)
  assert scored.shape == (40, 50)
  np.testing.assert_allclose(scored, LOSSES[loss].rewards[reward](amp.apply(state.params, features)), rtol=1e-5)
  assert float(metrics["amp/style_reward"]) == pytest.approx(float(scored.mean()), rel=1e-5)


def test_masked_steps_earn_nothing_and_do_not_count_in_the_means():
  amp = make_amp(gaussian(0))
  state = amp.init(jax.random.PRNGKey(0))
  features = gaussian(1).at[::2].set(CLIP)
  mask = jnp.ones(len(features)).at[::2].set(0.0)
  masked, metrics = amp.score(state, features, mask)
  every, _ = amp.score(state, features)
  np.testing.assert_array_equal(masked[::2], 0.0)
  np.testing.assert_array_equal(masked[1::2], every[1::2])
  assert float(metrics["amp/style_reward"]) == pytest.approx(float(every[1::2].mean()), rel=1e-5)
  assert metrics["amp/clipped_features"] == 0.0
  nothing, metrics = amp.score(state, features, jnp.zeros(len(features)))
  assert float(jnp.abs(nothing).max()) == 0.0 and metrics["amp/style_reward"] == 0.0


# the guard

GUARD = dict(slow_accuracy=0.9, slow_contrast=0.5, slow_factor=0.01)
HOPELESS = gaussian(1, mean=(6.0, 0.0), count=256)


def steps_of(amp: Amp, policies, **hp: float) -> list[tuple[float, dict[str, float]]]:
  """(how far the parameters moved, metrics) of one update after the other."""
  state, found = amp.init(jax.random.PRNGKey(0)), []
  for i, policy in enumerate(policies):
    before = jax.tree.map(np.array, state.params)
    features = amp.normalise(state, policy)
    state, metrics = jitted_update(amp)(state, features, jax.random.PRNGKey(i), numbers(**(TRAINING | hp)))
    moved = jax.tree.map(lambda a, b: np.abs(np.asarray(a) - b).max(), state.params, before)
    found.append((float(max(jax.tree.leaves(moved))), {k: v for k, v in metrics.items() if np.ndim(v) == 0}))
  return found


@pytest.fixture(scope="module")
def guarded() -> Amp:
  return make_amp(gaussian(0), updates=10, batch_size=128, replay_share=0.0)


def test_a_discriminator_saturated_for_several_iterations_is_slowed_by_the_factor(guarded):
  steps = steps_of(guarded, [HOPELESS] * 25, **GUARD)
  slowed = [float(metrics["amp/slowed"]) for _, metrics in steps]
  saturation = [float(metrics["amp/saturation"]) for _, metrics in steps]
  first = slowed.index(1.0)
  sides = ("amp/accuracy_reference", "amp/accuracy_policy")
  certain = [m["amp/reward_contrast"] > 0.5 and min(m[side] for side in sides) > 0.9 for _, m in steps]
  needed = int(np.ceil(np.log(0.5) / np.log(SATURATION_MEMORY)))
  assert first == certain.index(True) + needed  # a few certain iterations are no verdict
  assert saturation == sorted(saturation) and saturation[first - 1] > 0.5 > saturation[first - 2]
  assert set(slowed[:first]) == {0.0} and set(slowed[first:]) == {1.0}
  free = steps_of(guarded, [HOPELESS] * (first + 1), **GUARD | {"slow_factor": 1.0})
  np.testing.assert_allclose([moved for moved, _ in steps[:first]], [moved for moved, _ in free[:first]])
  assert steps[first][0] == pytest.approx(0.01 * free[first][0], rel=0.05)


def test_a_slowed_discriminator_recovers_when_the_policy_gets_better(guarded):
  steps = steps_of(guarded, [HOPELESS] * 20 + [gaussian(2, count=256)] * 12, **GUARD)
  slowed = [float(metrics["amp/slowed"]) for _, metrics in steps]
  assert slowed[19] == 1.0 and slowed[-1] == 0.0
  assert steps[-1][0] > 20 * steps[19][0]


def test_a_contrast_of_one_switches_the_guard_off(guarded):
  steps = steps_of(guarded, [HOPELESS] * 15, **GUARD | {"slow_contrast": 1.0})
  assert all(metrics["amp/saturation"] == metrics["amp/slowed"] == 0.0 for _, metrics in steps)


# frozen


def test_a_frozen_discriminator_keeps_its_parameters_to_the_bit_and_still_says_what_it_sees():
  amp = make_amp(gaussian(0), freeze=True, updates=5)
  first = state = amp.init(jax.random.PRNGKey(0))
  for i in range(3):
    features = amp.normalise(state, gaussian(i, mean=(2.0, 0.0)))
    state, metrics = jitted_update(amp)(state, features, jax.random.PRNGKey(i), numbers(**TRAINING))
  for a, b in zip(jax.tree.leaves(first.params), jax.tree.leaves(state.params), strict=True):
    assert np.asarray(a).tobytes() == np.asarray(b).tobytes()
  assert np.isfinite(metrics["amp/loss"]) and metrics["amp/accuracy_policy"] >= 0.0
