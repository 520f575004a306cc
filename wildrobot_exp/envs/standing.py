"""What a robot earns that stands still: a task that pays it well teaches standing."""

import jax
import jax.numpy as jnp
import numpy as np

from wildrobot_exp.envs.terms import StepContext
from wildrobot_exp.envs.walk import WalkEnv
from wildrobot_exp.physics.native import state_bank

PHASES = 16  # of the gait clock, averaged over
TOO_MUCH = 0.9  # of what following pays


def standing_reward(env: WalkEnv, command: float) -> float:
  """Task reward per second of standing still in the home pose, commanded to go at `command` m/s.

  With a command of 0 it is what following a command perfectly pays, but for the effort.
  """
  robot = env.robot
  at_home = state_bank(robot, robot.home_qpos[None], np.zeros((1, robot.model.nv)))
  rest = jnp.zeros(env.action_size)

  def pay(phase: jax.Array) -> jax.Array:
    state = jax.tree.map(lambda x: x[0], at_home)
    context = StepContext(robot, state, rest, rest, jnp.asarray(command, jnp.float32), phase, env.dt)
    return env.total_reward(env.reward_terms(context), env.reward_weights) / env.dt

  return float(jnp.mean(jax.jit(jax.vmap(pay))(jnp.arange(PHASES) / PHASES)))


def standing_line(env: WalkEnv) -> str:
  """A line about it at the fastest command; a warning where standing pays nearly what following does."""
  fastest = max(env.command_range, key=abs)
  stands, follows = (standing_reward(env, command) for command in (fastest, 0.0))
  line = f"standing still at a command of {fastest:g} m/s pays {stands:.2f} a second, following it {follows:.2f}"
  if fastest and follows > 0 and stands > TOO_MUCH * follows:
    return f"warning: {line}: why should it walk? raise reward.terms.track_vx.weight, or lower its sigma"
  return line
