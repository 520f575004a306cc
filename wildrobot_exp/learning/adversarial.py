"""The discriminator's losses and the style rewards that belong to each.

A loss compares the logits D of both sides; every style reward is scaled to [0, 1], 0 where D is sure of the
policy and 1 where it is sure of the reference, so that amp.weight means the same with each. All are means:
repeating a batch changes nothing.

  lsgan  1/4 E_ref (D - 1)^2 + 1/4 E_policy (D + 1)^2        optimum D = +1 / -1   (Peng et al. 2021)
  bce    1/2 E_ref softplus(-D) + 1/2 E_policy softplus(D)   optimum D = +inf / -inf  (Goodfellow et al. 2014)
  wgan   1/2 E_policy tanh(D) - 1/2 E_ref tanh(D)            optimum D = +inf / -inf  (Arjovsky et al. 2017, bounded)
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

Reward = Callable[[jax.Array], jax.Array]  # logits -> [0, 1]

LEAST_DOUBT = 1e-4  # the log reward stops growing where the discriminator is this sure


class Loss(NamedTuple):
  """One way to tell two sides apart.

  Attributes:
    classify: (reference logits [B], policy logits [B]) -> [] what the discriminator minimises, without
      regularisers.
    rewards: its style rewards by name; the first one is the usual one.
  """

  classify: Callable[[jax.Array, jax.Array], jax.Array]
  rewards: dict[str, Reward]


def _least_squares(real: jax.Array, fake: jax.Array) -> jax.Array:
  return 0.25 * jnp.mean(jnp.square(real - 1.0)) + 0.25 * jnp.mean(jnp.square(fake + 1.0))


def _cross_entropy(real: jax.Array, fake: jax.Array) -> jax.Array:
  return 0.5 * jnp.mean(jax.nn.softplus(-real)) + 0.5 * jnp.mean(jax.nn.softplus(fake))


def _wasserstein(real: jax.Array, fake: jax.Array) -> jax.Array:
  return 0.5 * jnp.mean(jnp.tanh(fake)) - 0.5 * jnp.mean(jnp.tanh(real))


def _quadratic(logits: jax.Array) -> jax.Array:
  """max(0, 1 - (D - 1)^2 / 4): .75 undecided."""
  return jnp.maximum(0.0, 1.0 - 0.25 * jnp.square(logits - 1.0))


def _log(logits: jax.Array) -> jax.Array:
  """-log(max(1 - sigmoid(D), 1e-4)) / 9.21: .075 undecided."""
  return jnp.minimum(jax.nn.softplus(logits) / -jnp.log(LEAST_DOUBT), 1.0)


def _linear(logits: jax.Array) -> jax.Array:
  """(1 + tanh D) / 2: .5 undecided."""
  return 0.5 + 0.5 * jnp.tanh(logits)


def _exponential(logits: jax.Array) -> jax.Array:
  """exp(tanh D) from 1/e to e, stretched to [0, 1]: .27 undecided."""
  low, high = jnp.exp(-1.0), jnp.exp(1.0)
  return (jnp.exp(jnp.tanh(logits)) - low) / (high - low)


LOSSES: dict[str, Loss] = {
  "lsgan": Loss(_least_squares, {"quadratic": _quadratic}),
  "bce": Loss(_cross_entropy, {"sigmoid": jax.nn.sigmoid, "log": _log}),
  "wgan": Loss(_wasserstein, {"linear": _linear, "exponential": _exponential}),
}
PENALTY_SIDES = ("reference", "policy", "both")
