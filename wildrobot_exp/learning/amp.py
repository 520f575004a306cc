"""Adversarial motion priors (Peng et al. 2021, arXiv 2104.02180): a discriminator that pays for style.

Its inputs are normalised by statistics of the reference alone, frozen at the start; discriminator.py has its loss.
"""

from collections.abc import Sequence
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax
from brax.training import networks as brax_networks
from flax import linen

from wildrobot_exp.learning.adversarial import LOSSES
from wildrobot_exp.learning.discriminator import discriminator_loss
from wildrobot_exp.learning.guard import guarded_scan, is_finite
from wildrobot_exp.learning.hyperparameters import AmpHyperparameters
from wildrobot_exp.learning.replay import Replay, draw, draw_where, empty_replay

CLIP = 8.0  # normalised features are clipped here
COMMAND_STD = 0.05  # sqrt(m/s); of the encoded command, whatever the speeds of the reference
SATURATION_MEMORY = 0.9  # share of the saturation that one iteration keeps: a verdict takes about ten


@flax.struct.dataclass
class AmpState:
  """Everything AMP carries from one update to the next.

  Attributes:
    params, adam: of the discriminator.
    replay: past policy transitions.
    mean, std: [F] of the reference: the normaliser.
    saturation: [] share of the recent iterations in which the discriminator was saturated.
    history: [K - 2, N, f] features of the frames before the last rollout's end, for windows longer than two.
  """

  params: Any
  adam: Any
  replay: Replay
  mean: jax.Array
  std: jax.Array
  saturation: jax.Array
  history: jax.Array


class Amp:
  """The component that turns PPO into PPO + AMP.

  Args:
    reference: [M, F] raw features of the reference motion.
    floors: [F] least standard deviation each is normalised by: keeps channels that hardly move in the
      reference from exploding. The command has COMMAND_STD instead.
    hidden: sizes of the discriminator's hidden layers.
    updates: discriminator steps per iteration.
    batch_size: transitions of each side in a step.
    replay_size: transitions kept in the replay.
    replay_share: share of the policy side that is drawn from the replay.
    replay_keep: share of an iteration's transitions that goes into the replay.
    loss: a name of adversarial.LOSSES.
    style_reward: one of its rewards; None for its usual one.
    penalty_on: side of the gradient penalty: reference, policy or both.
    condition: "command": the last feature is the commanded speed; "none": it is not there.
    freeze: the discriminator never changes.
    history: shape [K - 2, N, f] of the history for windows of K frames.
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
    replay_keep: float = 1.0,
    loss: str = "lsgan",
    style_reward: str | None = None,
    penalty_on: str = "reference",
    condition: str = "none",
    freeze: bool = False,
    history: tuple[int, int, int] = (0, 0, 0),
  ):
    self.conditioned = condition == "command"
    self.reference = reference
    if self.conditioned:  # rows of one speed lie together
      self.reference = reference[jnp.argsort(reference[:, -1])]
      speeds = self.reference[:, -1].round(6)
      self._speeds, self._first, self._count = jnp.unique(speeds, return_index=True, return_counts=True)
    encoded = self._encode(reference)
    self._mean = jnp.mean(encoded, axis=0)
    self._std = jnp.maximum(jnp.std(encoded, axis=0), floors)
    if self.conditioned:
      self._std = self._std.at[-1].set(COMMAND_STD)
    self._net = brax_networks.MLP(layer_sizes=(*hidden, 1), activation=linen.relu)
    self._loss = LOSSES[loss]
    self.style_reward = self._loss.rewards[style_reward or next(iter(self._loss.rewards))]
    self._penalty_on = penalty_on
    self._updates = updates
    self._batch_size = batch_size
    self._from_replay = round(batch_size * replay_share)
    self._replay_size = replay_size
    self._replay_keep = replay_keep
    self._freeze = freeze
    self._history = history
    self._adam = optax.scale_by_adam()

  def init(self, rng: jax.Array) -> AmpState:
    """A fresh discriminator and an empty replay, in arrays of its own: an update uses its state up."""
    size = self.reference.shape[-1]
    params = self._net.init(rng, jnp.zeros((1, size)))
    return AmpState(
      params=params,
      adam=self._adam.init(params),
      replay=empty_replay(self._replay_size, size),
      mean=self._mean.copy(),
      std=self._std.copy(),
      saturation=jnp.zeros(()),
      history=jnp.zeros(self._history),
    )

  def apply(self, params: Any, features: jax.Array) -> jax.Array:
    """Logits [...] of normalised features [..., F]."""
    return self._net.apply(params, features)[..., 0]

  def normalise(self, state: AmpState, features: jax.Array) -> jax.Array:
    """Raw features [..., F] in standard deviations of the reference, clipped; the command is not."""
    scaled = (self._encode(features) - state.mean) / state.std
    clipped = jnp.clip(scaled, -CLIP, CLIP)
    return clipped.at[..., -1].set(scaled[..., -1]) if self.conditioned else clipped

  def _encode(self, features: jax.Array) -> jax.Array:
    """Raw features with the command as sign(v) sqrt|v|: from standing to the slowest walk is a larger step than
    from a walk to a faster one, and a smooth discriminator could not tell them apart otherwise."""
    if not self.conditioned:
      return features
    command = features[..., -1]
    return features.at[..., -1].set(jnp.sign(command) * jnp.sqrt(jnp.abs(command)))

  def score(
    self, state: AmpState, features: jax.Array, mask: jax.Array | None = None
  ) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Style reward [...] of normalised features [..., F]; 0 where mask [...] is 0."""
    mask = jnp.ones(features.shape[:-1]) if mask is None else mask
    reward = self.style_reward(self.apply(state.params, features)) * mask
    return reward, {
      "amp/style_reward": _mean_where(reward, mask),
      "amp/clipped_features": _mean_where(jnp.mean(jnp.abs(features) >= CLIP, axis=-1), mask),
    }

  def update(
    self,
    state: AmpState,
    features: jax.Array,
    rng: jax.Array,
    hp: AmpHyperparameters,
    mask: jax.Array | None = None,
  ) -> tuple[AmpState, dict[str, jax.Array]]:
    """`updates` steps of the discriminator on the policy's normalised features [S, F] where mask [S] is 1.

    A step whose loss or gradient is not finite is left out and counted in amp/skipped_updates; features that are
    not finite never enter the replay.
    """
    mask = jnp.ones(len(features)) if mask is None else mask
    any_data = jnp.sum(mask) > 0
    usable = any_data & jnp.all(jnp.isfinite(features))
    insert_key, *keys = jax.random.split(rng, 1 + self._updates)
    replay = self._insert(state.replay, features, mask, usable, insert_key)
    slowed = state.saturation > 0.5
    rate = hp.learning_rate * jnp.where(slowed, hp.slow_factor, 1.0) * any_data
    frozen = jnp.zeros(()) if self._freeze else jnp.ones(())

    def step(
      carry: tuple[Any, Any], key: jax.Array
    ) -> tuple[tuple[Any, Any], dict[str, jax.Array], jax.Array]:
      params, adam = carry
      reference_key, fresh_key, replay_key = jax.random.split(key, 3)
      fresh = draw_where(features, mask, fresh_key, self._batch_size - self._from_replay)
      old = draw(replay.features, replay_key, self._from_replay, jnp.maximum(replay.filled, 1))
      policy = jnp.concatenate([fresh, old])
      reference = self._draw_reference(state, policy, reference_key)
      gradient, metrics = jax.grad(
        lambda p: discriminator_loss(
          self.apply,
          p,
          reference,
          policy,
          hp,
          self._loss,
          self.style_reward,
          self._penalty_on,
        ),
        has_aux=True,
      )(params)
      direction, adam = self._adam.update(gradient, adam)
      params = jax.tree.map(lambda p, d: p - frozen * rate * d, params, direction)
      metrics |= {"amp/gradient_norm": optax.global_norm(gradient)}
      return (params, adam), metrics, is_finite(gradient, metrics["amp/loss"])

    (params, adam), metrics, skipped = guarded_scan(step, (state.params, state.adam), jnp.stack(keys))
    saturation = SATURATION_MEMORY * state.saturation + (1 - SATURATION_MEMORY) * _is_saturated(metrics, hp)
    metrics |= {"amp/skipped_updates": skipped, "amp/saturation": saturation, "amp/slowed": slowed.astype(jnp.float32)}
    return state.replace(params=params, adam=adam, replay=replay, saturation=saturation), metrics

  def _draw_reference(self, state: AmpState, policy: jax.Array, rng: jax.Array) -> jax.Array:
    """As many normalised reference rows as policy rows; conditioned, each with a policy row's command.

    So commands alone say nothing: the discriminator judges how, given the speed. A command between two clips'
    speeds takes from either, the nearer one more often.
    """
    if not self.conditioned:
      return self.normalise(state, draw(self.reference, rng, len(policy), len(self.reference)))
    between_key, row_key = jax.random.split(rng)
    told = policy[:, -1]
    command = _decode(told * state.std[-1] + state.mean[-1])
    fastest = len(self._speeds) - 1
    upper = jnp.clip(jnp.searchsorted(self._speeds, command), min(1, fastest), fastest)
    lower = jnp.maximum(upper - 1, 0)
    gap = jnp.maximum(self._speeds[upper] - self._speeds[lower], 1e-6)
    share = (command - self._speeds[lower]) / gap
    chosen = jnp.where(jax.random.uniform(between_key, share.shape) < share, upper, lower)
    rows = self._first[chosen] + jax.random.randint(row_key, chosen.shape, 0, self._count[chosen])
    return self.normalise(state, self.reference[rows]).at[:, -1].set(told)

  def _insert(
    self, replay: Replay, features: jax.Array, mask: jax.Array, usable: jax.Array, rng: jax.Array
  ) -> Replay:
    """Keep a random share of this iteration, over the oldest."""
    count = min(max(1, round(self._replay_keep * len(features))), self._replay_size)
    return replay.insert(draw_where(features, mask, rng, count), usable)


def _decode(encoded: jax.Array) -> jax.Array:
  """The commanded speed, m/s, of sign(v) sqrt|v|."""
  return jnp.sign(encoded) * jnp.square(encoded)


def _is_saturated(metrics: dict[str, jax.Array], hp: AmpHyperparameters) -> jax.Array:
  """[] 1 where the discriminator is right about everything and its reward says so without any doubt."""
  accuracy = jnp.minimum(metrics["amp/accuracy_reference"], metrics["amp/accuracy_policy"])
  return ((accuracy > hp.slow_accuracy) & (metrics["amp/reward_contrast"] > hp.slow_contrast)).astype(jnp.float32)


def _mean_where(values: jax.Array, mask: jax.Array) -> jax.Array:
  return jnp.sum(values * mask) / jnp.maximum(jnp.sum(mask), 1.0)
