"""algo=brax_ppo: Brax's own trainer takes the env unchanged, and JAX is as it was afterwards."""

import jax
import numpy as np
import pytest
from tiny_job import make_job

from wildrobot_exp.learning import brax_ppo
from wildrobot_exp.learning.brax_ppo import train_with_brax


def test_jax_is_repaired_only_while_brax_needs_it():
  there = hasattr(jax, "device_put_replicated")
  with pytest.raises(RuntimeError):
    with brax_ppo._repaired_jax():
      assert hasattr(jax, "device_put_replicated")
      raise RuntimeError
  assert hasattr(jax, "device_put_replicated") == there


def test_the_repair_puts_a_copy_on_every_device():
  copies = brax_ppo._device_put_replicated({"a": np.arange(3.0)}, jax.local_devices())
  np.testing.assert_array_equal(copies["a"], [np.arange(3.0)] * jax.local_device_count())


def test_brax_trains_on_the_native_engine():
  job = make_job("algo=brax_ppo", "total_steps=2000", "env.episode_seconds=0.2")
  there = hasattr(jax, "device_put_replicated")
  seen = []
  normaliser, policy = train_with_brax(
    job.cfg,
    job.experiment.env,
    lambda step, metrics: seen.append((step, metrics)),
    evaluations=2,
    evaluation_envs=8,
  )
  assert hasattr(jax, "device_put_replicated") == there
  assert [step for step, _ in seen][0] == 0 and seen[-1][0] >= 2000
  assert seen[-1][1]["training/sps"] > 0 and np.isfinite(seen[-1][1]["training/total_loss"])
  start = job.experiment.networks.policy_network.init(jax.random.PRNGKey(0))
  assert jax.tree.map(np.shape, policy) == jax.tree.map(np.shape, start)  # ours takes its parameters
  obs = {key: np.ones((1, size), np.float32) for key, size in job.experiment.env.observation_size.items()}
  mean, _ = job.experiment.networks.policy_network.apply(normaliser, policy, obs)
  assert mean.shape == (1, job.experiment.env.action_size) and np.isfinite(mean).all()
