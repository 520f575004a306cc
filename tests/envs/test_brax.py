"""The env is a Brax env: Brax's own training wrappers take it as it is."""

import jax
import jax.numpy as jnp
import numpy as np
from brax.envs.base import Env
from brax.envs.wrappers import training

N = 8


def test_it_is_a_brax_env(env):
  assert isinstance(env, Env)
  assert set(env.observation_size) == {"state", "privileged_state"}


def test_brax_wrappers_reset_step_and_scan_it_under_jit(env):
  wrapped = training.wrap(env, episode_length=5)
  state = jax.jit(wrapped.reset)(jax.random.split(jax.random.PRNGKey(0), N))

  def step(state, _):
    state = wrapped.step(state, jnp.zeros((N, env.action_size)))
    return state, (state.done, state.reward, state.info["truncation"])

  after, (done, reward, truncation) = jax.jit(lambda s: jax.lax.scan(step, s, length=11))(state)
  assert jax.tree.map(lambda x: (x.shape, x.dtype), after) == jax.tree.map(
    lambda x: (x.shape, x.dtype), state
  )
  assert set(after.metrics) == {f"reward/{name}" for name in env.reward_weights} | {"invalid"}
  assert after.done.dtype == jnp.float32
  assert after.obs["state"].shape == (N, env.observation_size["state"])
  np.testing.assert_array_equal(done[:, 0], [0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0])
  np.testing.assert_array_equal(truncation, done)
  assert np.isfinite(reward).all() and (reward > 0).all()
