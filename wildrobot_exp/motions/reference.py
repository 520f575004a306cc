"""From clips to what the discriminator is shown as real, and from a config to its clips."""

import dataclasses
from collections.abc import Sequence
from typing import Any

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
  features, speeds = [], []
  for clip in clips:
    before = state_bank(robot, *to_states(robot, clip))
    after = jax.tree.map(lambda x: jnp.roll(x, -1, axis=0), before)
    features.append(jax.vmap(lambda s, t: transition_features(robot, s, t))(before, after))
    speeds.append(jnp.full(len(features[-1]), clip.speed))
  return jnp.concatenate(features), jnp.concatenate(speeds)


def reference_frames(robot: Robot, clips: Sequence[Clip]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Every frame of the clips: qpos [M, nq], qvel [M, nv], and the clip's speed [M], m/s."""
  states = [to_states(robot, clip) for clip in clips]
  speeds = [np.full(len(qpos), clip.speed) for (qpos, _), clip in zip(states, clips, strict=True)]
  qpos, qvel = (np.concatenate(part) for part in zip(*states, strict=True))
  return qpos, qvel, np.concatenate(speeds)


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
