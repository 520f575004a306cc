"""The env is a Brax env: Brax's own training wrappers take it as it is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brax.envs.base import Env
from brax.envs.wrappers import training

N = 8


@pytest.fixture(scope="module")
def wrapped(env):
  return training.wrap(env, episode_length=5)


def test_it_is_a_brax_env(env):
  assert isinstance(env, Env)
  assert set(env.observation_size) == {"state", "privileged_state"}


def test_brax_wrappers_reset_and_step_it_under_jit(wrapped, env):
  reset, step = jax.jit(wrapped.reset), jax.jit(wrapped.step)
  state = reset(jax.random.split(jax.random.PRNGKey(0), N))
  names = set(state.metrics)
  shapes = jax.tree.map(lambda x: (x.shape, x.dtype), state)
  done = []
  for _ in range(11):
    state = step(state, jnp.zeros((N, env.action_size)))
    assert jax.tree.map(lambda x: (x.shape, x.dtype), state) == shapes
    done.append(np.asarray(state.done))
  assert set(state.metrics) == names
  assert state.done.dtype == jnp.float32
  assert state.obs["state"].shape == (N, env.observation_size["state"])
  np.testing.assert_array_equal(np.array(done)[:, 0], [0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0])


def test_brax_can_scan_it(wrapped, env):
  def step(state, _):
    state = wrapped.step(state, jnp.zeros((N, env.action_size)))
    return state, state.reward

  state = wrapped.reset(jax.random.split(jax.random.PRNGKey(0), N))
  _, rewards = jax.jit(lambda s: jax.lax.scan(step, s, length=3))(state)
  assert rewards.shape == (3, N) and np.isfinite(rewards).all()
