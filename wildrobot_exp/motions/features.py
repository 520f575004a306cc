"""What AMP compares: features of a transition, by one function for reference clips and policy alike."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from wildrobot_exp.physics import quantities as q
from wildrobot_exp.physics.state import PhysicsState
from wildrobot_exp.robots import Robot
from wildrobot_exp.robots.robot import FEET

_AXES = ("x", "y", "z")


def _joints(prefix: str) -> Callable[[Robot], list[str]]:
  return lambda robot: [f"{prefix}/{name}" for name in robot.joint_names]


def _vector(prefix: str) -> Callable[[Robot], list[str]]:
  return lambda robot: [f"{prefix}/{axis}" for axis in _AXES]


# field -> (value of one frame, names of its numbers); nothing here depends on where the robot stands or faces
FIELDS: dict[str, tuple[Callable[[Robot, PhysicsState], jax.Array], Callable[[Robot], list[str]]]] = {
  "joint_pos": (q.joint_pos, _joints("joint_pos_rad")),
  "joint_vel": (lambda robot, s: 0.1 * q.joint_vel(robot, s), _joints("joint_vel_10rad_s")),
  "root_height": (lambda robot, s: q.root_height(s)[None], lambda robot: ["root_height_m"]),
  "gravity": (lambda robot, s: q.root_gravity(s), _vector("gravity")),
  "root_linvel": (lambda robot, s: q.root_linvel(s), _vector("root_linvel_m_s")),
  "root_angvel": (lambda robot, s: q.root_angvel(s), _vector("root_angvel_rad_s")),
  "feet_pos": (
    lambda robot, s: q.feet_from_root(robot, s).reshape(-1),
    lambda robot: [f"{side}_foot_pos_m/{axis}" for side in FEET for axis in _AXES],
  ),
}


def frame_features(robot: Robot, state: PhysicsState) -> jax.Array:
  """[F] features of one frame, in the heading frame."""
  return jnp.concatenate([value(robot, state) for value, _ in FIELDS.values()])


def transition_features(robot: Robot, before: PhysicsState, after: PhysicsState) -> jax.Array:
  """[2 F] features of two consecutive frames of one episode, one control period apart."""
  return jnp.concatenate([frame_features(robot, before), frame_features(robot, after)])


def feature_names(robot: Robot) -> list[str]:
  """[2 F] a name with its unit for every number of `transition_features`."""
  frame = [name for _, names in FIELDS.values() for name in names(robot)]
  return [f"before/{name}" for name in frame] + [f"after/{name}" for name in frame]
