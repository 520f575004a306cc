"""An env whose observation counts the steps of the episode and whose robot falls when told to."""

import jax
import jax.numpy as jnp
from brax.envs.base import State

from wildrobot_exp.physics.state import PhysicsState


class CountingEnv:
  """The part of WalkEnv that episodes and rollouts use. action[0] > 0.5 falls; each step pays 1."""

  def reset(self, rng: jax.Array) -> State:
    count = jnp.zeros(())
    metrics = {"reward/alive": count, "invalid": count}
    return State(
      _physics(count), _observe(count), count, count, metrics, {"command": jax.random.uniform(rng)}
    )

  def step(self, state: State, action: jax.Array) -> State:
    count = state.obs["state"][0] + 1.0
    return state.replace(
      pipeline_state=_physics(count),
      obs=_observe(count),
      reward=jnp.ones(()),
      done=jnp.where(action[0] > 0.5, 1.0, 0.0),
      metrics={"reward/alive": jnp.ones(()), "invalid": jnp.zeros(())},
    )


def _observe(count: jax.Array) -> dict[str, jax.Array]:
  return {"state": count[None], "privileged_state": count[None]}


def _physics(count: jax.Array) -> PhysicsState:
  qpos = jnp.zeros(7).at[3].set(1.0).at[0].set(count)
  return PhysicsState(qpos, jnp.zeros(6).at[0].set(0.25), jnp.zeros(6), jnp.zeros(1))
