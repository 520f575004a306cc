"""Steps of an optimiser that would go bad are not made: everything stays as it was, and they are counted."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

Metrics = dict[str, jax.Array]
Step = Callable[[Any, Any], tuple[Any, Metrics, jax.Array]]  # (state, input) -> (next state, metrics, is it good)


def guarded_scan(step: Step, state: Any, inputs: Any) -> tuple[Any, Metrics, jax.Array]:
  """Make a step for each of the inputs [S, ...], but leave out those that are not good.

  Returns:
    The last state, each metric's mean over the steps that were made (NaN if none was), and how many were left out.
    Where all are good, it is lax.scan and jnp.mean to the bit.
  """

  def body(carry: tuple[Any, Any, jax.Array], given: Any) -> tuple[Any, tuple[Metrics, jax.Array]]:
    # a step is undone when the next one begins: chosen at its end, XLA would compute the two as one and round otherwise
    new, old, good = carry
    state = choose(good, new, old)
    new, metrics, good = step(state, given)
    return (new, state, good), (metrics, good)

  (new, old, good), (metrics, goods) = jax.lax.scan(body, (state, state, jnp.array(True)), inputs)
  return choose(good, new, old), _over_good(metrics, goods), jnp.sum(~goods).astype(jnp.float32)


def is_finite(gradient: Any, *numbers: jax.Array) -> jax.Array:
  """[] whether the squares of the gradient, as Adam will take them, and all numbers [] are finite."""
  return jnp.all(jnp.isfinite(jnp.stack([optax.global_norm(gradient), *numbers])))


def choose(good: jax.Array, new: Any, old: Any) -> Any:
  """The new pytree where good [], the old one otherwise, to the bit."""
  return jax.tree.map(lambda a, b: jnp.where(good, a, b), new, old)


def _over_good(metrics: Metrics, good: jax.Array) -> Metrics:
  count = jnp.sum(good)

  def mean(values: jax.Array) -> jax.Array:
    kept = jnp.where(good.reshape(good.shape + (1,) * (values.ndim - 1)), values, 0.0)
    return jnp.where(count == len(good), jnp.mean(values, axis=0), jnp.sum(kept, axis=0) / count)

  return jax.tree.map(mean, metrics)
