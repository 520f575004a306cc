"""Adversarial motion priors (Peng et al. 2021, arXiv 2104.02180): a discriminator that pays for style.

Least-squares loss with targets +1 (reference) and -1 (policy):
    1/4 E_ref (D - 1)^2 + 1/4 E_policy (D + 1)^2
  + gradient_penalty * E_ref |dD/dx|^2 + logit_regulariser * |w_out|^2 + weight_decay * sum |w|^2
Style reward: max(0, 1 - (D - 1)^2 / 4), which is 1 at the reference target and 0 at the policy target.
Inputs x are normalised by statistics of the reference alone, frozen at the start. All losses are means.
"""

from collections.abc import Callable, Sequence
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax
from brax.training import networks as brax_networks
from flax import linen

from wildrobot_exp.learning.hyperparameters import AmpHyperparameters

CLIP = 8.0  # normalised features are clipped here
Discriminator = Callable[[Any, jax.Array], jax.Array]  # (params, x [B, F]) -> logits [B]


@flax.struct.dataclass
class Replay:
  """A ring of past policy transitions.

  Attributes:
    features: [R, F] normalised features.
    inserted: [] how many were ever put in.
  """

  features: jax.Array
  inserted: jax.Array


@flax.struct.dataclass
class AmpState:
  """Everything AMP carries from one update to the next."""

  params: Any
  adam: Any
  replay: Replay
  mean: jax.Array
  std: jax.Array


def style_reward(logits: jax.Array) -> jax.Array:
  """In [0, 1]: 1 where D takes a transition for reference, 0 where it is sure of the policy."""
  return jnp.maximum(0.0, 1.0 - 0.25 * jnp.square(logits - 1.0))


def discriminator_loss(
  apply: Discriminator, params: Any, reference: jax.Array, policy: jax.Array, hp: AmpHyperparameters
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """The loss above on normalised features [B, F] of each side, and what there is to know about it."""
  real, fake = apply(params, reference), apply(params, policy)
  least_squares = 0.25 * jnp.mean(jnp.square(real - 1.0)) + 0.25 * jnp.mean(jnp.square(fake + 1.0))
  gradient = jax.vmap(jax.grad(lambda x: apply(params, x[None])[0]))(reference)
  penalty = jnp.mean(jnp.sum(jnp.square(gradient), axis=-1))
  kernels = [leaf for path, leaf in jax.tree_util.tree_leaves_with_path(params) if "kernel" in str(path[-1])]
  decay = sum(jnp.sum(jnp.square(kernel)) for kernel in kernels)
  output = jnp.sum(jnp.square(kernels[-1]))
  loss = (
    least_squares
    + hp.gradient_penalty * penalty
    + hp.logit_regulariser * output
    + hp.weight_decay * decay
  )
  return loss, {
    "amp/loss": loss,
    "amp/logit_reference": jnp.mean(real),
    "amp/logit_policy": jnp.mean(fake),
    "amp/accuracy_reference": jnp.mean(real > 0.0),
    "amp/accuracy_policy": jnp.mean(fake < 0.0),
    "amp/gradient_penalty": penalty,
    "amp/reward_contrast": jnp.mean(style_reward(real)) - jnp.mean(style_reward(fake)),
  }


class Amp:
  """The component that turns PPO into PPO + AMP.

  Args:
    reference: [M, F] raw transition features of the reference motion.
    floors: [F] least standard deviation each is normalised by: keeps channels that hardly move in the
      reference from exploding.
    hidden: sizes of the discriminator's hidden layers.
    updates: discriminator steps per iteration.
    batch_size: transitions of each side in a step.
    replay_size: transitions kept in the replay.
    replay_share: share of the policy side that is drawn from the replay.
    condition: "command": the last feature is the commanded speed; "none": it is not there.
    command_jitter: half-width of the uniform noise on the reference's command, m/s. Reference speeds are a
      grid and commands are not: without it the discriminator would know them by that alone.
  """

  def __init__(
    self,
    reference: jax.Array,
    floors: jax.Array,
    *,
    hidden: Sequence[int],
    updates: int,
    batch_size: int,
    replay_size: int,
    replay_share: float,
    condition: str = "none",
    command_jitter: float = 0.0,
  ):
    self._mean = jnp.mean(reference, axis=0)
    self._std = jnp.maximum(jnp.std(reference, axis=0), floors)
    self._reference = jnp.clip((reference - self._mean) / self._std, -CLIP, CLIP)
    self._net = brax_networks.MLP(layer_sizes=(*hidden, 1), activation=linen.relu)
    self.conditioned = condition == "command"
    self._jitter = command_jitter / self._std[-1]
    self._updates = updates
    self._batch_size = batch_size
    self._from_replay = round(batch_size * replay_share)
    self._replay_size = replay_size
    self._adam = optax.scale_by_adam()

  def init(self, rng: jax.Array) -> AmpState:
    """A fresh discriminator and an empty replay, in arrays of its own: an update uses its state up."""
    size = self._reference.shape[-1]
    params = self._net.init(rng, jnp.zeros((1, size)))
    replay = Replay(jnp.zeros((self._replay_size, size)), jnp.zeros((), jnp.int32))
    return AmpState(params, self._adam.init(params), replay, self._mean.copy(), self._std.copy())

  def apply(self, params: Any, features: jax.Array) -> jax.Array:
    """Logits [...] of normalised features [..., F]."""
    return self._net.apply(params, features)[..., 0]

  def normalise(self, state: AmpState, features: jax.Array) -> jax.Array:
    """Features [..., F] in standard deviations of the reference, clipped."""
    return jnp.clip((features - state.mean) / state.std, -CLIP, CLIP)

  def score(self, state: AmpState, features: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Style reward [...] of normalised features [..., F]."""
    reward = style_reward(self.apply(state.params, features))
    return reward, {
      "amp/style_reward": jnp.mean(reward),
      "amp/clipped_features": jnp.mean(jnp.abs(features) >= CLIP),
    }

  def update(
    self, state: AmpState, features: jax.Array, rng: jax.Array, hp: AmpHyperparameters
  ) -> tuple[AmpState, dict[str, jax.Array]]:
    """`updates` steps of the discriminator on the policy's normalised features [S, F]."""
    insert_key, *keys = jax.random.split(rng, 1 + self._updates)
    replay = self._insert(state.replay, features, insert_key)

    def step(carry: tuple[Any, Any], key: jax.Array) -> tuple[tuple[Any, Any], dict[str, jax.Array]]:
      params, adam = carry
      reference_key, jitter_key, fresh_key, replay_key = jax.random.split(key, 4)
      reference = _pick(self._reference, reference_key, self._batch_size, len(self._reference))
      jitter = jax.random.uniform(jitter_key, (self._batch_size,), minval=-self._jitter, maxval=self._jitter)
      reference = reference.at[:, -1].add(jitter)
      fresh = _pick(features, fresh_key, self._batch_size - self._from_replay, len(features))
      filled = jnp.minimum(replay.inserted, self._replay_size)
      old = _pick(replay.features, replay_key, self._from_replay, filled)
      policy = jnp.concatenate([fresh, old])
      gradient, metrics = jax.grad(
        lambda p: discriminator_loss(self.apply, p, reference, policy, hp), has_aux=True
      )(params)
      direction, adam = self._adam.update(gradient, adam)
      return (jax.tree.map(lambda p, d: p - hp.learning_rate * d, params, direction), adam), metrics

    (params, adam), metrics = jax.lax.scan(step, (state.params, state.adam), jnp.stack(keys))
    return state.replace(params=params, adam=adam, replay=replay), jax.tree.map(jnp.mean, metrics)

  def _insert(self, replay: Replay, features: jax.Array, rng: jax.Array) -> Replay:
    """Keep a random batch of this iteration, over the oldest."""
    count = min(self._batch_size, len(features), self._replay_size)
    chosen = _pick(features, rng, count, len(features))
    slots = (replay.inserted + jnp.arange(count)) % self._replay_size
    return Replay(replay.features.at[slots].set(chosen), replay.inserted + count)


def _pick(rows: jax.Array, rng: jax.Array, count: int, filled: int | jax.Array) -> jax.Array:
  return rows[jax.random.randint(rng, (count,), 0, filled)]
