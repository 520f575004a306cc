"""What rewards, observations, terminations and AMP features read from a PhysicsState.

Every function takes one robot's state. The *heading frame* is the world frame turned about z to face
where the base faces: quantities in it do not change when the whole robot is turned.
"""

import jax
import jax.numpy as jnp

from wildrobot_exp.physics.state import PhysicsState
from wildrobot_exp.robots import Robot
from wildrobot_exp.robots.robot import FEET

ROOT_POS = slice(0, 3)
ROOT_QUAT = slice(3, 7)
ROOT_LINVEL = slice(0, 3)
ROOT_ANGVEL = slice(3, 6)


def sensor(robot: Robot, state: PhysicsState, name: str) -> jax.Array:
  """The named sensor's reading."""
  return state.sensordata[robot.sensor_slice(name)]


def joint_pos(robot: Robot, state: PhysicsState) -> jax.Array:
  """[J] joint angles in joint order, rad."""
  return state.qpos[jnp.asarray(robot.joint_qpos)]


def joint_vel(robot: Robot, state: PhysicsState) -> jax.Array:
  """[J] joint velocities in joint order, rad/s."""
  return state.qvel[jnp.asarray(robot.joint_qvel)]


def joint_torque(robot: Robot, state: PhysicsState) -> jax.Array:
  """[J] servo torques of the last physics step in joint order, N m."""
  return state.sensordata[robot.joint_torque]


def rotate(quat: jax.Array, vec: jax.Array) -> jax.Array:
  """Rotate vec [3] by the wxyz quaternion [4]."""
  w, xyz = quat[0], quat[1:]
  t = 2.0 * jnp.cross(xyz, vec)
  return vec + w * t + jnp.cross(xyz, t)


def yaw(state: PhysicsState) -> jax.Array:
  """The base's heading about world z, rad."""
  w, x, y, z = state.qpos[ROOT_QUAT]
  return jnp.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))


def to_heading(state: PhysicsState, vec: jax.Array) -> jax.Array:
  """A world vector [3] in the heading frame."""
  c, s = jnp.cos(yaw(state)), jnp.sin(yaw(state))
  return jnp.stack([c * vec[0] + s * vec[1], c * vec[1] - s * vec[0], vec[2]])


def from_heading(state: PhysicsState, vec: jax.Array) -> jax.Array:
  """A heading-frame vector [3] in the world."""
  c, s = jnp.cos(yaw(state)), jnp.sin(yaw(state))
  return jnp.stack([c * vec[0] - s * vec[1], s * vec[0] + c * vec[1], vec[2]])


def root_height(state: PhysicsState) -> jax.Array:
  """[] height of the base origin above the floor, m."""
  return state.qpos[2]


def root_gravity(state: PhysicsState) -> jax.Array:
  """[3] direction of gravity in the base frame: (0, 0, -1) upright."""
  quat = state.qpos[ROOT_QUAT] * jnp.array([1.0, -1.0, -1.0, -1.0])
  return rotate(quat, jnp.array([0.0, 0.0, -1.0]))


def imu_gravity(robot: Robot, state: PhysicsState) -> jax.Array:
  """[3] direction of gravity in the IMU frame on the chassis: (0, 0, -1) upright."""
  return -sensor(robot, state, "up")


def root_linvel(state: PhysicsState) -> jax.Array:
  """[3] velocity of the base origin in the heading frame, m/s."""
  return to_heading(state, state.qvel[ROOT_LINVEL])


def root_angvel(state: PhysicsState) -> jax.Array:
  """[3] angular velocity of the base in the heading frame, rad/s."""
  return to_heading(state, rotate(state.qpos[ROOT_QUAT], state.qvel[ROOT_ANGVEL]))


def feet_from_root(robot: Robot, state: PhysicsState) -> jax.Array:
  """[2, 3] sole centres relative to the base in the heading frame, right then left, m."""
  feet = [sensor(robot, state, f"{side}_foot_pos") - state.qpos[ROOT_POS] for side in FEET]
  return jnp.stack([to_heading(state, foot) for foot in feet])


def feet_height(robot: Robot, state: PhysicsState) -> jax.Array:
  """[2] height of the sole centres above the floor, right then left, m."""
  return jnp.stack([sensor(robot, state, f"{side}_foot_pos")[2] for side in FEET])


def feet_vel(robot: Robot, state: PhysicsState) -> jax.Array:
  """[2, 3] velocity of the sole centres in the world frame, right then left, m/s."""
  return jnp.stack([sensor(robot, state, f"{side}_foot_vel") for side in FEET])


def feet_load(robot: Robot, state: PhysicsState) -> jax.Array:
  """[2] normal force on the soles, right then left, N."""
  return jnp.stack([sensor(robot, state, f"{side}_foot_load")[0] for side in FEET])
