"""Numbers of the algorithm that change no shapes: traced, so that one compiled update serves them all."""

from collections.abc import Mapping
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from wildrobot_exp.envs.walk import WalkEnv


@flax.struct.dataclass
class Hyperparameters:
  """Every leaf is a float32 scalar; vmap over this pytree is a sweep in one program.

  Attributes:
    learning_rate, final_learning_rate: Adam's rate falls linearly from one to the other over total_steps.
    total_steps: env steps of the whole run.
    discount, gae_lambda, clip, entropy, value_coef, max_grad_norm: of PPO.
    reward_scale: factor on the total reward.
    reward_weights: weight of every task term, by name.
    amp: AMP's numbers, None for plain PPO.
  """

  learning_rate: jax.Array
  final_learning_rate: jax.Array
  total_steps: jax.Array
  discount: jax.Array
  gae_lambda: jax.Array
  clip: jax.Array
  entropy: jax.Array
  value_coef: jax.Array
  max_grad_norm: jax.Array
  reward_scale: jax.Array
  reward_weights: dict[str, jax.Array]
  amp: "AmpHyperparameters | None"

  def rate_at(self, env_steps: jax.Array) -> jax.Array:
    """[] the learning rate after env_steps steps."""
    progress = jnp.clip(env_steps / self.total_steps, 0.0, 1.0)
    return self.learning_rate + progress * (self.final_learning_rate - self.learning_rate)

  def slowed(self, factors: Mapping[str, float]) -> "Hyperparameters":
    """With algo.learning_rate and amp.learning_rate times the factors given."""
    factor, of_amp = factors.get("algo.learning_rate", 1.0), factors.get("amp.learning_rate", 1.0)
    amp = self.amp and self.amp.replace(learning_rate=self.amp.learning_rate * of_amp)
    rates = {name: getattr(self, name) * factor for name in ("learning_rate", "final_learning_rate")}
    return self.replace(**rates, amp=amp)


@flax.struct.dataclass
class AmpHyperparameters:
  """AMP's traced numbers; see conf/amp for what each one does."""

  weight: jax.Array
  style_scale: jax.Array
  learning_rate: jax.Array
  gradient_penalty: jax.Array
  logit_regulariser: jax.Array
  weight_decay: jax.Array
  slow_accuracy: jax.Array
  slow_contrast: jax.Array
  slow_factor: jax.Array


_SCALARS = (
  "learning_rate final_learning_rate discount gae_lambda clip entropy value_coef max_grad_norm reward_scale"
).split()


def make_hyperparameters(cfg: Any, env: WalkEnv) -> Hyperparameters:
  """The traced numbers of a composed config."""
  amp = None
  if cfg.algo.name == "ppo_amp":
    amp = make_amp_hyperparameters(cfg.amp)
  return Hyperparameters(
    **{name: jnp.float32(cfg.algo[name]) for name in _SCALARS},
    total_steps=jnp.float32(cfg.total_steps),
    reward_weights={name: jnp.float32(weight) for name, weight in env.reward_weights.items()},
    amp=amp,
  )


def make_amp_hyperparameters(amp: Any) -> AmpHyperparameters:
  """The traced numbers of the config's section amp."""
  own = {name: amp[name] for name in ("weight", "style_scale", "learning_rate", "weight_decay")}
  loss = {name: amp.loss[name] for name in ("gradient_penalty", "logit_regulariser")}
  slow = {f"slow_{name}": amp.slow_down[name] for name in ("accuracy", "contrast", "factor")}
  return AmpHyperparameters(**{name: jnp.float32(value) for name, value in (own | loss | slow).items()})
