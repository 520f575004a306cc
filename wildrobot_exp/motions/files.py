"""The clips that `motion.path` names."""

import hashlib
import os
import pathlib

from wildrobot_exp.errors import UserError
from wildrobot_exp.motions.clip import Clip, load_clip, to_states
from wildrobot_exp.robots.robot import Robot


def clip_paths(path: str) -> list[pathlib.Path]:
  """The files behind one path, or several separated as in PATH; a folder stands for its .npz files, by name.

  Raises:
    UserError: nothing is named, or a folder holds no clip.
  """
  paths = []
  for part in filter(None, path.split(os.pathsep)):
    place = pathlib.Path(part)
    if place.is_dir():
      inside = sorted(place.glob("*.npz"))
      if not inside:
        raise UserError(f"{place}: no reference clip (.npz) in this folder")
      paths += inside
    else:
      paths.append(place)
  if not paths:
    raise UserError("motion.path is empty: name a clip (.npz) or a folder of clips")
  return paths


def clips_hash(path: str) -> str:
  """The sha256 of the files behind `path`, whatever they are called.

  Raises:
    UserError: a file cannot be read.
  """
  whole = hashlib.sha256()
  for file in clip_paths(path):
    try:
      whole.update(hashlib.sha256(file.read_bytes()).digest())
    except OSError as error:
      raise UserError(f"{file}: {error.strerror}") from error
  return whole.hexdigest()


def load_clips(path: str, robot: Robot | None = None) -> list[Clip]:
  """The clips behind `path`, slowest first; with a robot, only if their joints are its joints.

  Raises:
    UserError: as `clip_paths`, `load_clip` and `to_states`.
  """
  clips = []
  for file in clip_paths(path):
    clips.append(load_clip(file))
    try:
      if robot is not None:
        to_states(robot, clips[-1])
    except UserError as error:
      raise UserError(f"{file}: {error}") from error
  return sorted(clips, key=lambda clip: clip.speed)
