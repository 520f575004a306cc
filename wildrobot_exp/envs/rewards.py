"""Reward terms, per second: the env multiplies each by its weight and the control period.

A term is registered as a reward (kept as it is) or as a cost (subtracted); weights are never negative,
so no YAML can turn a penalty into a prize.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from wildrobot_exp.envs.terms import Registry, StepContext
from wildrobot_exp.physics import quantities as q

REWARDS = Registry("reward term")


def cost(function: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
  """Decorator: register a term that is subtracted."""
  function.sign = -1.0
  return REWARDS.register(function)


def reward(function: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
  """Decorator: register a term that is added."""
  function.sign = 1.0
  return REWARDS.register(function)


def _bell(error: jax.Array, sigma: float) -> jax.Array:
  return jnp.exp(-jnp.square(error / sigma))


@reward
def track_vx(s: StepContext, sigma: float) -> jax.Array:
  """1 at the commanded forward velocity, exp(-1) at an error of sigma m/s."""
  return _bell(q.root_linvel(s.state)[0] - s.command, sigma)


@reward
def track_vy(s: StepContext, sigma: float) -> jax.Array:
  """1 without sideways velocity, exp(-1) at sigma m/s."""
  return _bell(q.root_linvel(s.state)[1], sigma)


@reward
def track_yaw_rate(s: StepContext, sigma: float) -> jax.Array:
  """1 without turning, exp(-1) at sigma rad/s."""
  return _bell(q.root_angvel(s.state)[2], sigma)


@reward
def alive(s: StepContext) -> jax.Array:
  """1 for every step that is made."""
  return jnp.ones_like(s.command)


@reward
def upright(s: StepContext, sigma: float) -> jax.Array:
  """1 with the chassis vertical, exp(-1) where the sine of its tilt is sigma."""
  return _bell(jnp.linalg.norm(q.imu_gravity(s.robot, s.state)[:2]), sigma)


@cost
def action_rate(s: StepContext) -> jax.Array:
  """Mean squared change of the action from one step to the next."""
  return jnp.mean(jnp.square(s.action - s.last_action))


@cost
def torque(s: StepContext) -> jax.Array:
  """Mean squared servo torque, (N m)^2."""
  return jnp.mean(jnp.square(q.joint_torque(s.robot, s.state)))


@cost
def base_motion(s: StepContext) -> jax.Array:
  """Squared roll and pitch rate plus squared vertical velocity of the base."""
  return jnp.sum(jnp.square(q.root_angvel(s.state)[:2])) + jnp.square(q.root_linvel(s.state)[2])


@cost
def joint_limits(s: StepContext, margin: float = 0.05) -> jax.Array:
  """Radians by which joints come nearer than margin to their limits, summed."""
  low, high = jnp.asarray(s.robot.joint_range.T, jnp.float32)
  pos = q.joint_pos(s.robot, s.state)
  return jnp.sum(jax.nn.relu(low + margin - pos) + jax.nn.relu(pos - high + margin))


@cost
def foot_slip(s: StepContext, load: float = 1.0) -> jax.Array:
  """Squared horizontal speed of the feet that carry more than load newtons, (m/s)^2."""
  speed = jnp.sum(jnp.square(q.feet_vel(s.robot, s.state)[:, :2]), axis=-1)
  return jnp.sum(speed * (q.feet_load(s.robot, s.state) > load))


@cost
def pose(s: StepContext) -> jax.Array:
  """Mean squared distance of hip roll, foot roll and waist from their home angles, rad^2."""
  names = [name for name in s.robot.joint_names if "roll" in name or "waist" in name]
  index = jnp.array([s.robot.joint_index(name) for name in names])
  home = jnp.asarray(s.robot.home_ctrl, jnp.float32)
  return jnp.mean(jnp.square(q.joint_pos(s.robot, s.state) - home)[index])


def clock_stance(phase: jax.Array, duty: float) -> jax.Array:
  """[2] whether the gait clock wants each foot on the ground, right then left."""
  return jnp.mod(phase + jnp.array([0.0, 0.5]), 1.0) < duty


@reward
def gait_contact(s: StepContext, duty: float = 0.6, standing_below: float = 0.05) -> jax.Array:
  """Share of the feet whose contact agrees with the gait clock; both down where it is commanded slower (m/s)."""
  wanted = clock_stance(s.phase, duty) | (jnp.abs(s.command) < standing_below)
  return jnp.mean((q.feet_load(s.robot, s.state) > 1.0) == wanted)


@cost
def swing_clearance(
  s: StepContext, height: float = 0.035, duty: float = 0.6, standing_below: float = 0.05
) -> jax.Array:
  """Shortfall of the swing foot below a half-sine of `height` m over the clock's swing, in heights."""
  swing = (jnp.mod(s.phase + jnp.array([0.0, 0.5]), 1.0) - duty) / (1.0 - duty)
  wanted = height * jnp.sin(jnp.pi * jnp.clip(swing, 0.0, 1.0))
  shortfall = jax.nn.relu(wanted - q.feet_height(s.robot, s.state)) / height
  return jnp.sum(jnp.where(jnp.abs(s.command) < standing_below, 0.0, shortfall))
