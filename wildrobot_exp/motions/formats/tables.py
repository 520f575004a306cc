"""Unitree-style CSV: root position, quaternion (w last), joints; one row per frame."""

from pathlib import Path

import numpy as np

from wildrobot_exp.errors import UserError
from wildrobot_exp.motions.formats.raw import RawMotion

ROOT_COLUMNS = 7


def read_csv(path: Path) -> RawMotion:
  """A table without names, or with a header line whose columns from the eighth on are the joints' names.

  Raises:
    UserError: not a table of numbers.
  """
  lines = [line for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines() if line.strip()]
  header = None
  if lines and not _numbers(lines[0]):
    header = tuple(cell.strip().strip('"') for cell in lines.pop(0).split(","))
  rows = [_numbers(line) for line in lines]
  for row, cells in enumerate(rows):
    if not cells or len(cells) != len(rows[0]):
      raise UserError(
        f"{path}: row {row + 1} of the numbers is not like the first, needs the same comma-separated columns"
      )
  if not rows or len(rows[0]) <= ROOT_COLUMNS:
    raise UserError(f"{path}: not a motion table, needs columns x, y, z, qx, qy, qz, qw and then the joints")
  if header and len(header) != len(rows[0]):
    raise UserError(f"{path}: the header names {len(header)} columns, the rows have {len(rows[0])}")
  table = np.array(rows)
  return RawMotion(
    format="Unitree-style .csv",
    fps=None,
    joint_names=header[ROOT_COLUMNS:] if header else None,
    dof_pos=table[:, ROOT_COLUMNS:],
    root_pos=table[:, :3],
    root_quat=table[:, 3:ROOT_COLUMNS],
    order="xyzw",
    notes=("such tables have 30 frames per second by convention, the file does not say",),
  )


def _numbers(line: str) -> list[float]:
  """The cells of a line; empty if one is not a number."""
  try:
    return [float(cell) for cell in line.split(",")]
  except ValueError:
    return []
