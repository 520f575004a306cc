"""A small classifier that tells two sets of samples apart, and how well it does so on samples it never saw."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

HIDDEN = 32
STEPS = 400
BATCH = 256  # of each side
NOISES = 4096  # rows of noise; each sample meets another one every time it is drawn
LEARNING_RATE = 1e-2  # falls to 0 along a cosine
WEIGHT_DECAY = 1e-2


def held_out_auc(
  policy: np.ndarray, reference: np.ndarray, noise: np.ndarray, inputs: np.ndarray, seed: int
) -> np.ndarray:
  """How well freshly trained classifiers tell the policy from the reference.

  One network of one hidden layer is trained per fold and set of inputs, with weight decay and with fresh noise
  on every sample it sees, and scored on the other folds' samples with noise on them too: differences well
  below the noise do not count.

  Args:
    policy: [folds, N, F] samples; no fold may hold what another one holds.
    reference: [folds, M, F] samples, likewise.
    noise: [F] standard deviation of the noise added to both sides.
    inputs: [K, F] bool, the numbers that each of K classifiers is shown.
    seed: of weights, batches and noise.

  Returns:
    [K] area under the ROC curve, mean over the folds; .5 cannot be told apart.
  """
  folds = len(policy)
  total = np.zeros(len(inputs))
  shown = jnp.asarray(inputs, jnp.float32)
  for fold in range(folds):
    rng = np.random.default_rng([seed, fold])
    others = [i for i in range(folds) if i != fold]
    train = [np.concatenate(side[others]) for side in (policy, reference)]
    draws = [(rng.integers(0, len(x), (STEPS, BATCH)), rng.integers(0, NOISES, (STEPS, BATCH))) for x in train]
    noises = noise * rng.normal(size=(NOISES, len(noise)))
    networks = _train(_initial(rng, inputs), [x.astype(np.float32) for x in train], draws, noises, shown)
    fake, real = (
      np.asarray(_score(networks, side[fold] + noise * rng.normal(size=side[fold].shape), shown))
      for side in (policy, reference)
    )
    total += [roc_auc(high, low) for high, low in zip(real, fake, strict=True)]
  return total / folds


def roc_auc(high: np.ndarray, low: np.ndarray) -> float:
  """The share of pairs of scores (high [N], low [M]) that are in the right order; ties count half."""
  low = np.sort(low)
  below, up_to = np.searchsorted(low, high, "left"), np.searchsorted(low, high, "right")
  return float((below + up_to).mean() / (2 * len(low)))


def _initial(rng: np.random.Generator, inputs: np.ndarray) -> dict[str, np.ndarray]:
  """K untrained networks, stacked."""
  count, width = inputs.shape
  networks = {
    "w1": rng.normal(size=(count, width, HIDDEN)) / np.sqrt(inputs.sum(axis=1))[:, None, None],
    "b1": np.zeros((count, HIDDEN)),
    "w2": rng.normal(size=(count, HIDDEN)) / np.sqrt(HIDDEN),
    "b2": np.zeros(count),
  }
  return {name: value.astype(np.float32) for name, value in networks.items()}


def _logit(network: Any, x: jax.Array, shown: jax.Array) -> jax.Array:
  """[N] above 0 for the reference, of x [N, F], from those of its numbers that are shown [F]."""
  hidden = jnp.tanh(x @ (network["w1"] * shown[:, None]) + network["b1"])
  return hidden @ network["w2"] + network["b2"]


@jax.jit
def _train(networks: Any, samples: Any, draws: Any, noises: jax.Array, inputs: jax.Array) -> Any:
  """The networks after STEPS batches: in each, rows of (policy, reference) and of the noise that goes with them."""
  optimiser = optax.adamw(optax.cosine_decay_schedule(LEARNING_RATE, STEPS), weight_decay=WEIGHT_DECAY)

  def loss(networks: Any, fake: jax.Array, real: jax.Array) -> jax.Array:
    wrong, right = (jax.vmap(_logit, (0, None, 0))(networks, x, inputs) for x in (fake, real))
    return (jax.nn.softplus(wrong) + jax.nn.softplus(-right)).mean(axis=1).sum()  # each network has its own term

  def step(carry: tuple[Any, Any], rows: Any) -> tuple[tuple[Any, Any], None]:
    networks, state = carry
    fake, real = (x[row] + noises[other] for x, (row, other) in zip(samples, rows, strict=True))
    updates, state = optimiser.update(jax.grad(loss)(networks, fake, real), state, networks)
    return (optax.apply_updates(networks, updates), state), None

  (networks, _), _ = jax.lax.scan(step, (networks, optimiser.init(networks)), draws)
  return networks


@jax.jit
def _score(networks: Any, x: jax.Array, inputs: jax.Array) -> jax.Array:
  """[K, N] scores of x [N, F]."""
  return jax.vmap(_logit, (0, None, 0))(networks, x, inputs)
