"""The reference clip: joint and root positions over time, and its .npz file.

A clip knows joints by name. `to_states` turns it into MuJoCo states of a robot, with velocities
recomputed from the positions: velocities stored in a file are never trusted.
"""

import dataclasses
import pathlib
import zipfile
import zlib

import mujoco
import numpy as np

from wildrobot_exp.errors import UserError, unknown_name
from wildrobot_exp.robots.robot import Robot

SCHEMA = 1
REQUIRED = ("schema", "fps", "joint_names", "dof_pos", "root_pos", "root_quat_wxyz")


@dataclasses.dataclass(frozen=True, eq=False)
class Clip:
  """One motion. Checked when made.

  Attributes:
    fps: frames per second.
    joint_names: [J] in the order of dof_pos, any order.
    dof_pos: [T, J] joint positions, rad.
    root_pos: [T, 3] position of the floating base in the world, m. Forward is +x.
    root_quat_wxyz: [T, 4] orientation of the floating base, unit quaternions, w first.
    speed: nominal forward speed, m/s.
    loop: frame T would be frame 0 moved forward by speed * T / fps.
    contacts: [T, 2] bool, which foot is on the ground (right, left), or None where unknown.
    source: where the motion comes from.
    licence: under what terms it may be used.

  Raises:
    UserError: the shapes do not agree, or a value is not finite.
  """

  fps: float
  joint_names: tuple[str, ...]
  dof_pos: np.ndarray
  root_pos: np.ndarray
  root_quat_wxyz: np.ndarray
  speed: float
  loop: bool
  contacts: np.ndarray | None
  source: str
  licence: str

  def __post_init__(self):
    if not (np.isfinite(self.fps) and self.fps > 0):
      raise UserError(f"clip: fps is {self.fps}, give the frames per second as a positive number")
    if not np.isfinite(self.speed):
      raise UserError(f"clip: speed is {self.speed}, give a finite speed in m/s")
    if self.dof_pos.ndim != 2 or len(self.dof_pos) < 2:
      raise UserError(f"clip: dof_pos has shape {self.dof_pos.shape}, needs [T, J] with at least 2 frames")
    frames = len(self.dof_pos)
    joints = len(self.joint_names)
    shapes = {"dof_pos": (frames, joints), "root_pos": (frames, 3), "root_quat_wxyz": (frames, 4)}
    if self.contacts is not None:
      shapes["contacts"] = (frames, 2)
    for name, shape in shapes.items():
      array = getattr(self, name)
      if array.shape != shape:
        raise UserError(f"clip: {name} has shape {array.shape}, needs {shape} as dof_pos and joint_names say")
      if not np.isfinite(array).all():
        raise UserError(f"clip: {name} holds NaN or infinite values, repair or cut those frames")
    if np.abs(np.linalg.norm(self.root_quat_wxyz, axis=-1) - 1).max() > 1e-3:
      raise UserError("clip: root_quat_wxyz holds quaternions that are not of length 1, normalise them")

  @property
  def num_frames(self) -> int:
    return len(self.dof_pos)

  @property
  def seconds(self) -> float:
    """Duration: the period of a loop, otherwise from the first frame to the last."""
    return (self.num_frames if self.loop else self.num_frames - 1) / self.fps

  def save(self, path: str | pathlib.Path) -> None:
    """Write the clip as .npz, without pickles."""
    fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
    fields["schema"] = SCHEMA
    fields["joint_names"] = np.array(self.joint_names, dtype=np.str_)
    if self.contacts is None:
      del fields["contacts"]
    with open(path, "wb") as file:
      np.savez_compressed(file, **fields)


def clip_of_poses(
  robot: Robot,
  qpos: np.ndarray,
  *,
  fps: float,
  speed: float,
  loop: bool,
  contacts: np.ndarray,
  source: str,
  licence: str,
) -> Clip:
  """The clip of poses [T, nq] of a robot, joints in joint order. The rest is as in `Clip`."""
  return Clip(
    fps=float(fps),
    joint_names=robot.joint_names,
    dof_pos=qpos[:, robot.joint_qpos],
    root_pos=qpos[:, 0:3],
    root_quat_wxyz=qpos[:, 3:7],
    speed=float(speed),
    loop=loop,
    contacts=contacts,
    source=source,
    licence=licence,
  )


def load_clip(path: str | pathlib.Path) -> Clip:
  """Read a clip written by `Clip.save` or by another program in the same format.

  A file without `loop` is not a loop; without `speed` it has the mean forward speed of its root.

  Raises:
    UserError: no such file, not an .npz, pickled content, missing or inconsistent arrays.
  """
  fields = _read_arrays(path)
  missing = [name for name in REQUIRED if name not in fields]
  if missing:
    raise UserError(f"{path}: not a reference clip, it lacks {', '.join(missing)}")
  try:
    schema, fps = int(fields["schema"]), float(fields["fps"])
    dof_pos, root_pos, root_quat = (
      np.asarray(fields[name], dtype=np.float64) for name in ("dof_pos", "root_pos", "root_quat_wxyz")
    )
    contacts = fields["contacts"].astype(bool) if "contacts" in fields else None
    loop = bool(fields.get("loop", False))
    speed = float(fields["speed"]) if "speed" in fields else None
  except (TypeError, ValueError) as error:
    raise UserError(f"{path}: an array has the wrong type ({error}), write the clip again") from error
  if schema != SCHEMA:
    raise UserError(f"{path}: clip schema {schema}, this version reads schema {SCHEMA}")
  if fields["joint_names"].ndim != 1:
    raise UserError(f"{path}: joint_names has shape {fields['joint_names'].shape}, needs a list of names [J]")
  if speed is None:
    if root_pos.ndim != 2 or len(root_pos) < 2:
      raise UserError(f"{path}: root_pos has shape {root_pos.shape}, needs [T, 3] with at least 2 frames")
    speed = float((root_pos[-1, 0] - root_pos[0, 0]) * fps / (len(root_pos) - 1))
  try:
    return Clip(
      fps=fps,
      joint_names=tuple(str(name) for name in fields["joint_names"]),
      dof_pos=dof_pos,
      root_pos=root_pos,
      root_quat_wxyz=root_quat,
      speed=speed,
      loop=loop,
      contacts=contacts,
      source=str(fields.get("source", "")),
      licence=str(fields.get("licence", "")),
    )
  except UserError as error:
    raise UserError(f"{path}: {error}") from error


def _read_arrays(path: str | pathlib.Path) -> dict[str, np.ndarray]:
  """Every array of an .npz file. Object arrays would need a pickle, so they are refused."""
  try:
    archive = np.load(path, allow_pickle=False)
    if not isinstance(archive, np.lib.npyio.NpzFile):
      raise UserError(f"{path}: a single array, not an .npz reference clip")
    with archive:
      return {name: archive[name] for name in archive.files}
  except FileNotFoundError as error:
    raise UserError(f"{path}: no such file, give the path of a reference clip (.npz)") from error
  except OSError as error:
    raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error
  except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
    message = f"{path}: not a plain .npz (pickled, truncated or foreign), write it without pickles"
    raise UserError(message) from error


def to_states(robot: Robot, clip: Clip) -> tuple[np.ndarray, np.ndarray]:
  """The clip as MuJoCo states of a robot.

  Joints are matched by name. Velocities are central differences in the tangent space of each frame
  (`mj_differentiatePos`); a loop wraps at its seam, any other clip has one-sided differences at its ends.

  Returns:
    qpos [T, nq] and qvel [T, nv] (base: linear in the world frame, angular in the body frame).

  Raises:
    UserError: a joint of the robot is missing, or the clip has one the robot does not have.
  """
  qpos = np.tile(robot.home_qpos, (clip.num_frames, 1))
  qpos[:, 0:3] = clip.root_pos
  qpos[:, 3:7] = clip.root_quat_wxyz
  qpos[:, robot.joint_qpos] = clip.dof_pos[:, _joint_columns(robot, clip)]

  before, after = np.roll(qpos, 1, axis=0), np.roll(qpos, -1, axis=0)
  if clip.loop:
    advance = clip.speed * clip.seconds
    before[0, 0] -= advance
    after[-1, 0] += advance
  else:
    before[0], after[-1] = qpos[0], qpos[-1]

  qvel = np.empty((clip.num_frames, robot.model.nv))
  forward, backward = np.empty(robot.model.nv), np.empty(robot.model.nv)
  for frame, here in enumerate(qpos):
    mujoco.mj_differentiatePos(robot.model, forward, 1.0, here, after[frame])
    mujoco.mj_differentiatePos(robot.model, backward, 1.0, here, before[frame])
    qvel[frame] = (forward - backward) * clip.fps / 2
  if not clip.loop:
    qvel[[0, -1]] *= 2
  return qpos, qvel


def _joint_columns(robot: Robot, clip: Clip) -> list[int]:
  """Column of dof_pos for each joint of the robot, in joint order."""
  names = clip.joint_names
  for name in names:
    if name not in robot.joint_names:
      raise unknown_name("joint in the clip", name, robot.joint_names)
    if names.count(name) > 1:
      raise UserError(f"the clip has joint {name!r} {names.count(name)} times, keep one column")
  missing = [name for name in robot.joint_names if name not in names]
  if missing:
    raise UserError(f"the clip lacks joints {', '.join(missing)}, add their columns and names")
  return [names.index(name) for name in robot.joint_names]
