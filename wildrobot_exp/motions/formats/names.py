"""Joint columns by name, never by a silent order."""

from collections.abc import Sequence
from pathlib import Path

from wildrobot_exp.errors import UserError, unknown_name
from wildrobot_exp.motions.formats.raw import RawMotion, Refused
from wildrobot_exp.robots import Robot

SUFFIX = "_joint"  # other projects' names carry it


def joint_columns(
  path: Path, raw: RawMotion, given: Sequence[str] | None, drop: Sequence[str], robot: Robot
) -> tuple[tuple[str, ...], list[int]]:
  """The kept joints' names, as the robot spells them, and their columns.

  Raises:
    Refused: names are missing, or are not those of this robot's joints.
  """
  names = tuple(given) if given else raw.joint_names
  if raw.dof_pos.ndim != 2:
    raise UserError(f"{path}: joint positions have shape {raw.dof_pos.shape}, need [T, J]")
  count = raw.dof_pos.shape[1]
  if names is None:
    raise Refused(
      "joint-names", f"{path}: {raw.format} does not name its {count} joints, "
      f"give --joint-names with all {count} in the file's order, out of {', '.join(robot.joint_names)}",
    )  # fmt: skip
  if len(names) != count:
    raise Refused("joint-names", f"{path}: {len(names)} joint names for {count} joint columns, give one for each")
  names = tuple(
    name.removesuffix(SUFFIX)
    if name not in robot.joint_names and name.removesuffix(SUFFIX) in robot.joint_names
    else name
    for name in names
  )
  for name in drop:
    if name not in names:
      raise unknown_name("joint to drop", name, names)
  twice = sorted({name for name in names if names.count(name) > 1 and name not in drop})
  if twice:
    raise Refused("joint-names", f"{path}: has {', '.join(twice)} more than once, name every column once")
  extra = [name for name in names if name not in robot.joint_names and name not in drop]
  if extra:
    raise Refused(
      "joint-names", f"{path}: joints this robot does not have: {', '.join(extra)}; leave them out with --drop "
      f"or rename them with --joint-names, known are {', '.join(robot.joint_names)}",
    )  # fmt: skip
  missing = [name for name in robot.joint_names if name not in names or name in drop]
  if missing:
    raise Refused("joint-names", f"{path}: lacks joints {', '.join(missing)}, add their columns and names")
  kept = [column for column, name in enumerate(names) if name not in drop]
  return tuple(names[column] for column in kept), kept
