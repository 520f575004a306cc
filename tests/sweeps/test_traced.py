"""Which jobs may train as one program: exactly those whose differences are traced."""

import dataclasses

import jax
import numpy as np
import pytest
from omegaconf import OmegaConf

from wildrobot_exp.config.compose import load
from wildrobot_exp.learning.hyperparameters import AmpHyperparameters, Hyperparameters, make_hyperparameters
from wildrobot_exp.sweeps.traced import TRACED, groups, structure

NOT_SWEPT_TOGETHER = {"total_steps"}  # traced, but runs of one program are equally long


def config(*overrides: str):
  return OmegaConf.to_object(load(overrides))


class Weights:
  """As much of an env as hyperparameters are made from."""

  def __init__(self, cfg):
    self.reward_weights = {name: term["weight"] for name, term in cfg.reward.terms.items()}


def traced(*overrides: str) -> Hyperparameters:
  cfg = load(overrides)
  return make_hyperparameters(cfg, Weights(cfg))


KEYS = [f"{section}.{key}".lstrip(".") for section, keys in TRACED.items() for key in keys]


@pytest.mark.parametrize("key", [key for key in KEYS if key not in ("seed", "gates")])
def test_a_traced_key_changes_the_hyperparameters_and_not_the_program(key):
  change = f"{key}={0.987 if 'slow_down' not in key else 0.6}"
  assert structure(config(change)) == structure(config())
  before, after = jax.tree.leaves(traced()), jax.tree.leaves(traced(change))
  assert sum(not np.array_equal(a, b) for a, b in zip(before, after, strict=True)) == 1


def test_every_traced_number_can_be_swept_in_one_program():
  own = {field.name for field in dataclasses.fields(Hyperparameters)} - NOT_SWEPT_TOGETHER - {"amp", "reward_weights"}
  amp = {field.name for field in dataclasses.fields(AmpHyperparameters)}
  assert own == set(TRACED["algo"])
  slow = {f"slow_{key}" for key in TRACED["amp.slow_down"]}
  assert amp == {*TRACED["amp"], *TRACED["amp.loss"]} | slow


@pytest.mark.parametrize("change", ["seed=3", "reward.terms.track_vx.weight=0.5", "+gates.survival.min=0.5"])
def test_seeds_reward_weights_and_gates_share_a_program(change):
  assert structure(config(change)) == structure(config())


@pytest.mark.parametrize(
  "change",
  [
    "num_envs=128",
    "algo=ppo",
    "algo.horizon=10",
    "amp/loss=wgan",
    "amp.window=3",
    "reward=walk_shaped",
    "reward.terms.track_vx.sigma=0.1",
    "total_steps=100000",
    "evaluation.episodes=32",
    "motion.lift=0.02",
  ],
)
def test_what_changes_shapes_structure_or_constants_does_not(change):
  assert structure(config(change)) != structure(config())


def test_jobs_are_grouped_in_the_order_of_their_first_and_brax_trains_alone():
  configs = [config(*line) for line in (["seed=0"], ["num_envs=128"], ["seed=1"], ["num_envs=128", "seed=1"])]
  assert groups(configs) == [[0, 2], [1, 3]]
  brax = config("algo=brax_ppo")
  assert structure(brax) is None and groups([brax, brax]) == [[0], [1]]
