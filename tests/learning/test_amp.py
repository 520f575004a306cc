"""AMP's parts: the loss, the style reward, what is learnt, the frozen normaliser."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toy_amp import TRAINING, gaussian, jitted_update, make_amp, numbers

from wildrobot_exp.learning.amp import CLIP, Amp, discriminator_loss, style_reward
from wildrobot_exp.motions import make_gait_grid
from wildrobot_exp.motions.reference import make_amp_reference


def linear(params, x):
  return x @ params["kernel"] + params["bias"]


LINEAR = {"kernel": jnp.array([0.3, -1.2]), "bias": jnp.float32(0.4)}


# the loss and the reward


def test_at_the_optimum_the_style_reward_is_one_for_reference_and_zero_for_policy():
  assert style_reward(jnp.float32(1.0)) == 1.0
  assert style_reward(jnp.float32(-1.0)) == 0.0
  reference, policy = jnp.ones((5, 2)), -jnp.ones((5, 2))
  first = {"kernel": jnp.array([1.0, 0.0]), "bias": jnp.float32(0.0)}  # D = +1 and -1
  loss, metrics = discriminator_loss(linear, first, reference, policy, numbers())
  assert loss == 0.0  # nothing is lower than a sum of squares at 0
  assert metrics["amp/logit_reference"] == 1.0 and metrics["amp/logit_policy"] == -1.0
  assert metrics["amp/reward_contrast"] == 1.0
  assert metrics["amp/accuracy_reference"] == metrics["amp/accuracy_policy"] == 1.0


def test_style_reward_stays_in_zero_to_one_and_peaks_at_the_reference_target():
  logits = jnp.linspace(-20.0, 20.0, 4001)
  reward = style_reward(logits)
  assert reward.min() == 0.0 and reward.max() <= 1.0
  assert float(logits[jnp.argmax(reward)]) == pytest.approx(1.0, abs=0.01)
  assert style_reward(jnp.float32(0.0)) == 0.75  # undecided


def test_the_least_squares_part_is_a_quarter_of_each_side():
  loss, _ = discriminator_loss(linear, LINEAR, gaussian(0), gaussian(1), numbers())
  real, fake = (np.asarray(linear(LINEAR, gaussian(seed)), np.float64) for seed in (0, 1))
  assert float(loss) == pytest.approx(((real - 1) ** 2).mean() / 4 + ((fake + 1) ** 2).mean() / 4, rel=1e-5)


@pytest.mark.parametrize("coefficient", [0.5, 5.0])
def test_the_gradient_penalty_of_a_linear_discriminator_is_the_coefficient_times_its_squared_weights(
  coefficient,
):
  plain, _ = discriminator_loss(linear, LINEAR, gaussian(0), gaussian(1), numbers())
  loss, metrics = discriminator_loss(
    linear, LINEAR, gaussian(0), gaussian(1), numbers(gradient_penalty=coefficient)
  )
  squared = 0.3**2 + 1.2**2
  assert float(metrics["amp/gradient_penalty"]) == pytest.approx(squared, rel=1e-5)
  assert float(loss - plain) == pytest.approx(coefficient * squared, rel=1e-4)


def test_the_gradient_penalty_is_taken_on_the_reference_side_alone():
  amp = make_amp(gaussian(0))
  params = amp.init(jax.random.PRNGKey(0)).params

  def penalty(real, fake):
    return discriminator_loss(amp.apply, params, real, fake, numbers())[1]["amp/gradient_penalty"]

  assert penalty(gaussian(0), gaussian(1)) == penalty(gaussian(0), gaussian(2, mean=(3.0, 0.0)))
  assert penalty(gaussian(0), gaussian(1)) != penalty(gaussian(1), gaussian(1))


def test_regularisers_add_the_squared_weights_they_name():
  amp = make_amp(gaussian(0), hidden=[8, 4])
  params = amp.init(jax.random.PRNGKey(0)).params
  squares = [float((np.asarray(params["params"][f"hidden_{i}"]["kernel"]) ** 2).sum()) for i in range(3)]

  def loss(**hp):
    return float(discriminator_loss(amp.apply, params, gaussian(0), gaussian(1), numbers(**hp))[0])

  assert loss(logit_regulariser=2.0) - loss() == pytest.approx(2.0 * squares[2], rel=1e-4)
  assert loss(weight_decay=2.0) - loss() == pytest.approx(2.0 * sum(squares), rel=1e-4)


@pytest.mark.parametrize("change", ["permuted", "repeated"])
def test_permuting_or_repeating_the_batch_changes_nothing(change):
  amp = make_amp(gaussian(0))
  params = amp.init(jax.random.PRNGKey(0)).params
  order = {
    "permuted": lambda x, seed: x[np.random.default_rng(seed).permutation(len(x))],
    "repeated": lambda x, seed: jnp.concatenate([x, x]),
  }[change]
  hp = numbers(**TRAINING)
  loss = jax.grad(lambda p, real, fake: discriminator_loss(amp.apply, p, real, fake, hp), has_aux=True)
  gradient, metrics = loss(params, gaussian(1), gaussian(2, mean=(1.0, 0.0)))
  other_gradient, other_metrics = loss(params, order(gaussian(1), 3), order(gaussian(2, mean=(1.0, 0.0)), 4))
  for a, b in zip(*map(jax.tree.leaves, ((metrics, gradient), (other_metrics, other_gradient))), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


# what it learns


def trained(amp: Amp, raw_policy: jax.Array, seed: int = 0):
  state = amp.init(jax.random.PRNGKey(seed))
  features = amp.normalise(state, raw_policy)
  state, metrics = jitted_update(amp)(state, features, jax.random.PRNGKey(seed + 1), numbers(**TRAINING))
  return state, features, metrics


def accuracy(amp: Amp, state, real: jax.Array, fake: jax.Array) -> float:
  """Balanced, of normalised features."""
  return float(
    (jnp.mean(amp.apply(state.params, real) > 0) + jnp.mean(amp.apply(state.params, fake) < 0)) / 2
  )


MEAN, STD = np.array([7.0, -3.0]), np.array([2.0, 0.5])


@pytest.fixture(scope="module")
def toy() -> Amp:
  """A reference with a normal distribution in 2-D."""
  return make_amp(gaussian(0) * STD + MEAN, updates=300, batch_size=256, replay_size=1024)


def test_style_reward_rises_as_the_policy_moves_to_the_reference(toy):
  rewards = []
  for distance in (4.0, 2.0, 1.0, 0.0):
    state, features, _ = trained(toy, gaussian(1, mean=(distance, 0.0)) * STD + MEAN)
    rewards.append(float(toy.score(state, features)[0].mean()))
  assert rewards == sorted(rewards) and rewards[0] < 0.3, rewards
  assert rewards[-1] == pytest.approx(0.75, abs=0.02)  # undecided: they are the same distribution


def test_the_same_data_on_both_sides_cannot_be_told_apart(toy):
  state, real, metrics = trained(toy, gaussian(0) * STD + MEAN)
  assert accuracy(toy, state, real, real) == 0.5  # whatever it says, it says of both
  assert abs(float(metrics["amp/accuracy_reference"] + metrics["amp/accuracy_policy"]) / 2 - 0.5) < 0.03
  assert abs(float(metrics["amp/logit_reference"] - metrics["amp/logit_policy"])) < 0.05


def test_every_update_is_a_step_and_the_metrics_say_what_the_discriminator_does(toy):
  state, _, metrics = trained(toy, gaussian(1) * STD + MEAN)
  assert int(state.adam.count) == 300
  for what in ("loss", "logit_reference", "logit_policy", "gradient_penalty", "reward_contrast"):
    assert f"amp/{what}" in metrics
  assert all(value.shape == () and np.isfinite(value) for value in metrics.values())


@pytest.mark.parametrize("blurred", [True, False])
def test_a_clip_fed_as_policy_data_cannot_be_told_apart_by_its_command(robot, blurred):
  """The policy's commands lie between the clips' speeds. Without the blur that alone gives it away."""
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
    command_jitter=reference.command_jitter if blurred else 0.0,
  )

  def off_grid(seed: int) -> jax.Array:
    rows = jnp.tile(reference.features, (30, 1))
    width = reference.command_jitter
    return rows.at[:, -1].add(
      np.random.default_rng(seed).uniform(-width, width, len(rows)).astype(np.float32)
    )

  state, _, _ = trained(amp, off_grid(5))
  real = off_grid(6) if blurred else reference.features
  found = accuracy(amp, state, amp.normalise(state, real), amp.normalise(state, off_grid(7)))
  assert abs(found - 0.5) < 0.02 if blurred else found > 0.6


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
  amp = Amp(
    still, jnp.array([0.1, 0.25]), hidden=[4], updates=1, batch_size=8, replay_size=8, replay_share=0.5
  )
  state = amp.init(jax.random.PRNGKey(0))
  assert state.std[0] > 0.9 and state.std[1] == 0.25
  assert float(amp.normalise(state, jnp.array([0.0, 0.5]))[1]) == pytest.approx(2.0, rel=1e-3)


def test_far_features_are_clipped_and_their_share_is_reported():
  amp = make_amp(gaussian(0))
  state = amp.init(jax.random.PRNGKey(0))
  features = amp.normalise(state, jnp.array([[0.0, 1e6], [-1e6, 0.0], [0.0, 0.0], [1.0, 1.0]]))
  assert float(jnp.abs(features).max()) == CLIP
  assert amp.score(state, features)[1]["amp/clipped_features"] == 2 / 8


def test_scores_keep_the_shape_of_time_and_robots():
  amp = make_amp(gaussian(0))
  state = amp.init(jax.random.PRNGKey(0))
  features = gaussian(1).reshape(40, 50, 2)
  reward, metrics = amp.score(state, features)
  assert reward.shape == (40, 50)
  np.testing.assert_allclose(reward, style_reward(amp.apply(state.params, features)))
  assert float(metrics["amp/style_reward"]) == pytest.approx(float(reward.mean()), rel=1e-5)
