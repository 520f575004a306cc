"""PPO's loss with a critic for the task and one for style (amp.mix=two_critics).

Each reward has its own value function and its own advantages (Brax's GAE), normalised by themselves and then
added: neither drowns in the other's scale. With one critic this is Brax's compute_ppo_loss, term for term.
"""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
from brax.training.agents.ppo import losses as ppo_losses
from brax.training.agents.ppo import networks as ppo_networks
from brax.training.types import Transition

from wildrobot_exp.learning.hyperparameters import Hyperparameters


@flax.struct.dataclass
class ActorCritics:
  """Parameters of the policy and of its critics; style_value is None where one critic sees the sum."""

  policy: Any
  value: Any
  style_value: Any | None = None


def two_critics_loss(
  params: ActorCritics,
  normaliser: Any,
  data: Transition,
  rng: jax.Array,
  networks: ppo_networks.PPONetworks,
  hp: Hyperparameters,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """The loss on data [B, T, ...] whose reward is [B, T, 2], task and style; metrics named as Brax names them.

  The advantage of an action is its normalised task advantage plus amp.weight times its normalised style
  advantage: amp.style_scale only sets the scale of the style critic's targets.
  """
  data = jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), data)
  distribution = networks.parametric_action_distribution
  last = jax.tree.map(lambda x: x[-1], data.next_observation)
  truncation = data.extras["state_extras"]["truncation"]
  termination = (1 - data.discount) * (1 - truncation)

  advantages, value_loss = 0.0, 0.0
  for i, (critic, weight) in enumerate(((params.value, 1.0), (params.style_value, hp.amp.weight))):
    values = networks.value_network.apply(normaliser, critic, data.observation)
    targets, advantage = ppo_losses.compute_gae(
      truncation=truncation,
      termination=termination,
      rewards=data.reward[..., i] * hp.reward_scale,
      values=values,
      bootstrap_value=networks.value_network.apply(normaliser, critic, last),
      lambda_=hp.gae_lambda,
      discount=hp.discount,
    )
    advantages += weight * (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    value_loss += 0.5 * hp.value_coef * jnp.mean(jnp.square(targets - values))

  logits = networks.policy_network.apply(normaliser, params.policy, data.observation)
  acted = data.extras["policy_extras"]
  ratio = jnp.exp(distribution.log_prob(logits, acted["raw_action"]) - acted["log_prob"])
  clipped = jnp.clip(ratio, 1 - hp.clip, 1 + hp.clip)
  policy_loss = -jnp.mean(jnp.minimum(ratio * advantages, clipped * advantages))
  entropy_loss = -hp.entropy * jnp.mean(distribution.entropy(logits, rng))
  return policy_loss + value_loss + entropy_loss, {
    "policy_loss": policy_loss,
    "v_loss": value_loss,
    "entropy_loss": entropy_loss,
    "policy_dist_mean_std": jnp.mean(distribution.create_dist(logits).scale),
  }
