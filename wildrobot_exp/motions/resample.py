"""A clip at another frame rate."""

import dataclasses

import mujoco
import numpy as np

from wildrobot_exp.errors import UserError
from wildrobot_exp.motions.clip import Clip

SAME_RATE = 1e-6  # relative
MAX_STRETCH = 0.02  # of a loop's period
MIN_FRAMES = 2


def resample(clip: Clip, fps: float) -> Clip:
  """The same motion at `fps` frames per second; the clip itself if that is its rate.

  Positions follow cubic curves through the frames (Catmull-Rom), quaternions great circles between them (slerp),
  contacts the nearest frame. A loop is stretched to the nearest whole number of frames, by at most 2 %, and its
  speed with it, so that its steps stay as long; any other clip ends with the last frame that fits.

  Raises:
    UserError: the clip is too short for this rate.
  """
  if abs(fps / clip.fps - 1) < SAME_RATE:
    return clip
  length = clip.num_frames if clip.loop else clip.num_frames - 1
  frames = round(clip.seconds * fps) if clip.loop else int(clip.seconds * fps + SAME_RATE) + 1
  seconds = frames / fps if clip.loop else clip.seconds
  stretch = round(seconds / clip.seconds, 9)
  if frames < MIN_FRAMES or abs(stretch - 1) > MAX_STRETCH:
    raise UserError(
      f"a clip of {clip.seconds:g} s at {clip.fps:g} fps does not fit {fps:g} frames per second: use a longer one"
    )
  at = np.arange(frames) * (length / frames if clip.loop else clip.fps / fps)
  root_pos = clip.root_pos.copy()
  drift = np.array([clip.speed * clip.seconds / length if clip.loop else 0.0, 0.0, 0.0])
  root_pos -= np.arange(clip.num_frames)[:, None] * drift  # periodic, if it is a loop
  nearest = np.round(at).astype(int)
  return dataclasses.replace(
    clip,
    fps=float(fps),
    dof_pos=_cubic(clip.dof_pos, at, clip.loop),
    root_pos=_cubic(root_pos, at, clip.loop) + at[:, None] * drift,
    root_quat_wxyz=_slerp(clip.root_quat_wxyz, at, clip.loop),
    speed=clip.speed / stretch,
    contacts=None if clip.contacts is None else clip.contacts[_inside(nearest, clip.num_frames, clip.loop)],
  )


def _inside(index: np.ndarray, frames: int, loop: bool) -> np.ndarray:
  return index % frames if loop else np.clip(index, 0, frames - 1)


def _cubic(values: np.ndarray, at: np.ndarray, loop: bool) -> np.ndarray:
  """values [T, D] at frame numbers at [N]: Hermite curves with the slopes of central differences."""
  start = np.floor(at).astype(int)
  if loop:
    before, after = values[-1:], values[:2]
  else:  # straight on
    slope = values[-1] - values[-2]
    before, after = 2 * values[:1] - values[1:2], np.stack([values[-1] + slope, values[-1] + 2 * slope])
  padded = np.concatenate([before, values, after])  # frame 0 is row 1
  a, b, c, d = (padded[start + i] for i in (0, 1, 2, 3))
  s = (at - start)[:, None]
  return b + s / 2 * (c - a + s * (2 * a - 5 * b + 4 * c - d + s * (3 * (b - c) + d - a)))


def _slerp(quats: np.ndarray, at: np.ndarray, loop: bool) -> np.ndarray:
  """quats [T, 4] at frame numbers at [N]."""
  start = np.floor(at).astype(int)
  here, after = (quats[_inside(start + i, len(quats), loop)] for i in (0, 1))
  between, turn = here.copy(), np.empty(3)
  for row, share in enumerate(at - start):
    mujoco.mju_subQuat(turn, after[row], here[row])
    mujoco.mju_quatIntegrate(between[row], turn, share)
  return between / np.linalg.norm(between, axis=1, keepdims=True)
