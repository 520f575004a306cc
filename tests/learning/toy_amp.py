"""AMP in two dimensions."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from wildrobot_exp.learning.adversarial import LOSSES
from wildrobot_exp.learning.amp import Amp
from wildrobot_exp.learning.hyperparameters import AmpHyperparameters

REWARDS = [(loss, reward) for loss in LOSSES for reward in LOSSES[loss].rewards]
_NOT_SLOWED = {"slow_accuracy": 1.0, "slow_contrast": 1.0, "slow_factor": 1.0}


def numbers(**changed: float) -> AmpHyperparameters:
  plain = dict.fromkeys(AmpHyperparameters.__dataclass_fields__, 0.0) | {"weight": 1.0, "style_scale": 1.0}
  return AmpHyperparameters(**{name: jnp.float32(value) for name, value in (plain | _NOT_SLOWED | changed).items()})


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


def trained(amp: Amp, raw_policy: jax.Array, seed: int = 0):
  """(state, the policy's normalised features, metrics) after one update of a fresh discriminator."""
  state = amp.init(jax.random.PRNGKey(seed))
  features = amp.normalise(state, raw_policy)
  state, metrics = jitted_update(amp)(state, features, jax.random.PRNGKey(seed + 1), numbers(**TRAINING))
  return state, features, metrics


def auc(real, fake) -> float:
  """Chance that a logit of the reference is above one of the policy; ties count half."""
  gaps = np.asarray(real).reshape(-1, 1) - np.asarray(fake).reshape(1, -1)
  return float(np.mean((gaps > 0) + 0.5 * (gaps == 0)))


def linear(params, x):
  return x @ params["kernel"] + params["bias"]


LINEAR = {"kernel": jnp.array([0.3, -1.2]), "bias": jnp.float32(0.4)}
