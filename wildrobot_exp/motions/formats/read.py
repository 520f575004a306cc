"""From a file of any known format to a clip of this robot."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from wildrobot_exp.errors import UserError
from wildrobot_exp.motions.clip import Clip
from wildrobot_exp.motions.formats import human
from wildrobot_exp.motions.formats.detect import read_raw
from wildrobot_exp.motions.formats.frames import Frames, close_loop, cut_range, face_forward, put_on_floor
from wildrobot_exp.motions.formats.names import joint_columns
from wildrobot_exp.motions.formats.quaternions import (
  Y_TO_Z_UP,
  Attitude,
  Order,
  attitude,
  multiply,
  normalise,
  rotate,
  to_wxyz,
)
from wildrobot_exp.motions.formats.raw import RawMotion, Refused
from wildrobot_exp.motions.resample import resample
from wildrobot_exp.robots import Robot, load_robot


@dataclasses.dataclass(frozen=True, eq=False)
class Reading:
  """A clip and how it was read.

  Attributes:
    clip: on this robot's joint names, in the file's or the asked-for rate.
    format: for people.
    pickled: the file was a pickle.
    fps_given: the rate came from the user.
    order: how the quaternions were read; the other order is `other_order`.
    attitude, other_attitude: of the file's base under both orders.
    notes: what was done, for the report.
  """

  clip: Clip
  format: str
  pickled: bool
  fps_given: bool
  order: Order
  attitude: Attitude
  other_attitude: Attitude
  notes: tuple[str, ...]

  @property
  def other_order(self) -> Order:
    return "xyzw" if self.order == "wxyz" else "wxyz"


def read_motion(
  path: str | Path,
  *,
  robot: Robot | None = None,
  fps: float | None = None,
  joint_names: Sequence[str] | None = None,
  quat_order: Order | None = None,
  bones: Mapping[str, str] | None = None,
  drop: Sequence[str] = (),
  scale: float = 1.0,
  start: float | None = None,
  end: float | None = None,
  loop: bool = False,
  forward: bool = False,
  on_floor: bool = False,
  fps_out: float | None = None,
  source: str | None = None,
  licence: str | None = None,
) -> Reading:
  """Read a motion; the format is told by the content, then by the suffix.

  Velocities and bodies in the file are ignored: `to_states` recomputes them.

  Args:
    path: the file.
    robot: whose joints; loaded if left out.
    fps: frames per second, in place of the file's.
    joint_names: of the file's joint columns, in place of the file's own.
    quat_order: of the file's quaternions, in place of the format's.
    bones: BVH joints by role, see `bvh.ROLES`.
    drop: joints of the file to leave out.
    scale: factor on root positions, .001 for mm.
    start, end: cut, s.
    loop: make it a loop.
    forward: turn it to walk along +x from the origin.
    on_floor: shift it until the lowest sole touches the floor.
    fps_out: resample to this rate.
    source, licence: in place of the file's.

  Raises:
    Refused: fps or joint names are missing, joints are not this robot's, or it is a pickle with code in it.
    UserError: no such file, unknown format, broken content.
  """
  path, robot = Path(path), robot or load_robot()
  raw = read_raw(path, robot, quat_order, bones)
  rate = fps if fps is not None else raw.fps
  if rate is None or not (np.isfinite(rate) and rate > 0):
    hint = f" ({raw.notes[0]})" if raw.notes and raw.fps is None and raw.leg_length is None else ""
    raise Refused("fps-missing", f"{path}: frames per second {'unknown' if rate is None else rate}, give --fps N{hint}")
  names, columns = joint_columns(path, raw, joint_names, drop, robot)
  frames, attitudes = _z_up(path, raw, columns, rate, scale)
  notes = list(raw.notes)

  if raw.leg_length is not None:
    ratio = human.leg_length(robot) / (raw.leg_length * scale)
    frames = dataclasses.replace(frames, root_pos=frames.root_pos * ratio)
    notes.append(f"positions scaled by {ratio:.3f}, the ratio of leg lengths")
  if loop:
    frames, note = close_loop(frames, start, end)
    notes.append(note)
  elif raw.loop and start is None and end is None:
    advance = scale * (raw.speed or 0.0) * len(frames) / (raw.fps or rate)
    frames = dataclasses.replace(frames, advance=np.array([advance, 0.0, 0.0]))
  else:
    frames = cut_range(frames, start, end)
  if forward and not (raw.loop and not loop):
    frames = face_forward(frames)
  if on_floor or raw.leg_length is not None:
    frames = put_on_floor(frames, robot, names, every_frame=raw.leg_length is not None)
  whole = start is None and end is None
  stretch = scale * rate / (raw.fps or rate) if whole else None
  clip = _clip(path, raw, frames, names, source, licence, stretch=stretch)
  if fps_out is not None and fps_out != clip.fps:
    if not (np.isfinite(fps_out) and fps_out > 0):
      raise UserError(f"--fps-out {fps_out}: give the frames per second as a positive number")
    notes.append(f"resampled from {clip.fps:g} to {fps_out:g} fps")
    clip = resample(clip, fps_out)
  other = attitudes["xyzw" if raw.order == "wxyz" else "wxyz"]
  return Reading(clip, raw.format, raw.pickled, fps is not None, raw.order, attitudes[raw.order], other, tuple(notes))


def _z_up(
  path: Path, raw: RawMotion, columns: list[int], fps: float, scale: float
) -> tuple[Frames, dict[str, Attitude]]:
  """The motion with z up, and how its base stands and goes under both orders of its quaternions."""
  quat = np.asarray(raw.root_quat, dtype=np.float64)
  count = len(raw.dof_pos)
  if raw.root_pos.shape != (count, 3) or quat.shape != (count, 4) or count < 2:
    raise UserError(
      f"{path}: {count} frames of joints, root positions {raw.root_pos.shape}, quaternions {quat.shape}: need "
      "[T, J], [T, 3] and [T, 4] with at least 2 frames"
    )
  if not (np.isfinite(quat).all() and np.isfinite(raw.root_pos).all() and np.isfinite(raw.dof_pos).all()):
    raise UserError(f"{path}: holds NaN or infinite values, repair or cut those frames")
  if np.abs(np.linalg.norm(quat, axis=1) - 1).max() > 0.05:
    raise UserError(f"{path}: root quaternions are not of length 1, check the columns or normalise them")
  turned = {order: normalise(to_wxyz(quat, order)) for order in ("wxyz", "xyzw")}
  root = raw.root_pos * scale
  if raw.y_up:
    back = Y_TO_Z_UP * [1, -1, -1, -1]
    turned = {order: multiply(multiply(Y_TO_Z_UP, q), back) for order, q in turned.items()}
    root = rotate(Y_TO_Z_UP, root)
  frames = Frames(fps, raw.dof_pos[:, columns], root, turned[raw.order], raw.contacts)
  return frames, {order: attitude(q, root, fps) for order, q in turned.items()}


def _clip(
  path: Path,
  raw: RawMotion,
  frames: Frames,
  names: tuple[str, ...],
  source: str | None,
  licence: str | None,
  *,
  stretch: float | None,
) -> Clip:
  """The clip; `stretch` is the factor on the file's nominal speed, None to measure it."""
  if frames.advance is not None:
    speed = frames.advance[0] * frames.fps / len(frames)
  elif stretch is not None and raw.speed is not None:
    speed = raw.speed * stretch
  else:
    speed = (frames.root_pos[-1, 0] - frames.root_pos[0, 0]) * frames.fps / (len(frames) - 1)
  try:
    return Clip(
      fps=float(frames.fps),
      joint_names=names,
      dof_pos=frames.dof_pos,
      root_pos=frames.root_pos,
      root_quat_wxyz=frames.quat,
      speed=float(speed),
      loop=frames.advance is not None,
      contacts=frames.contacts,
      source=raw.source if source is None else source,
      licence=raw.licence if licence is None else licence,
    )
  except UserError as error:
    raise UserError(f"{path}: {error}") from error
