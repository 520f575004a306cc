"""The mean stride: joint angles over the phase of the stride, of a robot and of a reference clip."""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from wildrobot_exp.evaluation.gait import Walk, clip_walk, debounce, touchdowns, walk_of
from wildrobot_exp.evaluation.rollouts import Record
from wildrobot_exp.evaluation.symmetry import PHASES, mean_stride
from wildrobot_exp.motions import Clip
from wildrobot_exp.robots import Robot

PHASE = np.arange(PHASES) / PHASES


@dataclasses.dataclass(frozen=True, eq=False)
class ClipStride:
  """The mean stride of a clip, from touchdown to touchdown of the right foot. Feet are right then left.

  Attributes:
    joints: [phases, J] rad, in joint order.
    heights: [phases, 2] m.
    contacts: [phases, 2] bool.
    seconds: its length.
  """

  joints: np.ndarray
  heights: np.ndarray
  contacts: np.ndarray
  seconds: float


def record_stride(robot: Robot, record: Record) -> np.ndarray | None:
  """[phases, J] rad, mean over all strides of all robots of a record, phase 0 at the right foot's touchdown.

  None if none of them made a whole stride after the first second.
  """
  walks = [walk_of(robot, record, i) for i in range(len(record.commands))]
  strides = [_strides(walk) for walk in walks if walk is not None]
  count = sum(number for number, _ in strides)
  return sum(number * stride for number, stride in strides if number) / count if count else None


def reference_strides(robot: Robot, clips: Sequence[Clip]) -> dict[float, np.ndarray]:
  """The same of reference clips by their speed, the mean where several have the same; without those that stand."""
  strides: dict[float, list[np.ndarray]] = {}
  for clip in clips:
    number, stride = _strides(clip_walk(robot, clip))
    if number:
      strides.setdefault(clip.speed, []).append(stride)
  return {speed: np.mean(same, axis=0) for speed, same in strides.items()}


def clip_stride(robot: Robot, clip: Clip) -> ClipStride | None:
  """The mean stride of a clip; None if it has no whole one: it stands, or ends too soon."""
  walk = clip_walk(robot, clip)
  contacts = np.stack([debounce(walk.contacts[:, foot]) for foot in (0, 1)], axis=1)
  downs = touchdowns(contacts[:, 0])
  if len(downs) < 2:
    return None
  # of every frame what holds until the next: half-way between two frames is no half contact
  held = [contacts[(a + PHASE * (b - a)).astype(int)] for a, b in itertools.pairwise(downs)]
  return ClipStride(
    joints=mean_stride(walk.joints, downs),
    heights=mean_stride(walk.heights, downs),
    contacts=np.mean(held, axis=0) >= 0.5,
    seconds=float(np.diff(downs).mean() * walk.dt),
  )


def joint_rms(stride: np.ndarray | None, reference: np.ndarray | None) -> float:
  """rad, rms difference of two mean strides [phases, J] over phases and joints, as they are: no shift is fitted.

  NaN without one of them.
  """
  if stride is None or reference is None:
    return float("nan")
  return float(np.sqrt(np.mean((stride - reference) ** 2)))


def _strides(walk: Walk) -> tuple[int, np.ndarray]:
  """How many whole strides a walk has, and their mean [phases, J] (empty without any)."""
  downs = touchdowns(debounce(walk.contacts[:, 0]))
  if len(downs) < 2:
    return 0, np.empty((0, walk.joints.shape[1]))
  return len(downs) - 1, mean_stride(walk.joints, downs)
