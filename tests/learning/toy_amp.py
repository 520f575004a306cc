"""AMP in two dimensions."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from wildrobot_exp.learning.amp import Amp
from wildrobot_exp.learning.hyperparameters import AmpHyperparameters


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
