"""AMP's parts: the loss, the style reward, the frozen normaliser, the replay, the blurred command."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from wildrobot_exp.learning import amp as amp_module
from wildrobot_exp.learning.amp import CLIP, Amp, discriminator_loss, style_reward
from wildrobot_exp.learning.hyperparameters import AmpHyperparameters
from wildrobot_exp.motions import make_gait_grid
from wildrobot_exp.motions.reference import make_amp_reference


def numbers(**changed: float) -> AmpHyperparameters:
  plain = dict.fromkeys(AmpHyperparameters.__dataclass_fields__, 0.0) | {"weight": 1.0, "style_scale": 1.0}
  return AmpHyperparameters(**{name: jnp.float32(value) for name, value in (plain | changed).items()})


TRAINING = dict(learning_rate=3e-3, gradient_penalty=0.1, logit_regulariser=0.01, weight_decay=1e-4)


def make_amp(reference, floors=1e-3, **changed) -> Amp:
  reference = jnp.asarray(reference, jnp.float32)
  settings = dict(hidden=[16], updates=1, batch_size=64, replay_size=256, replay_share=0.5) | changed
  return Amp(reference, jnp.full(reference.shape[-1], floors), **settings)


@functools.cache
def jitted_update(amp: Amp):
  return jax.jit(amp.update)


def gaussian(seed: int, mean=(0.0, 0.0), count: int = 2000) -> jax.Array:
  return jnp.asarray(np.random.default_rng(seed).normal(mean, size=(count, 2)), jnp.float32)


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
def test_the_gradient_penalty_of_a_linear_discriminator_is_the_coefficient_times_its_squared_weights(coefficient):
  plain, _ = discriminator_loss(linear, LINEAR, gaussian(0), gaussian(1), numbers())
  loss, metrics = discriminator_loss(linear, LINEAR, gaussian(0), gaussian(1), numbers(gradient_penalty=coefficient))
  squared = 0.3**2 + 1.2**2
  assert float(metrics["amp/gradient_penalty"]) == pytest.approx(squared, rel=1e-5)
  assert float(loss - plain) == pytest.approx(coefficient * squared, rel=1e-4)


def test_the_gradient_penalty_is_taken_on_the_reference_side_alone():
  amp = make_amp(gaussian(0))
  params = amp.init(jax.random.PRNGKey(0)).params
  penalty = lambda real, fake: discriminator_loss(amp.apply, params, real, fake, numbers())[1]["amp/gradient_penalty"]  # noqa: E731
  assert penalty(gaussian(0), gaussian(1)) == penalty(gaussian(0), gaussian(2, mean=(3.0, 0.0)))
  assert penalty(gaussian(0), gaussian(1)) != penalty(gaussian(1), gaussian(1))


def test_regularisers_add_the_squared_weights_they_name():
  amp = make_amp(gaussian(0), hidden=[8, 4])
  params = amp.init(jax.random.PRNGKey(0)).params
  squares = [float((np.asarray(params["params"][f"hidden_{i}"]["kernel"]) ** 2).sum()) for i in range(3)]
  loss = lambda **hp: float(discriminator_loss(amp.apply, params, gaussian(0), gaussian(1), numbers(**hp))[0])  # noqa: E731
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
  close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)  # noqa: E731
  jax.tree.map(close, metrics, other_metrics)
  jax.tree.map(close, gradient, other_gradient)


# what it learns


def trained(amp: Amp, raw_policy: jax.Array, seed: int = 0):
  state = amp.init(jax.random.PRNGKey(seed))
  features = amp.normalise(state, raw_policy)
  state, metrics = jitted_update(amp)(state, features, jax.random.PRNGKey(seed + 1), numbers(**TRAINING))
  return state, features, metrics


def accuracy(amp: Amp, state, real: jax.Array, fake: jax.Array) -> float:
  """Balanced, of normalised features."""
  return float((jnp.mean(amp.apply(state.params, real) > 0) + jnp.mean(amp.apply(state.params, fake) < 0)) / 2)


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
  assert {name.removeprefix("amp/") for name in metrics} >= {
    "loss", "logit_reference", "logit_policy", "accuracy_reference", "accuracy_policy", "gradient_penalty", "reward_contrast"
  }  # fmt: skip
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
    return rows.at[:, -1].add(np.random.default_rng(seed).uniform(-width, width, len(rows)).astype(np.float32))

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
  amp = Amp(still, jnp.array([0.1, 0.25]), hidden=[4], updates=1, batch_size=8, replay_size=8, replay_share=0.5)
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


# what the discriminator is shown


@pytest.fixture
def shown(monkeypatch) -> list[tuple[np.ndarray, np.ndarray]]:
  """(reference, policy) batches of every discriminator step; nothing is learnt from them."""
  batches = []

  def spy(apply, params, reference, policy, hp):
    jax.debug.callback(lambda *sides: batches.append(tuple(map(np.array, sides))), reference, policy, ordered=True)
    return optax.global_norm(params), {}

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
  amp = make_amp(gaussian(0), batch_size=8, replay_size=20)
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


def test_only_the_command_of_the_reference_is_blurred(shown):
  reference = jnp.stack([jnp.arange(50.0), jnp.repeat(jnp.array([0.0, 0.1]), 25)], axis=-1)
  amp = make_amp(reference, condition="command", command_jitter=0.05, updates=30, batch_size=32)
  state = feed(amp, [0.0])
  clean = np.asarray(amp.normalise(state, reference))
  real = np.concatenate([real for real, _ in shown])
  rows = np.abs(real[:, :1] - clean[None, :, 0]).argmin(axis=1)
  np.testing.assert_array_equal(real[:, 0], clean[rows, 0])
  moved = (real[:, 1] - clean[rows, 1]) * float(state.std[1])  # m/s
  assert np.abs(moved).max() <= 0.05 + 1e-6 and np.abs(moved).max() > 0.045
  assert abs(moved.mean()) < 0.01


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
