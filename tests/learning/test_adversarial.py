"""Every loss and every style reward that belongs to it: end points, penalty, direction, means, no leak."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toy_amp import LINEAR, REWARDS, TRAINING, auc, gaussian, linear, make_amp, numbers, trained

from wildrobot_exp.config.schema import AMP_LOSSES, AMP_PENALTY_SIDES
from wildrobot_exp.learning.adversarial import LOSSES, PENALTY_SIDES
from wildrobot_exp.learning.discriminator import discriminator_loss

OPTIMUM = {"lsgan": 1.0, "bce": 1e3, "wgan": 1e3}  # |D| where the loss is lowest; infinity is 1000 in float32
UNDECIDED = {  # the reward at D = 0, as documented
  ("lsgan", "quadratic"): 0.75,
  ("bce", "sigmoid"): 0.5,
  ("bce", "log"): 0.0753,
  ("wgan", "linear"): 0.5,
  ("wgan", "exponential"): 0.2689,
}
WOBBLE = 1e-6  # of tanh in float32
every_loss = pytest.mark.parametrize("loss", LOSSES)
every_reward = pytest.mark.parametrize("loss, reward", REWARDS)


def test_the_config_offers_exactly_what_there_is():
  assert {name: tuple(loss.rewards) for name, loss in LOSSES.items()} == AMP_LOSSES
  assert PENALTY_SIDES == AMP_PENALTY_SIDES


@every_reward
def test_at_the_optimum_of_its_loss_a_reward_is_one_for_the_reference_and_zero_for_the_policy(loss, reward):
  best, style = OPTIMUM[loss], LOSSES[loss].rewards[reward]
  assert float(style(jnp.float32(best))) == pytest.approx(1.0, abs=1e-6)
  assert float(style(jnp.float32(-best))) == pytest.approx(0.0, abs=1e-6)
  real = jnp.full(5, best)
  lowest = float(LOSSES[loss].classify(real, -real))
  assert lowest == pytest.approx({"lsgan": 0.0, "bce": 0.0, "wgan": -1.0}[loss], abs=1e-6)
  for other in (0.9 * best, 0.0) if loss == "lsgan" else (1.0, 0.0):
    assert float(LOSSES[loss].classify(jnp.full(5, other), -real)) > lowest
    assert float(LOSSES[loss].classify(real, -jnp.full(5, other))) > lowest


@every_reward
def test_following_the_gradient_of_a_loss_takes_its_reward_to_the_end_points(loss, reward):
  """Logits are learnt freely, as a perfect discriminator of separable data would."""
  classify, style = LOSSES[loss].classify, LOSSES[loss].rewards[reward]
  slope = jax.grad(lambda logits: classify(*logits))
  descend = jax.jit(lambda x: jax.lax.fori_loop(0, 1000, lambda _, y: y - 3.0 * slope(y), x))
  start = jnp.array([[0.3, -0.2], [0.5, -0.1]])  # two of the reference, two of the policy: all mixed up
  real, fake = descend(start)
  assert float(style(real).min()) > 0.5 and float(style(fake).max()) < 0.01
  further_real, further_fake = descend(jnp.stack([real, fake]))
  assert (style(further_real) >= style(real)).all() and (style(further_fake) <= style(fake)).all()
  assert float(style(real).min()) > {"log": 0.7}.get(reward, 0.99)  # log grows with D itself, so it takes for ever


@every_reward
def test_a_reward_stays_in_zero_to_one_and_rises_up_to_its_maximum(loss, reward):
  logits = jnp.linspace(-20.0, 20.0, 4001)
  style = np.asarray(LOSSES[loss].rewards[reward](logits))
  assert style.min() >= 0.0 and style.max() <= 1.0 and style.max() > 0.999
  peak = int(style.argmax())
  assert (np.diff(style[: peak + 1]) >= -WOBBLE).all()
  assert (np.diff(style[peak:]) <= 0.0).all() if loss == "lsgan" else (np.diff(style) >= -WOBBLE).all()
  if loss == "lsgan":
    assert float(logits[peak]) == pytest.approx(1.0, abs=0.01)
  assert float(LOSSES[loss].rewards[reward](jnp.float32(0.0))) == pytest.approx(UNDECIDED[loss, reward], abs=1e-4)


def test_each_loss_is_the_formula_it_documents():
  real, fake = (np.asarray(linear(LINEAR, gaussian(seed)), np.float64) for seed in (0, 1))
  expected = {
    "lsgan": ((real - 1) ** 2).mean() / 4 + ((fake + 1) ** 2).mean() / 4,
    "bce": np.log1p(np.exp(-real)).mean() / 2 + np.log1p(np.exp(fake)).mean() / 2,
    "wgan": np.tanh(fake).mean() / 2 - np.tanh(real).mean() / 2,
  }
  for name, value in expected.items():
    loss, _ = discriminator_loss(linear, LINEAR, gaussian(0), gaussian(1), numbers(), LOSSES[name])
    assert float(loss) == pytest.approx(value, rel=1e-5, abs=1e-6), name


@every_loss
@pytest.mark.parametrize("side", PENALTY_SIDES)
@pytest.mark.parametrize("coefficient", [0.5, 5.0])
def test_the_penalty_of_a_linear_discriminator_is_the_coefficient_times_its_squared_weights(loss, side, coefficient):
  def evaluate(hp):
    data = gaussian(0), gaussian(1)
    return discriminator_loss(linear, LINEAR, *data, hp, LOSSES[loss], jax.nn.sigmoid, side)

  plain, _ = evaluate(numbers())
  total, metrics = evaluate(numbers(gradient_penalty=coefficient))
  squared = 0.3**2 + 1.2**2
  assert float(metrics["amp/gradient_penalty"]) == pytest.approx(squared, rel=1e-5)
  assert float(total - plain) == pytest.approx(coefficient * squared, rel=1e-4)


@every_loss
@pytest.mark.parametrize("side", PENALTY_SIDES)
def test_the_penalty_acts_on_the_side_it_names(loss, side):
  amp = make_amp(gaussian(0))
  params = amp.init(jax.random.PRNGKey(0)).params

  def penalty(real, fake):
    hp, reward = numbers(gradient_penalty=1.0), jax.nn.sigmoid
    return discriminator_loss(amp.apply, params, real, fake, hp, LOSSES[loss], reward, side)[1]["amp/gradient_penalty"]

  here, there = gaussian(1), gaussian(2, mean=(3.0, 0.0))
  one, both = float(penalty(here, here)), float(penalty(here, there))
  other = float(penalty(there, there))
  assert abs(one - other) > 1e-3
  assert both == pytest.approx({"reference": one, "policy": other, "both": (one + other) / 2}[side], rel=1e-4)


@every_loss
@pytest.mark.parametrize("side", PENALTY_SIDES)
@pytest.mark.parametrize("change", ["permuted", "repeated"])
def test_permuting_or_repeating_the_batch_changes_nothing(loss, side, change):
  amp = make_amp(gaussian(0))
  params = amp.init(jax.random.PRNGKey(0)).params
  order = {
    "permuted": lambda x, seed: x[np.random.default_rng(seed).permutation(len(x))],
    "repeated": lambda x, seed: jnp.concatenate([x, x]),
  }[change]
  hp, reward = numbers(**TRAINING), next(iter(LOSSES[loss].rewards.values()))

  @jax.jit
  def learn(real, fake):
    chosen = LOSSES[loss], reward, side
    return jax.grad(lambda p: discriminator_loss(amp.apply, p, real, fake, hp, *chosen), has_aux=True)(params)

  real, fake = gaussian(1, count=300), gaussian(2, mean=(1.0, 0.0), count=300)
  pair = learn(real, fake), learn(order(real, 3), order(fake, 4))
  for a, b in zip(*map(jax.tree.leaves, pair), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-6)


# what is learnt from 2-D normal distributions


@pytest.fixture(scope="module")
def toy():
  """toy(loss): a reference with a normal distribution in 2-D."""
  settings = dict(updates=300, batch_size=256, replay_size=1024)
  made = {loss: make_amp(gaussian(0), loss=loss, **settings) for loss in LOSSES}
  return made.__getitem__


@pytest.fixture(scope="module")
def moving(toy):
  """moving(loss): logits of a policy that comes closer to the reference, the discriminator trained for each."""

  @functools.cache
  def get(loss):
    logits = []
    for distance in (4.0, 2.0, 1.0, 0.0):
      state, features, _ = trained(toy(loss), gaussian(1, mean=(distance, 0.0)))
      logits.append(toy(loss).apply(state.params, features))
    return logits

  return get


@every_reward
def test_the_reward_rises_as_the_policy_moves_to_the_reference(moving, loss, reward):
  rewards = [float(LOSSES[loss].rewards[reward](logits).mean()) for logits in moving(loss)]
  assert rewards == sorted(rewards) and rewards[0] < 0.5 * rewards[-1], rewards
  assert rewards[-1] == pytest.approx(UNDECIDED[loss, reward], abs=0.03)  # the same distribution: undecided


@every_loss
def test_the_same_data_on_both_sides_cannot_be_told_apart(toy, loss):
  amp = toy(loss)
  state, real, metrics = trained(amp, gaussian(0))
  logits = np.asarray(amp.apply(state.params, real))
  assert ((logits > 0).mean() + (logits < 0).mean()) / 2 == 0.5  # whatever it says, it says of both
  assert auc(logits, logits) == 0.5
  assert abs(float(metrics["amp/accuracy_reference"] + metrics["amp/accuracy_policy"]) / 2 - 0.5) < 0.03
  fresh = np.asarray(amp.apply(state.params, amp.normalise(state, gaussian(9))))
  assert auc(logits[:1000], fresh[:1000]) == pytest.approx(0.5, abs=0.04)
  assert abs(float(metrics["amp/reward_contrast"])) < 0.03


@every_loss
@pytest.mark.parametrize("telling", [0, 1])
def test_the_giveaway_sums_to_one_and_names_the_feature_that_differs(toy, loss, telling):
  shift = np.zeros(2)
  shift[telling] = 1.5
  _, _, metrics = trained(toy(loss), gaussian(1, mean=shift))
  giveaway = np.asarray(metrics["amp/giveaway"])
  assert giveaway.shape == (2,) and giveaway.sum() == pytest.approx(1.0, abs=1e-5)
  assert giveaway[telling] > 0.9
