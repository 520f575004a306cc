"""From clips to what the discriminator is shown as real."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from wildrobot_exp.errors import UserError
from wildrobot_exp.motions.clip import Clip, to_states
from wildrobot_exp.motions.features import STYLE, feature_bounds, feature_floors, feature_names, frame_features
from wildrobot_exp.physics.native import state_bank
from wildrobot_exp.robots import Robot

COMMAND = "command/vx [m/s]"  # the last feature of a conditioned discriminator
COMMAND_FLOOR = 0.05  # m/s
COMMAND_LIMIT = 5.0  # m/s


def reference_transitions(
  robot: Robot, clips: Sequence[Clip], names: Sequence[str] = STYLE, window: int = 2
) -> tuple[jax.Array, jax.Array]:
  """Every window of consecutive frames of the clips; a loop's windows go on over its seam.

  Args:
    robot: the robot.
    clips: at the control rate.
    names: fields of a frame, see `features.FIELDS`.
    window: K frames.

  Returns:
    features [M, K F], oldest frame first, and the clip's speed [M] for each, m/s.

  Raises:
    UserError: a clip that does not loop is shorter than the window.
  """
  extract = jax.jit(jax.vmap(lambda s: frame_features(robot, s, names)))
  features, speeds = [], []
  for clip in clips:
    frames = extract(state_bank(robot, *to_states(robot, clip)))
    count = len(frames) if clip.loop else len(frames) - window + 1
    if count < 1:
      raise UserError(f"a reference clip of {len(frames)} frames is shorter than amp.window={window}: use a longer one")
    index = (np.arange(count)[:, None] + np.arange(window)) % len(frames)
    features.append(frames[index].reshape(count, -1))
    speeds.append(jnp.full(count, clip.speed))
  return jnp.concatenate(features), jnp.concatenate(speeds)


class ReferenceFrames(NamedTuple):
  """Moments of the reference motion.

  Attributes:
    qpos: [M, nq]. qvel: [M, nv].
    command: [M] the speed it goes at, m/s.
    phase: [M] of the stride, 0 where the right foot touches down; NaN where it stands.
  """

  qpos: np.ndarray
  qvel: np.ndarray
  command: np.ndarray
  phase: np.ndarray


def reference_frames(robot: Robot, clips: Sequence[Clip]) -> ReferenceFrames:
  """Every frame of the clips."""
  parts = [
    ReferenceFrames(*to_states(robot, clip), np.full(clip.num_frames, clip.speed), stride_phase(clip)) for clip in clips
  ]
  return ReferenceFrames(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def stride_phase(clip: Clip) -> np.ndarray:
  """[T] phase of the stride in [0, 1), 0 at the right foot's touchdown; NaN where the clip has no single one."""
  none = np.full(clip.num_frames, np.nan)
  if clip.contacts is None or not clip.loop:
    return none
  right = clip.contacts[:, 0]
  (touchdowns,) = np.nonzero(right & ~np.roll(right, 1))
  if len(touchdowns) != 1:
    return none
  return (np.arange(clip.num_frames) - touchdowns[0]) / clip.num_frames % 1.0


@dataclasses.dataclass(frozen=True)
class AmpReference:
  """What the discriminator takes for real.

  Attributes:
    features: [M, F] raw.
    names: [F] of the features.
    floors: [F] least standard deviation for the normaliser.
    bounds: [2, F] lowest and highest value that makes sense.
    covered: lowest and highest speed of the clips, m/s.
  """

  features: jax.Array
  names: list[str]
  floors: jax.Array
  bounds: np.ndarray
  covered: tuple[float, float]


def make_amp_reference(
  robot: Robot, clips: Sequence[Clip], *, condition: str, names: Sequence[str] = STYLE, window: int = 2
) -> AmpReference:
  """The reference of the clips; condition="command" appends each clip's speed as the commanded one.

  Raises:
    UserError: a value that makes no sense on this robot, or a clip shorter than the window.
  """
  features, speeds = reference_transitions(robot, clips, names, window)
  grid = np.unique(np.asarray(speeds))
  reference = AmpReference(
    features=features,
    names=feature_names(robot, names, window),
    floors=feature_floors(robot, names, window),
    bounds=feature_bounds(robot, names, window),
    covered=(float(grid[0]), float(grid[-1])),
  )
  if condition == "none":
    return reference
  return dataclasses.replace(
    reference,
    features=jnp.concatenate([features, speeds[:, None]], axis=-1),
    names=[*reference.names, COMMAND],
    floors=jnp.append(reference.floors, COMMAND_FLOOR),
    bounds=np.concatenate([reference.bounds, [[-COMMAND_LIMIT], [COMMAND_LIMIT]]], axis=1),
  )
