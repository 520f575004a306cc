"""What the discriminator minimises, and what there is to know about it.

    loss = classify(D_ref, D_policy)                       one of adversarial.LOSSES
         + gradient_penalty * E |dD/dx|^2                  on the reference side, the policy's or both
         + logit_regulariser * |w_out|^2 + weight_decay * sum |w|^2

All are means: a batch repeated is the same batch.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from wildrobot_exp.learning.adversarial import LOSSES, Loss, Reward
from wildrobot_exp.learning.hyperparameters import AmpHyperparameters

Discriminator = Callable[[Any, jax.Array], jax.Array]  # (params, x [B, F]) -> logits [B]


def discriminator_loss(
  apply: Discriminator,
  params: Any,
  reference: jax.Array,
  policy: jax.Array,
  hp: AmpHyperparameters,
  loss: Loss = LOSSES["lsgan"],
  reward: Reward = LOSSES["lsgan"].rewards["quadratic"],
  penalty_on: str = "reference",
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """The loss above on normalised features [B, F] of each side, and what there is to know about it.

  `amp/giveaway` is [F]: the mean |dD/dx| times the gap between the sides' means, as shares of their sum: the
  features by which the policy is told from the reference.
  """
  real, fake = apply(params, reference), apply(params, policy)
  slope = jax.vmap(jax.grad(lambda x: apply(params, x[None])[0]))
  sides = {"reference": reference, "policy": policy, "both": jnp.concatenate([reference, policy])}
  gradient = slope(sides[penalty_on])
  penalty = jnp.mean(jnp.sum(jnp.square(gradient), axis=-1))
  kernels = [leaf for path, leaf in jax.tree_util.tree_leaves_with_path(params) if "kernel" in str(path[-1])]
  decay = sum(jnp.sum(jnp.square(kernel)) for kernel in kernels)
  output = jnp.sum(jnp.square(kernels[-1]))
  total = (
    loss.classify(real, fake)
    + hp.gradient_penalty * penalty
    + hp.logit_regulariser * output
    + hp.weight_decay * decay
  )
  gap = jnp.mean(jnp.abs(gradient), axis=0) * jnp.abs(jnp.mean(reference, axis=0) - jnp.mean(policy, axis=0))
  return total, {
    "amp/loss": total,
    "amp/logit_reference": jnp.mean(real),
    "amp/logit_policy": jnp.mean(fake),
    "amp/accuracy_reference": jnp.mean(real > 0.0),
    "amp/accuracy_policy": jnp.mean(fake < 0.0),
    "amp/gradient_penalty": penalty,
    "amp/reward_contrast": jnp.mean(reward(real)) - jnp.mean(reward(fake)),
    "amp/giveaway": gap / jnp.maximum(jnp.sum(gap), 1e-12),
  }
