"""Traced numbers: each one is the config's, and the learning rate falls as promised."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest

from wildrobot_exp.learning.hyperparameters import AmpHyperparameters, Hyperparameters


def names(cls: type) -> set[str]:
  return {field.name for field in dataclasses.fields(cls)}


def test_every_number_is_the_one_of_the_config(ppo_amp):
  hp, cfg = ppo_amp.hp, ppo_amp.cfg
  for name in names(Hyperparameters) - {"total_steps", "reward_weights", "amp"}:
    assert float(getattr(hp, name)) == pytest.approx(cfg.algo[name], rel=1e-6), name
  sections = {"gradient_penalty": cfg.amp.loss, "logit_regulariser": cfg.amp.loss}
  sections |= {f"slow_{name}": cfg.amp.slow_down for name in ("accuracy", "contrast", "factor")}
  for name in names(AmpHyperparameters):
    expected = sections.get(name, cfg.amp)[name.removeprefix("slow_")]
    assert float(getattr(hp.amp, name)) == pytest.approx(expected, rel=1e-6), name
  assert float(hp.total_steps) == cfg.total_steps
  weights = {name: float(weight) for name, weight in hp.reward_weights.items()}
  assert weights == pytest.approx({name: term["weight"] for name, term in cfg.reward.terms.items()}, rel=1e-6)


def test_plain_ppo_has_no_amp_numbers(ppo):
  assert ppo.hp.amp is None


def test_every_leaf_is_a_float32_scalar(job):
  assert all(leaf.shape == () and leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(job.hp))


def test_the_learning_rate_falls_linearly_and_stays_at_its_end(ppo):
  hp, (first, last) = ppo.hp, (ppo.cfg.algo.learning_rate, ppo.cfg.algo.final_learning_rate)
  total = ppo.cfg.total_steps
  rates = [float(hp.rate_at(jnp.int32(steps))) for steps in (0, total // 2, total, 2 * total)]
  assert rates == pytest.approx([first, (first + last) / 2, last, last], rel=1e-5)
