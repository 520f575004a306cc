"""Frames of a motion as one bundle: cut, made a loop, turned to walk along +x, put on the floor."""

import dataclasses

import numpy as np

from wildrobot_exp.errors import UserError
from wildrobot_exp.motions.formats.quaternions import about_z, mean_yaw, multiply, normalise, rotate
from wildrobot_exp.motions.soles import sole_points
from wildrobot_exp.robots import Robot

LEAST_LOOP = 0.4  # s, the shortest stride looked for
GOOD_SEAM = 0.1  # rad, rms distance of the poses on both sides
AS_GOOD = 1.2  # a shorter loop whose seam is this close to the best one's is taken
SPEED_WEIGHT = 0.05  # s, of velocities beside positions in a seam's distance
HEADING = np.deg2rad(0.5)  # less than this is left alone
ASIDE = 0.005  # m, so is less than this


@dataclasses.dataclass(frozen=True, eq=False)
class Frames:
  """dof_pos [T, J], root_pos [T, 3], quat [T, 4] wxyz, contacts [T, 2] or None, all at fps.

  advance: [3] m, how far a loop moves in a period; None for a motion that is no loop.
  """

  fps: float
  dof_pos: np.ndarray
  root_pos: np.ndarray
  quat: np.ndarray
  contacts: np.ndarray | None
  advance: np.ndarray | None = None

  def __len__(self) -> int:
    return len(self.dof_pos)

  def cut(self, first: int, end: int) -> "Frames":
    """Frames [first, end), no loop any more."""
    part = slice(first, end)
    contacts = None if self.contacts is None else self.contacts[part]
    return Frames(self.fps, self.dof_pos[part], self.root_pos[part], self.quat[part], contacts)


def cut_range(frames: Frames, start: float | None, end: float | None) -> Frames:
  """The frames from start to end, s; end itself is left out.

  Raises:
    UserError: the range is empty or outside the motion.
  """
  if start is None and end is None:
    return frames
  seconds = len(frames) / frames.fps
  first = round((start or 0.0) * frames.fps)
  last = len(frames) if end is None else round(end * frames.fps)
  if not 0 <= first < last - 1 < len(frames):
    raise UserError(
      f"--start {start or 0:g} --end {seconds if end is None else end:g}: choose within 0 to {seconds:g} s"
    )
  return frames.cut(first, last)


def close_loop(frames: Frames, start: float | None, end: float | None) -> tuple[Frames, str]:
  """Make it a loop: over the given range, or from start to where the pose comes back best.

  The frame after the last one is the first one of the next period; past the end it is extrapolated.

  Returns:
    the loop, and a note on how it was found.
  """
  kept = frames.cut(round((start or 0.0) * frames.fps), len(frames))
  more = np.concatenate([kept.dof_pos, 2 * kept.dof_pos[-1:] - kept.dof_pos[-2:-1]])
  root = np.concatenate([kept.root_pos, 2 * kept.root_pos[-1:] - kept.root_pos[-2:-1]])
  if end is not None:
    count = round((end - (start or 0.0)) * frames.fps)
    if not 2 <= count <= len(kept):
      raise UserError(f"--end {end:g}: choose a loop's end within the motion, up to {len(frames) / frames.fps:g} s")
    how = "over the given range"
  else:
    count, distance = _period(np.concatenate([more, 3 * root[:, 2:]], axis=1), frames.fps)
    how = f"the pose comes back best after {count / frames.fps:.2f} s ({distance:.3f} rad rms)"
    if distance > GOOD_SEAM:
      how += ": that is no good seam, give --start and --end"
  loop = dataclasses.replace(kept.cut(0, count), advance=root[count] - root[0])
  return loop, f"loop of {count} frames, {how}"


def _period(rows: np.ndarray, fps: float) -> tuple[int, float]:
  """Frames after which the rows [T + 1, D] come back best, and the rms distance that is left."""
  speed = np.gradient(rows, 1 / fps, axis=0) * SPEED_WEIGHT
  features = np.concatenate([rows, speed], axis=1)
  least = min(round(LEAST_LOOP * fps), len(rows) - 1)
  ends = np.arange(least, len(rows))
  distance = np.sqrt(((features[ends] - features[0]) ** 2).mean(axis=1))
  good = distance <= AS_GOOD * distance.min() + 1e-9
  # Of the good ones that hang together the best: the first run of good ends.
  run = np.flatnonzero(good)
  run = run[: int(np.argmax(np.append(np.diff(run), 2) > 1)) + 1]
  best = run[np.argmin(distance[run])]
  return int(ends[best]), float(distance[best])


def face_forward(frames: Frames) -> Frames:
  """Turned to walk (a loop) or face (otherwise) along +x, from x = 0 and about y = 0."""
  angle = mean_yaw(frames.quat)
  if frames.advance is not None and np.linalg.norm(frames.advance[:2]) > 0.05:
    travel = np.arctan2(frames.advance[1], frames.advance[0])
    angle = travel if abs(np.angle(np.exp(1j * (travel - angle)))) < np.pi / 4 else angle
  turn = about_z(-angle if abs(angle) > HEADING else 0.0)
  root, quat = rotate(turn, frames.root_pos), normalise(multiply(turn, frames.quat))
  if abs(angle) <= HEADING:
    quat = frames.quat
  aside = root[:, 1].mean()
  root = root - [root[0, 0], aside if abs(aside) > ASIDE else 0.0, 0.0]
  advance = None if frames.advance is None else rotate(turn, frames.advance)
  return dataclasses.replace(frames, root_pos=root, quat=quat, advance=advance)


def put_on_floor(frames: Frames, robot: Robot, names: tuple[str, ...], *, every_frame: bool) -> Frames:
  """Raised or sunk until the lowest sole touches the floor: of the whole motion, or in every frame."""
  qpos = np.tile(robot.home_qpos, (len(frames), 1))
  qpos[:, :3], qpos[:, 3:7] = frames.root_pos, frames.quat
  for column, name in enumerate(names):
    if name in robot.joint_names:
      qpos[:, robot.joint_qpos[robot.joint_index(name)]] = frames.dof_pos[:, column]
  lowest = sole_points(robot, qpos)[0][..., 2].min(axis=(1, 2))
  root = frames.root_pos.copy()
  root[:, 2] -= lowest if every_frame else lowest.min()
  return dataclasses.replace(frames, root_pos=root)
