"""Many episodes side by side: time limits, resets, and the bookkeeping that must survive them."""

import flax.struct
import jax
import jax.numpy as jnp
from brax.envs.base import State

from wildrobot_exp.envs.walk import WalkEnv


@flax.struct.dataclass
class Episodes:
  """N running episodes.

  Attributes:
    env: env states, [N, ...] each.
    steps: [N] control steps made in the present episode.
    task_return: [N] task reward collected in it.
  """

  env: State
  steps: jax.Array
  task_return: jax.Array


@flax.struct.dataclass
class Outcome:
  """What one step did, before any reset hid it.

  Attributes:
    next: env states after the step, [N, ...]: the true terminal ones where an episode ended.
    termination: [N] 1 where the robot fell: nothing follows, no bootstrap.
    truncation: [N] 1 where only time ran out: the value of `next` still counts.
    episode_return: [N] task return of the episode so far; final where it ended.
    episode_steps: [N] its length so far; final where it ended.
  """

  next: State
  termination: jax.Array
  truncation: jax.Array
  episode_return: jax.Array
  episode_steps: jax.Array


def start_episodes(env: WalkEnv, rng: jax.Array, count: int) -> Episodes:
  """`count` fresh episodes."""
  states = jax.vmap(env.reset)(jax.random.split(rng, count))
  return Episodes(states, jnp.zeros(count, jnp.int32), jnp.zeros(count))


def step_episodes(
  env: WalkEnv, episodes: Episodes, action: jax.Array, rng: jax.Array, max_steps: int
) -> tuple[Episodes, Outcome]:
  """Step every robot once; those whose episode ended start a new one, sampled afresh.

  Args:
    env: the env for one robot.
    episodes: where they are.
    action: [N, J].
    rng: key for the resets.
    max_steps: the time limit, control steps.
  """
  after = jax.vmap(env.step)(episodes.env, action)
  steps = episodes.steps + 1
  truncation = jnp.where(steps >= max_steps, 1.0 - after.done, 0.0)
  task_return = episodes.task_return + after.reward
  outcome = Outcome(after, after.done, truncation, task_return, steps)

  ended = (after.done + truncation) > 0
  fresh = start_episodes(env, rng, len(steps))
  going_on = Episodes(after, steps, task_return)

  def choose(new: jax.Array, old: jax.Array) -> jax.Array:
    return jnp.where(ended.reshape(ended.shape + (1,) * (old.ndim - 1)), new, old)

  return jax.tree.map(choose, fresh, going_on), outcome
