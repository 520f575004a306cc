"""An Update of one number that compiles in no time: the loop around it is what is tested."""

import flax.struct
import jax
import jax.numpy as jnp

SIZE = 64  # env steps of one update: 16 robots, 4 steps


@flax.struct.dataclass
class ToyState:
  env_steps: jax.Array
  value: jax.Array


class ToyUpdate:
  """Each update adds 1 to `value`. `ended_at` and `nan_at` name updates, counted from 1."""

  steps_per_update = SIZE

  def __init__(
    self, *, ended_at: tuple[int, ...] = (), nan_at: int = 0, nan_metric: str = "train/policy_loss"
  ):
    self._ended_at = jnp.asarray([*ended_at, 0])
    self._nan_at = nan_at
    self._nan_metric = nan_metric
    self.collect = jax.jit(lambda state, variation=None: (state.env_steps, state.value))
    self.learn = jax.jit(self._learn, donate_argnums=(0,))

  def init(self) -> ToyState:
    return ToyState(jnp.zeros((), jnp.int32), jnp.zeros(()))

  def _learn(self, state: ToyState, steps: jax.Array, value: jax.Array, hp: jax.Array):
    number = steps // SIZE + 1
    loss = value * hp
    metrics = {
      name: loss for name in ("train/policy_loss", "train/value_loss", "train/gradient_norm", "amp/loss")
    }
    metrics |= {
      "train/return": jnp.where(jnp.any(number == self._ended_at), number.astype(jnp.float32), jnp.nan),
      "train/invalid_states": jnp.ones(()),
    }
    metrics[self._nan_metric] = jnp.where(number == self._nan_at, jnp.nan, metrics[self._nan_metric])
    return ToyState(steps + SIZE, value + 1.0), metrics
