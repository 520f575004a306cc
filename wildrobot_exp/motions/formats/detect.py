"""Which reader is for a file?"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from wildrobot_exp.errors import UserError
from wildrobot_exp.motions.formats.arrays import read_npz, read_pickled
from wildrobot_exp.motions.formats.bvh import read_bvh
from wildrobot_exp.motions.formats.deepmimic import read_deepmimic
from wildrobot_exp.motions.formats.quaternions import Order
from wildrobot_exp.motions.formats.raw import RawMotion
from wildrobot_exp.motions.formats.tables import read_csv
from wildrobot_exp.robots import Robot

FORMATS = (
  ".npz (this project, GMR, BeyondMimic, holosoma, IsaacLab, LocoMuJoCo), .csv, .pkl, .npy, .bvh, DeepMimic JSON"
)


def read_raw(path: Path, robot: Robot, order: Order | None, bones: Mapping[str, str] | None) -> RawMotion:
  """The contents of a file; the format is told by the content, then by the suffix.

  Raises:
    Refused: a pickle with more in it than arrays.
    UserError: no such file, unknown format, broken content.
  """
  try:
    with open(path, "rb") as file:
      head = file.read(64)
  except OSError as error:
    raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error
  suffix = path.suffix.lower()
  try:
    if head.startswith(b"PK"):
      raw = read_npz(path)
    elif head.startswith(b"\x93NUMPY"):
      raw = read_pickled(path, npy=True)
    elif head.startswith(b"\x80") or suffix in (".pkl", ".pickle"):
      raw = read_pickled(path, npy=False)
    elif head.lstrip().startswith(b"HIERARCHY"):
      return read_bvh(path, robot, bones)
    elif head.lstrip().startswith(b"{"):
      return read_deepmimic(path, robot, order or "wxyz")
    elif suffix in (".csv", ".txt"):
      raw = read_csv(path)
    else:
      raise UserError(f"{path}: unknown motion format; known are {FORMATS}")
  except (UserError, MemoryError):
    raise
  except Exception as error:  # a broken archive fails in many ways inside zip, zlib and numpy
    raise UserError(f"{path}: broken or cut off ({' '.join(str(error).split()) or type(error).__name__})") from error
  return dataclasses.replace(raw, order=order) if order else raw
