"""A ring of past policy transitions, and drawing rows of which some do not count."""

import flax.struct
import jax
import jax.numpy as jnp


@flax.struct.dataclass
class Replay:
  """A ring of rows.

  Attributes:
    features: [R, F] normalised features.
    inserted: [] how many were ever put in.
  """

  features: jax.Array
  inserted: jax.Array

  @property
  def filled(self) -> jax.Array:
    """[] how many rows can be drawn."""
    return jnp.minimum(self.inserted, len(self.features))

  def insert(self, rows: jax.Array, counts: jax.Array) -> "Replay":
    """Put rows [count, F] in over the oldest; counts [] False leaves the ring as it is."""
    slots = (self.inserted + jnp.arange(len(rows))) % len(self.features)
    rows = jnp.where(counts, rows, self.features[slots])
    return Replay(self.features.at[slots].set(rows), self.inserted + jnp.where(counts, len(rows), 0))


def empty_replay(size: int, width: int) -> Replay:
  """A ring of `size` rows of `width` numbers."""
  return Replay(jnp.zeros((size, width)), jnp.zeros((), jnp.int32))


def draw(rows: jax.Array, rng: jax.Array, count: int, filled: int | jax.Array) -> jax.Array:
  """[count, F] of the first `filled` rows, with repetition."""
  return rows[jax.random.randint(rng, (count,), 0, filled)]


def draw_where(rows: jax.Array, mask: jax.Array, rng: jax.Array, count: int) -> jax.Array:
  """[count, F] of the rows [S, F] where mask [S] is 1, with repetition; the last row if it is nowhere."""
  upto = jnp.cumsum(mask.astype(jnp.int32))
  chosen = jax.random.randint(rng, (count,), 0, jnp.maximum(upto[-1], 1))
  return rows[jnp.minimum(jnp.searchsorted(upto, chosen, side="right"), len(rows) - 1)]
