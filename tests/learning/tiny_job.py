"""A job small enough for a test."""

import dataclasses
from typing import Any

import jax

from wildrobot_exp.building import Experiment, build, make_update
from wildrobot_exp.config.compose import load
from wildrobot_exp.learning.hyperparameters import Hyperparameters, make_hyperparameters
from wildrobot_exp.learning.update import Metrics, TrainState, Update

TINY = (
  "num_envs=16",
  "algo.horizon=4",
  "algo.minibatches=2",
  "algo.epochs=2",
  "algo.policy_hidden=[16]",
  "algo.value_hidden=[16]",
  "total_steps=640",
  "motion.speeds=[0.0,0.2,0.3]",
  "env.reset.bank_size=8",
)
TINY_AMP = ("amp.hidden=[16]", "amp.batch_size=32", "amp.replay_size=80")


@dataclasses.dataclass(frozen=True)
class Job:
  """A config and what it builds."""

  cfg: Any
  experiment: Experiment
  update: Update
  hp: Hyperparameters

  def start(self, seed: int = 0) -> TrainState:
    return self.update.init(jax.random.PRNGKey(seed))

  def run(
    self, state: TrainState, count: int, hp: Hyperparameters | None = None
  ) -> tuple[TrainState, Metrics]:
    """`count` updates; `state` is used up."""
    for _ in range(count):
      state, metrics = self.update(state, hp or self.hp)
    return state, metrics


def make_job(*overrides: str) -> Job:
  cfg = load([*TINY, *overrides])
  experiment = build(cfg)
  return Job(cfg, experiment, make_update(cfg, experiment), make_hyperparameters(cfg, experiment.env))
