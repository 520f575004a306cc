"""What was built is measured: a builder that does not do what the config says is caught, by the key's name."""

import copy
import dataclasses
import time

import jax
import numpy as np
import pytest

from wildrobot_exp.building import build, make_update
from wildrobot_exp.built_check import ACTIVATIONS, check_built, check_update
from wildrobot_exp.config.compose import load
from wildrobot_exp.config.schema import ACTIVATIONS as KNOWN
from wildrobot_exp.envs.walk import make_walk_env
from wildrobot_exp.errors import RunFailed
from wildrobot_exp.learning.hyperparameters import make_hyperparameters
from wildrobot_exp.learning.networks import make_networks

TINY = (
  "num_envs=8",
  "total_steps=640",
  "algo.horizon=3",
  "algo.minibatches=2",
  "algo.policy_hidden=[12,10]",
  "algo.value_hidden=[9]",
  "amp.hidden=[7]",
  "amp.batch_size=16",
  "amp.replay_size=24",
  "motion.speeds=[0.0,0.3]",
  "env.reset.bank_size=4",
)
LIES = {  # key: what these objects are not
  "algo.policy_hidden": [12, 11],
  "algo.value_hidden": [9, 9],
  "env.action_scale": 0.3,
  "env.control_dt": 0.04,
  "env.timestep": 0.002,
  "env.gait_period": 0.9,
  "env.command.vx": [0.0, 0.2],
  "env.reset.bank_size": 5,
  "reward.terms.alive.weight": 0.3,
  "physics": "mjx",
}
LIES_OF_THE_UPDATE = {
  "algo.init_std": 0.3,
  "algo.activation": "tanh",
  "num_envs": 16,
  "algo.horizon": 4,
  "algo.learning_rate": 0.01,
  "algo.final_learning_rate": 0.01,
  "algo.discount": 0.5,
  "algo.entropy": 0.1,
  "amp.hidden": [8],
  "amp.replay_size": 25,
  "amp.window": 3,
  "amp.mix": "two_critics",
  "amp.weight": 0.2,
  "amp.loss.gradient_penalty": 9.0,
  "amp.slow_down.factor": 0.5,
}


@pytest.fixture(scope="module")
def cfg():
  return load(list(TINY))


@pytest.fixture(scope="module")
def built(cfg):
  return build(cfg)


@pytest.fixture(scope="module")
def training(cfg, built):
  update = make_update(cfg, built)
  return update, update.init(jax.random.PRNGKey(0)), make_hyperparameters(cfg, built.env)


def said(cfg, key: str, value):
  """The config, had it said something else."""
  other = cfg.copy()
  other._set_flag("readonly", False)
  section, _, name = key.rpartition(".")
  (other if not section else _at(other, section))[name] = value
  return other


def _at(cfg, dotted: str):
  for name in dotted.split("."):
    cfg = cfg[name]
  return cfg


def test_what_the_builders_make_of_a_config_is_what_it_says(cfg, built, training):
  check_built(cfg, built)
  check_update(cfg, *training)


@pytest.mark.parametrize("key", LIES)
def test_an_object_that_is_not_what_the_config_says_stops_the_run_by_the_key(key: str, cfg, built):
  with pytest.raises(RunFailed, match=key.replace(".", r"\.")):
    check_built(said(cfg, key, LIES[key]), built)


@pytest.mark.parametrize("key", LIES_OF_THE_UPDATE)
def test_a_training_state_that_is_not_what_the_config_says_stops_the_run_by_the_key(key: str, cfg, training):
  with pytest.raises(RunFailed, match=key.replace(".", r"\.")):
    check_update(said(cfg, key, LIES_OF_THE_UPDATE[key]), *training)


def networks_of(cfg, env, **other):
  arguments = {name: cfg.algo[name] for name in ("policy_hidden", "value_hidden", "activation", "init_std")}
  return make_networks(env.observation_size, env.action_size, **arguments | other)


def test_a_builder_that_ignores_init_std_is_caught(cfg, built, training):
  update, state, hp = training
  networks = networks_of(cfg, built.env, init_std=1.0)
  policy = jax.jit(networks.policy_network.init)(jax.random.PRNGKey(0))
  wrong = state.replace(learner=state.learner.replace(params=state.learner.params.replace(policy=policy)))
  with pytest.raises(RunFailed, match="algo.init_std"):
    check_update(cfg, update, wrong, hp)


def test_a_builder_that_ignores_the_activation_is_caught(cfg, built, training):
  update = copy.copy(training[0])
  update.networks = networks_of(cfg, built.env, activation="relu")
  with pytest.raises(RunFailed, match="algo.activation"):
    check_update(cfg, update, *training[1:])


def test_an_env_built_with_another_scale_is_caught(cfg, built):
  env = make_walk_env(said(cfg, "env.action_scale", 0.5), built.env.physics)
  with pytest.raises(RunFailed, match="env.action_scale is 0.25 in the config but 0.5"):
    check_built(cfg, dataclasses.replace(built, env=env))


def test_every_activation_is_measured_by_a_formula_of_its_own():
  assert sorted(ACTIVATIONS) == sorted(KNOWN)
  x = np.linspace(-3.0, 3.0, 13)
  for name, ours in ACTIVATIONS.items():
    assert ours(x) == pytest.approx(np.asarray(getattr(jax.nn, name)(x)), abs=1e-5)


def test_it_costs_little(cfg, built, training):
  check_update(cfg, *training)
  started = time.process_time()
  check_built(cfg, built)
  check_update(cfg, *training)
  assert time.process_time() - started < 3.0  # 0.2 s on an idle machine
