"""An Update of one number that compiles in no time: the loop around it is what is tested."""

import flax.struct
import jax
import jax.numpy as jnp

SIZE = 64  # env steps of one update: 16 robots, 4 steps


@flax.struct.dataclass
class ToyState:
  env_steps: jax.Array
  value: jax.Array


@flax.struct.dataclass
class ToyHyperparameters:
  """A learning rate, to be lowered as the real one is."""

  learning_rate: jax.Array
  amp_learning_rate: jax.Array

  def slowed(self, factors: dict[str, float]) -> "ToyHyperparameters":
    factor, of_amp = factors["algo.learning_rate"], factors["amp.learning_rate"]
    return ToyHyperparameters(self.learning_rate * factor, self.amp_learning_rate * of_amp)


def toy_hyperparameters() -> ToyHyperparameters:
  return ToyHyperparameters(jnp.float32(1.0), jnp.float32(1.0))


class ToyUpdate:
  """Each update adds 1 to `value`. `ended_at` and `skipped_at` name updates, counted from 1.

  A skipped one adds nothing. `skipped_above`: updates are skipped only at a learning rate above this.
  """

  steps_per_update = SIZE

  def __init__(
    self,
    *,
    ended_at: tuple[int, ...] = (),
    skipped_at: tuple[int, ...] = (),
    skipped_above: float = 0.0,
    who: str = "train",
  ):
    self._ended_at = jnp.asarray([*ended_at, 0])
    self._skipped_at = jnp.asarray([*skipped_at, 0])
    self._skipped_above = skipped_above
    self._who = who
    self.collect = jax.jit(lambda state, variation=None: (state.env_steps, state.value))
    self.learn = jax.jit(self._learn, donate_argnums=(0,))

  def init(self) -> ToyState:
    return ToyState(jnp.zeros((), jnp.int32), jnp.zeros(()))

  def _learn(self, state: ToyState, steps: jax.Array, value: jax.Array, hp: "ToyHyperparameters"):
    number = steps // SIZE + 1
    bad = jnp.any(number == self._skipped_at) & (hp.learning_rate > self._skipped_above)
    loss = jnp.where(bad, jnp.nan, value)
    metrics = {
      name: loss for name in ("train/policy_loss", "train/value_loss", "train/gradient_norm", "amp/loss")
    }
    metrics |= {
      "train/return": jnp.where(jnp.any(number == self._ended_at), number.astype(jnp.float32), jnp.nan),
      "train/invalid_states": jnp.ones(()),
      "train/contact_overflows": jnp.zeros(()),
      "train/skipped_updates": jnp.zeros(()),
      "amp/skipped_updates": jnp.zeros(()),
      f"{self._who}/skipped_updates": 4.0 * bad,
    }
    return ToyState(steps + SIZE, value + 1.0 * ~bad), metrics
