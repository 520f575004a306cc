"""Who acts in an evaluation: the trained policy, or one of the two baselines beside it."""

# isort: off
from wildrobot_exp.physics import quiet_mjx as _quiet_mjx  # noqa: F401  before Brax imports mujoco.mjx, aloud

# isort: on
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from brax.training.agents.ppo import networks as ppo_networks

from wildrobot_exp.learning.networks import make_policy

DETERMINISTIC, STOCHASTIC, ZERO_ACTION, RANDOM = range(4)

# (params, observation [N, ...], rng, mode [N]) -> action [N, J]
Actor = Callable[[Any, Any, jax.Array, jax.Array], jax.Array]


def make_actor(networks: ppo_networks.PPONetworks) -> Actor:
  """An actor whose parameters are (normaliser, policy parameters).

  `mode` says for each robot who acts: the policy's mean (DETERMINISTIC), a sample of it (STOCHASTIC),
  nobody (ZERO_ACTION), or chance, uniform in [-1, 1] (RANDOM). It is data, so one program serves all four.
  """
  mean, sampled = make_policy(networks, deterministic=True), make_policy(networks)

  def act(params: Any, observation: Any, rng: jax.Array, mode: jax.Array) -> jax.Array:
    sample_key, random_key = jax.random.split(rng)
    normaliser, policy = params
    best, _ = mean(normaliser, policy, observation, sample_key)
    sample, _ = sampled(normaliser, policy, observation, sample_key)
    chance = jax.random.uniform(random_key, best.shape, minval=-1.0, maxval=1.0)
    choices = jnp.stack([best, sample, jnp.zeros_like(best), chance])
    return jnp.take_along_axis(choices, mode[None, :, None], axis=0)[0]

  return act
