"""What AMP compares: features of a transition, by one function for reference clips and policy alike."""

import dataclasses
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from wildrobot_exp.physics import quantities as q
from wildrobot_exp.physics.state import PhysicsState
from wildrobot_exp.robots import Robot
from wildrobot_exp.robots.robot import FEET

_AXES = ("x", "y", "z")


@dataclasses.dataclass(frozen=True)
class Field:
  """A group of numbers of one frame.

  Attributes:
    value: of one frame, [n].
    labels: [n] of the numbers.
    unit: of all of them.
    floor: the least standard deviation they are normalised by, in that unit. Reference clips are smoother than
      any physics with exploration noise on top: differences below the floor are not style, and must not be
      what gives the policy away.
  """

  value: Callable[[Robot, PhysicsState], jax.Array]
  labels: Callable[[Robot], Sequence[str]]
  unit: str
  floor: float


def _joint_names(robot: Robot) -> Sequence[str]:
  return robot.joint_names


def _axes(robot: Robot) -> Sequence[str]:
  return _AXES


# nothing here depends on where the robot stands or faces
FIELDS: dict[str, Field] = {
  "joint_pos": Field(q.joint_pos, _joint_names, "rad", 0.1),
  "joint_vel": Field(q.joint_vel, _joint_names, "rad/s", 2.0),
  "root_height": Field(lambda robot, s: q.root_height(s)[None], lambda robot: ["z"], "m", 0.015),
  "gravity": Field(lambda robot, s: q.root_gravity(s), _axes, "1", 0.1),
  "root_linvel": Field(lambda robot, s: q.root_linvel(s), _axes, "m/s", 0.15),
  "root_angvel": Field(lambda robot, s: q.root_angvel(s), _axes, "rad/s", 1.0),
  "feet_pos": Field(
    lambda robot, s: q.feet_from_root(robot, s).reshape(-1),
    lambda robot: [f"{side}_{axis}" for side in FEET for axis in _AXES],
    "m",
    0.015,
  ),
}


def frame_features(robot: Robot, state: PhysicsState) -> jax.Array:
  """[F] features of one frame, in the heading frame."""
  return jnp.concatenate([field.value(robot, state) for field in FIELDS.values()])


def transition_features(robot: Robot, before: PhysicsState, after: PhysicsState) -> jax.Array:
  """[2 F] features of two consecutive frames of one episode, one control period apart."""
  return jnp.concatenate([frame_features(robot, before), frame_features(robot, after)])


def feature_names(robot: Robot) -> list[str]:
  """[2 F] frame, field, label and unit of every number of `transition_features`."""
  frame = [f"{name}/{label} [{field.unit}]" for name, field in FIELDS.items() for label in field.labels(robot)]
  return [f"before/{name}" for name in frame] + [f"after/{name}" for name in frame]


def feature_floors(robot: Robot) -> jax.Array:
  """[2 F] floor of the standard deviation of every number of `transition_features`."""
  frame = [field.floor for field in FIELDS.values() for _ in field.labels(robot)]
  return jnp.asarray(frame + frame, jnp.float32)
