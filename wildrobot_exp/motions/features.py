"""What AMP compares: features of a window of frames, by one function for reference clips and policy alike."""

import dataclasses
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from wildrobot_exp.errors import unknown_name
from wildrobot_exp.physics import quantities as q
from wildrobot_exp.physics.state import PhysicsState
from wildrobot_exp.robots import Robot
from wildrobot_exp.robots.robot import FEET

_AXES = ("x", "y", "z")
_FEET_AXES = [f"{side}_{axis}" for side in FEET for axis in _AXES]
CONTACT_HEIGHT = 0.02  # m; a foot's contact fades from 1 on the floor to 0 at this height of its sole
JOINT_MARGIN = 0.1  # rad; MuJoCo's joint limits are soft

Bounds = tuple[Sequence[float], Sequence[float]]


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
    bounds: lowest [n] and highest [n] value that makes sense on this robot.
  """

  value: Callable[[Robot, PhysicsState], jax.Array]
  labels: Callable[[Robot], Sequence[str]]
  unit: str
  floor: float
  bounds: Callable[[Robot], Bounds]


def _joint_names(robot: Robot) -> Sequence[str]:
  return robot.joint_names


def _axes(robot: Robot) -> Sequence[str]:
  return _AXES


def _joint_bounds(robot: Robot) -> Bounds:
  return robot.joint_range[:, 0] - JOINT_MARGIN, robot.joint_range[:, 1] + JOINT_MARGIN


def _within(*bounds: tuple[float, float]) -> Callable[[Robot], Bounds]:
  return lambda robot: tuple(zip(*bounds, strict=True))


def _same_for_all_joints(limit: float) -> Callable[[Robot], Bounds]:
  return lambda robot: ([-limit] * robot.num_joints, [limit] * robot.num_joints)


def _contacts(robot: Robot, state: PhysicsState) -> jax.Array:
  return jnp.clip(1.0 - q.feet_height(robot, state) / CONTACT_HEIGHT, 0.0, 1.0)


# nothing here depends on where the robot stands or faces; contacts are kinematics, so that a clip has them too
FIELDS: dict[str, Field] = {
  "joint_pos": Field(q.joint_pos, _joint_names, "rad", 0.1, _joint_bounds),
  "joint_vel": Field(q.joint_vel, _joint_names, "rad/s", 1.0, _same_for_all_joints(40.0)),
  "root_height": Field(lambda robot, s: q.root_height(s)[None], lambda robot: ["z"], "m", 0.015, _within((0.1, 0.7))),
  "gravity": Field(lambda robot, s: q.root_gravity(s), _axes, "1", 0.1, _within((-1, 1), (-1, 1), (-1.001, 0.5))),
  "root_linvel": Field(lambda robot, s: q.root_linvel(s), _axes, "m/s", 0.15, _within(*[(-4, 4)] * 3)),
  "root_angvel": Field(lambda robot, s: q.root_angvel(s), _axes, "rad/s", 1.0, _within(*[(-30, 30)] * 3)),
  "feet_pos": Field(
    lambda robot, s: q.feet_from_root(robot, s).reshape(-1),
    lambda robot: _FEET_AXES,
    "m",
    0.015,
    _within(*[(-0.6, 0.6), (-0.5, 0.5), (-0.7, 0.2)] * 2),
  ),
  "contacts": Field(_contacts, lambda robot: FEET, "1", 0.25, _within(*[(0, 1)] * 2)),
}
STYLE = tuple(name for name in FIELDS if name != "contacts")  # what style is measured by from outside


def check_names(names: Sequence[str]) -> None:
  """Raises UserError for a field that does not exist."""
  for name in names:
    if name not in FIELDS:
      raise unknown_name("feature", name, FIELDS)


def frame_features(robot: Robot, state: PhysicsState, names: Sequence[str] = STYLE) -> jax.Array:
  """[F] the named fields of one frame, in the heading frame."""
  return jnp.concatenate([FIELDS[name].value(robot, state) for name in names])


def transition_features(
  robot: Robot, before: PhysicsState, after: PhysicsState, names: Sequence[str] = STYLE
) -> jax.Array:
  """[2 F] features of two consecutive frames of one episode, one control period apart."""
  return jnp.concatenate([frame_features(robot, before, names), frame_features(robot, after, names)])


def windows(frames: jax.Array, after: jax.Array, length: int) -> jax.Array:
  """The last `length` frames up to and including the one after each step.

  Args:
    frames: [length - 2 + T, ..., F] the frames before the steps: the first length - 2 belong to earlier steps.
    after: [T, ..., F] the frame after each step. It is not the next row of `frames` where an episode ended.
    length: K >= 2 frames.

  Returns:
    [T, ..., K F], oldest frame first.
  """
  steps = len(after)
  return jnp.concatenate([*(frames[k : k + steps] for k in range(length - 1)), after], axis=-1)


def feature_names(robot: Robot, names: Sequence[str] = STYLE, window: int = 2) -> list[str]:
  """[K F] frame, field, label and unit of every number: `t-1/joint_pos/left_knee_pitch [rad]`."""
  frame = [f"{name}/{label} [{FIELDS[name].unit}]" for name in names for label in FIELDS[name].labels(robot)]
  return [f"{_frame_name(window - 1 - k)}/{name}" for k in range(window) for name in frame]


def feature_floors(robot: Robot, names: Sequence[str] = STYLE, window: int = 2) -> jax.Array:
  """[K F] floor of the standard deviation of every number."""
  frame = [FIELDS[name].floor for name in names for _ in FIELDS[name].labels(robot)]
  return jnp.asarray(frame * window, jnp.float32)


def feature_bounds(robot: Robot, names: Sequence[str] = STYLE, window: int = 2) -> np.ndarray:
  """[2, K F] lowest and highest value of every number that makes sense on this robot."""
  frame = np.concatenate([np.array(FIELDS[name].bounds(robot), np.float64) for name in names], axis=1)
  return np.tile(frame, (1, window))


def _frame_name(steps_ago: int) -> str:
  return f"t-{steps_ago}" if steps_ago else "t"
