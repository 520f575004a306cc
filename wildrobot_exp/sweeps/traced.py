"""Which jobs of a sweep can train as one program: those that differ in traced numbers only."""

import copy
import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from wildrobot_exp.config.identity import NOT_THE_EXPERIMENT
from wildrobot_exp.config.schema import Config

TRACED = {  # section -> keys that learning.hyperparameters and envs.walk.Variation take as arrays; see the tests
  "": ("seed", "gates"),
  "algo": (
    "learning_rate final_learning_rate discount gae_lambda clip entropy value_coef max_grad_norm reward_scale".split()
  ),
  "amp": ("weight", "style_scale", "learning_rate", "weight_decay"),
  "amp.loss": ("gradient_penalty", "logit_regulariser"),
  "amp.slow_down": ("accuracy", "contrast", "factor"),
}
ALGORITHMS = ("ppo", "ppo_amp")  # Brax's trainer is one program for one job


def structure(config: Config) -> str | None:
  """What a job shares with all that fit into its program; None if it has to train alone."""
  if config.algo.name not in ALGORITHMS:
    return None
  values = copy.deepcopy(dataclasses.asdict(config))
  for section, keys in TRACED.items():
    part: Any = values
    for name in filter(None, section.split(".")):
      part = (part or {}).get(name)
    for key in keys if part else ():
      del part[key]
  for term in values["reward"]["terms"].values():
    del term["weight"]
  for key in NOT_THE_EXPERIMENT:
    del values[key]
  return json.dumps(values, sort_keys=True)


def groups(configs: Sequence[Config]) -> list[list[int]]:
  """Indices of the jobs that train together, in the order of their first ones; a job alone is a list of one."""
  found: dict[Any, list[int]] = {}
  for number, config in enumerate(configs):
    found.setdefault(structure(config) or number, []).append(number)
  return list(found.values())
