"""From clips to what the discriminator is shown as real, and from a config to its clips."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from wildrobot_exp.motions.clip import Clip, to_states
from wildrobot_exp.motions.features import feature_floors, transition_features
from wildrobot_exp.motions.gait import make_gait_grid
from wildrobot_exp.physics.native import state_bank
from wildrobot_exp.robots import Robot

COMMAND_FLOOR = 0.05  # m/s


def make_clips(motion: Any, robot: Robot) -> list[Clip]:
  """The clips of the config's `motion` section.

  Raises:
    UserError: the robot cannot perform them.
  """
  return make_gait_grid(
    robot,
    list(motion.speeds),
    stride_seconds=motion.stride_seconds,
    lift=motion.lift,
    crouch=motion.crouch,
    double_support=motion.double_support,
    stand_at_zero=motion.stand_at_zero,
  )


def reference_transitions(robot: Robot, clips: Sequence[Clip]) -> tuple[jax.Array, jax.Array]:
  """Every transition of looping clips.

  Returns:
    features [M, 2 F] of all transitions, the seam included, and the clip's speed [M] for each, m/s.
  """
  compare = jax.jit(jax.vmap(lambda s, t: transition_features(robot, s, t)))
  features, speeds = [], []
  for clip in clips:
    before = state_bank(robot, *to_states(robot, clip))
    after = jax.tree.map(lambda x: jnp.roll(x, -1, axis=0), before)
    features.append(compare(before, after))
    speeds.append(jnp.full(len(features[-1]), clip.speed))
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
    floors: [F] least standard deviation for the normaliser.
    command_jitter: half the widest gap between neighbouring speeds, m/s; 0 without conditioning.
  """

  features: jax.Array
  floors: jax.Array
  command_jitter: float


def make_amp_reference(robot: Robot, clips: Sequence[Clip], *, condition: str) -> AmpReference:
  """The reference of looping clips; condition="command" appends each clip's speed as the commanded one."""
  features, speeds = reference_transitions(robot, clips)
  floors = feature_floors(robot)
  if condition == "none":
    return AmpReference(features, floors, 0.0)
  grid = np.unique(np.asarray(speeds))
  return AmpReference(
    features=jnp.concatenate([features, speeds[:, None]], axis=-1),
    floors=jnp.append(floors, COMMAND_FLOOR),
    command_jitter=float(np.diff(grid).max() / 2) if len(grid) > 1 else 0.0,
  )
