"""A small untrained policy that acts noticeably, with a normaliser that is not the identity."""

import dataclasses
from typing import Any

import jax
import numpy as np

from wildrobot_exp.config.compose import load
from wildrobot_exp.envs.observations import OBSERVATIONS
from wildrobot_exp.envs.walk import WalkEnv
from wildrobot_exp.evaluation.starts import make_evaluation_env
from wildrobot_exp.learning.networks import init_normaliser, make_networks

SETTINGS = (
  "algo=ppo",
  "algo.policy_hidden=[16,9]",
  "evaluation.episodes=7",
  "evaluation.episode_seconds=2.0",
  "env.reset.bank_size=8",
)
EVERY_OBSERVATION = (f"env.observations.policy=[{','.join(OBSERVATIONS)}]", "env.observations.privileged=[]")


@dataclasses.dataclass(frozen=True)
class TinyPolicy:
  """What an export needs."""

  cfg: Any
  env: WalkEnv
  networks: Any
  params: Any


def make_policy_params(networks: Any, observation_size: dict[str, int], seed: int = 0) -> Any:
  """(normaliser, policy parameters), every number drawn with NumPy: nothing is compiled."""
  rng = np.random.default_rng(seed)

  def draw(leaf: jax.ShapeDtypeStruct) -> np.ndarray:
    fan_in = leaf.shape[0] if len(leaf.shape) == 2 else 4
    return rng.normal(scale=fan_in**-0.5, size=leaf.shape).astype(np.float32)

  policy = jax.tree.map(draw, jax.eval_shape(networks.policy_network.init, jax.random.PRNGKey(0)))
  normaliser = init_normaliser(observation_size)
  mean = {key: 0.1 * rng.normal(size=size).astype(np.float32) for key, size in observation_size.items()}
  std = {key: np.exp(0.5 * rng.normal(size=size)).astype(np.float32) for key, size in observation_size.items()}
  return normaliser.replace(mean=mean, std=std), policy


def make_tiny_policy(*overrides: str) -> TinyPolicy:
  """A tiny policy for the default task with some changes."""
  cfg = load([*SETTINGS, *overrides], probe=False)
  env = make_evaluation_env(cfg, states=cfg.evaluation.episodes)
  networks = make_networks(
    env.observation_size,
    env.action_size,
    policy_hidden=cfg.algo.policy_hidden,
    value_hidden=[4],
    activation=cfg.algo.activation,
    init_std=cfg.algo.init_std,
  )
  return TinyPolicy(cfg, env, networks, make_policy_params(networks, env.observation_size))
