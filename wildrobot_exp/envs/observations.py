"""Observation fields, found by name from conf/. Raw units: the normaliser is part of the policy."""

import jax
import jax.numpy as jnp

from wildrobot_exp.envs.terms import Registry, StepContext
from wildrobot_exp.physics import quantities as q

OBSERVATIONS = Registry("observation")


@OBSERVATIONS.register
def gyro(s: StepContext) -> jax.Array:
  """[3] angular velocity in the IMU frame, rad/s."""
  return q.sensor(s.robot, s.state, "gyro")


@OBSERVATIONS.register
def gravity(s: StepContext) -> jax.Array:
  """[3] direction of gravity in the IMU frame; (0, 0, -1) upright."""
  return q.imu_gravity(s.robot, s.state)


@OBSERVATIONS.register
def command(s: StepContext) -> jax.Array:
  """[1] commanded forward velocity, m/s."""
  return s.command[None]


@OBSERVATIONS.register
def stand(s: StepContext) -> jax.Array:
  """[1] 1 where the command is to stand still, otherwise 0: standing and the slowest walk are two motions."""
  return jnp.where(s.command == 0.0, 1.0, 0.0)[None]


@OBSERVATIONS.register
def joint_pos(s: StepContext) -> jax.Array:
  """[J] joint angles relative to the home pose, rad."""
  return q.joint_pos(s.robot, s.state) - jnp.asarray(s.robot.home_ctrl, jnp.float32)


@OBSERVATIONS.register
def joint_vel(s: StepContext) -> jax.Array:
  """[J] joint velocities, rad/s."""
  return q.joint_vel(s.robot, s.state)


@OBSERVATIONS.register
def last_action(s: StepContext) -> jax.Array:
  """[J] the action of this step, which the next one will follow."""
  return s.action


@OBSERVATIONS.register
def gait_clock(s: StepContext) -> jax.Array:
  """[2] sine and cosine of the gait clock."""
  angle = 2.0 * jnp.pi * s.phase
  return jnp.stack([jnp.sin(angle), jnp.cos(angle)])


@OBSERVATIONS.register
def root_linvel(s: StepContext) -> jax.Array:
  """[3] velocity of the base in the heading frame, m/s (not measurable on the robot)."""
  return q.root_linvel(s.state)


@OBSERVATIONS.register
def root_height(s: StepContext) -> jax.Array:
  """[1] height of the base, m (not measurable on the robot)."""
  return q.root_height(s.state)[None]


@OBSERVATIONS.register
def feet_load(s: StepContext) -> jax.Array:
  """[2] normal force on the soles, right then left, in units of 10 N."""
  return 0.1 * q.feet_load(s.robot, s.state)


@OBSERVATIONS.register
def feet_pos(s: StepContext) -> jax.Array:
  """[6] sole centres relative to the base in the heading frame, right then left, m."""
  return q.feet_from_root(s.robot, s.state).reshape(-1)
