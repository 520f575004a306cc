"""What follows from a config by arithmetic: iterations, batch shapes, the full observation lists."""

import math

from wildrobot_exp.config.schema import Config


def steps_per_iteration(cfg: Config) -> int:
  """Env steps gathered before each update: num_envs x horizon."""
  return cfg.num_envs * cfg.algo.horizon


def iterations(cfg: Config, done: int = 0) -> int:
  """Updates needed to reach total_steps after `done` env steps; the last one may run past it."""
  return max(0, math.ceil((cfg.total_steps - done) / steps_per_iteration(cfg)))


def policy_observations(cfg: Config) -> list[str]:
  """Names of the policy's observations, in order: the env's, then those the reward's terms need."""
  return list(dict.fromkeys([*cfg.env.observations.policy, *cfg.reward.observations]))


def privileged_observations(cfg: Config) -> list[str]:
  """Names of the critic's observations, in order: all of the policy's, then the privileged ones."""
  return list(dict.fromkeys([*policy_observations(cfg), *cfg.env.observations.privileged]))


def substeps(cfg: Config) -> int:
  """Physics steps per control step in training."""
  return round(cfg.env.control_dt / cfg.env.timestep)
