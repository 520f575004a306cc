"""PPO's policy epochs, from Brax's loss: shuffled minibatches of whole trajectories."""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax
from brax.training.agents.ppo import losses as ppo_losses
from brax.training.agents.ppo import networks as ppo_networks
from brax.training.types import Transition

from wildrobot_exp.learning.guard import guarded_scan, is_finite
from wildrobot_exp.learning.hyperparameters import Hyperparameters
from wildrobot_exp.learning.rollout import Rollout
from wildrobot_exp.learning.two_critics import ActorCritics, two_critics_loss


@flax.struct.dataclass
class Learner:
  """Parameters and Adam's moments."""

  params: ActorCritics
  adam: Any


_ADAM = optax.scale_by_adam()


def init_learner(networks: ppo_networks.PPONetworks, rng: jax.Array, critics: int = 1) -> Learner:
  """Fresh parameters; two critics are for rewards of task and style apart."""
  policy_key, value_key = jax.random.split(rng)
  params = ActorCritics(
    policy=networks.policy_network.init(policy_key),
    value=networks.value_network.init(value_key),
    style_value=networks.value_network.init(jax.random.fold_in(value_key, 1)) if critics == 2 else None,
  )
  params = jax.tree.map(lambda x: x.astype(x.dtype), params)  # not weakly typed, like an update's results
  return Learner(params, _ADAM.init(params))


def brax_transition(rollout: Rollout, reward: jax.Array) -> Transition:
  """The rollout as Brax's loss wants it: [N, T, ...], reward [T, N] or, for two critics, [T, N, 2] from outside."""
  ended = jnp.maximum(rollout.termination, rollout.truncation)
  data = Transition(
    observation=rollout.observation,
    action=rollout.policy_extras["raw_action"],
    reward=reward,
    discount=1.0 - ended,
    next_observation=jax.tree.map(lambda x: x[None], rollout.last_observation),  # only the last one is read
    extras={"policy_extras": rollout.policy_extras, "state_extras": {"truncation": rollout.truncation}},
  )
  return jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), data)


def policy_epochs(
  networks: ppo_networks.PPONetworks,
  learner: Learner,
  normaliser: Any,
  data: Transition,
  rng: jax.Array,
  hp: Hyperparameters,
  rate: jax.Array,
  *,
  epochs: int,
  minibatches: int,
) -> tuple[Learner, dict[str, jax.Array]]:
  """`epochs` passes over `data` [N, T, ...] in `minibatches` steps each; every robot is used once a pass.

  Advantages (Brax's GAE) are computed within the loss from the trajectories of a minibatch:
  a termination ends the return, a truncation bootstraps from the value. A step whose loss or gradient is not
  finite is left out and counted in train/skipped_updates.
  """
  robots = data.reward.shape[0]

  def loss(params: Any, batch: Transition, rng: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
    if params.style_value is not None:
      return two_critics_loss(params, normaliser, batch, rng, networks, hp)
    return ppo_losses.compute_ppo_loss(
      params,
      normaliser,
      batch,
      rng,
      networks,
      entropy_cost=hp.entropy,
      discounting=hp.discount,
      reward_scaling=hp.reward_scale,
      gae_lambda=hp.gae_lambda,
      clipping_epsilon=hp.clip,
      vf_coefficient=hp.value_coef,
    )

  def minibatch(
    learner: Learner, inputs: tuple[jax.Array, jax.Array]
  ) -> tuple[Learner, dict[str, jax.Array], jax.Array]:
    index, rng = inputs
    batch = jax.tree.map(lambda x: x[index], data)
    gradient, metrics = jax.grad(loss, has_aux=True)(learner.params, batch, rng)
    norm = optax.global_norm(gradient)
    good = is_finite(gradient, metrics["policy_loss"], metrics["v_loss"], metrics["entropy_loss"])
    gradient = jax.tree.map(lambda g: g * jnp.minimum(1.0, hp.max_grad_norm / (norm + 1e-9)), gradient)
    direction, adam = _ADAM.update(gradient, learner.adam)
    params = jax.tree.map(lambda p, d: p - rate * d, learner.params, direction)
    keep = {
      "train/policy_loss": metrics["policy_loss"],
      "train/value_loss": metrics["v_loss"],
      "train/entropy_loss": metrics["entropy_loss"],
      "train/action_std": metrics["policy_dist_mean_std"],
      "train/gradient_norm": norm,
    }
    return Learner(params, adam), keep, good

  permute_key, loss_key = jax.random.split(rng)
  orders = jax.vmap(lambda key: jax.random.permutation(key, robots))(jax.random.split(permute_key, epochs))
  batches = orders.reshape(epochs * minibatches, robots // minibatches)
  keys = jax.random.split(loss_key, len(batches))
  learner, metrics, skipped = guarded_scan(minibatch, learner, (batches, keys))
  return learner, metrics | {"train/skipped_updates": skipped}
