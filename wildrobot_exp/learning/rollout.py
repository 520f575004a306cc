"""Roll out the policy: T steps of N robots, with nothing lost at episode ends."""

from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from wildrobot_exp.envs.episodes import Episodes, step_episodes
from wildrobot_exp.envs.walk import WalkEnv
from wildrobot_exp.physics.quantities import root_linvel
from wildrobot_exp.physics.state import PhysicsState

COMMAND_BINS = 5  # of the logged histogram
ROUNDING = 1e-6  # m/s


@flax.struct.dataclass
class Rollout:
  """What the update learns from; every field is [T, N, ...].

  Attributes:
    observation: what the policy and the critic saw.
    policy_extras: raw_action, log_prob, distribution_params of the acting policy.
    terms: every reward term, unweighted.
    task_reward: the env's own total.
    termination, truncation: 1 where an episode ended in a fall, or by time alone.
    last_observation: [N, ...] what follows the last step, before any reset.
    action: as the env got it.
    before, after: physics around each step; `after` is the true one also where an episode ended.
    invalid: 1 where the simulation exploded or the action was not finite.
    episode_return, episode_steps: of the episode so far.
    command: commanded velocity, m/s.
  """

  observation: Any
  policy_extras: Any
  terms: dict[str, jax.Array]
  task_reward: jax.Array
  termination: jax.Array
  truncation: jax.Array
  last_observation: Any
  action: jax.Array
  before: PhysicsState
  after: PhysicsState
  invalid: jax.Array
  episode_return: jax.Array
  episode_steps: jax.Array
  command: jax.Array


def roll_out(
  env: WalkEnv,
  policy: Callable[[Any, jax.Array], tuple[jax.Array, Any]],
  episodes: Episodes,
  rng: jax.Array,
  horizon: int,
  max_steps: int,
) -> tuple[Episodes, Rollout]:
  """Act for `horizon` steps in every episode.

  Args:
    env: the env for one robot.
    policy: (observation [N, ...], rng) -> (action [N, J], extras).
    episodes: N running episodes.
    rng: key for actions and resets.
    horizon: T, control steps.
    max_steps: time limit of an episode, control steps.
  """

  def one_step(episodes: Episodes, rng: jax.Array) -> tuple[Episodes, dict[str, Any]]:
    act_key, reset_key = jax.random.split(rng)
    observation = episodes.env.obs
    action, extras = policy(observation, act_key)
    going_on, outcome = step_episodes(env, episodes, action, reset_key, max_steps)
    prefix = "reward/"
    record = dict(
      observation=observation,
      policy_extras=extras,
      terms={k.removeprefix(prefix): v for k, v in outcome.next.metrics.items() if k.startswith(prefix)},
      task_reward=outcome.next.reward,
      termination=outcome.termination,
      truncation=outcome.truncation,
      action=action,
      before=episodes.env.pipeline_state,
      after=outcome.next.pipeline_state,
      invalid=outcome.next.metrics["invalid"],
      episode_return=outcome.episode_return,
      episode_steps=outcome.episode_steps,
      command=episodes.env.info["command"],
    )
    return going_on, (record, outcome.next.obs)

  episodes, (record, following) = jax.lax.scan(one_step, episodes, jax.random.split(rng, horizon))
  return episodes, Rollout(last_observation=jax.tree.map(lambda x: x[-1], following), **record)


def episode_metrics(rollout: Rollout) -> dict[str, jax.Array]:
  """Scalars over the episodes that ended in this rollout (NaN where none did) and over its steps."""
  ended = jnp.maximum(rollout.termination, rollout.truncation)
  count = jnp.sum(ended)

  def over_ended(values: jax.Array) -> jax.Array:
    return jnp.where(count > 0, jnp.sum(values * ended) / jnp.maximum(count, 1.0), jnp.nan)

  vx = jax.vmap(jax.vmap(root_linvel))(rollout.after)[..., 0]
  return {
    "train/return": over_ended(rollout.episode_return),
    "train/episode_steps": over_ended(rollout.episode_steps.astype(jnp.float32)),
    "train/falls": over_ended(rollout.termination),
    "train/task_reward": jnp.mean(rollout.task_reward),
    "train/invalid_states": jnp.sum(rollout.invalid),
    "train/contact_overflows": jnp.sum(rollout.after.overflow),
    "train/vx": jnp.mean(vx),
    "train/vx_error": jnp.mean(jnp.abs(vx - rollout.command)),
    "train/command_vx_mean": jnp.mean(rollout.command),
    "train/command_zero_share": jnp.mean(rollout.command == 0.0),
    **{f"reward/{name}": jnp.mean(value) for name, value in rollout.terms.items()},
  }


def command_histogram(command: jax.Array, low: float, high: float) -> dict[str, jax.Array]:
  """Share of the steps [T, N] commanded in each fifth of the declared range, slowest first, and outside of it."""
  width = (high - low) / COMMAND_BINS
  place = jnp.floor((command - low) / width) if width > 0 else jnp.zeros_like(command)
  place = jnp.clip(place, 0, COMMAND_BINS - 1)
  inside = (command >= low - ROUNDING) & (command <= high + ROUNDING)
  shares = {f"command/bin_{i}": jnp.mean(inside & (place == i)) for i in range(COMMAND_BINS)}
  return shares | {"command/outside": jnp.mean(~inside)}
