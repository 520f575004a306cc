"""The gate every motion goes through: all checks, one finding each, in the order of CODES."""

from pathlib import Path
from typing import Any

from wildrobot_exp.errors import UserError
from wildrobot_exp.motions.clip import Clip
from wildrobot_exp.motions.formats import Reading, Refused, read_motion
from wildrobot_exp.motions.lint import channels, dynamics, feet
from wildrobot_exp.motions.lint.findings import CODES, Finding
from wildrobot_exp.motions.lint.posed import Posed, pose
from wildrobot_exp.motions.lint.rotation import check_quaternion_order, clip_quaternion_order
from wildrobot_exp.motions.lint.survival import survive
from wildrobot_exp.robots import Robot, load_robot

PLAUSIBLE_FPS = (10.0, 1000.0)


def lint_clip(robot: Robot, clip: Clip) -> list[Finding]:
  """Every check of a clip on a robot: one finding per code, in the order of CODES."""
  found = {
    "quaternion-order": clip_quaternion_order(clip),
    "fps-missing": _fps(clip.fps, "in the clip"),
    "pickle": Finding("pickle", "ok", "plain arrays"),
    "source-missing": _source(clip),
  }
  try:
    posed = pose(robot, clip)
  except UserError as error:
    found["joint-names"] = Finding("joint-names", "refuse", str(error))
    return _complete(found, "the joints are not this robot's")
  asked = dynamics.forces(posed)
  checks = [
    channels.check_joint_names(posed),
    channels.check_duplicate_frames(posed),
    channels.check_seam_jump(posed),
    channels.check_zero_channel(posed),
    channels.check_joint_limit(posed),
    channels.check_joint_speed(posed),
    feet.check_foot_slip(posed),
    feet.check_penetration(posed),
    dynamics.check_zmp(posed, asked),
    dynamics.check_torque(posed, asked),
  ]
  return _complete(found | {finding.code: finding for finding in checks}, "")


def lint_reading(robot: Robot, reading: Reading) -> list[Finding]:
  """As `lint_clip`, with what is known of the file."""
  found = {finding.code: finding for finding in lint_clip(robot, reading.clip)}
  other = {f"read as {reading.other_order}: --quat-order {reading.other_order}": reading.other_attitude}
  if reading.format != "BVH":
    found["quaternion-order"] = check_quaternion_order(reading.attitude, other)
  if reading.fps_given:
    found["fps-missing"] = _fps(reading.clip.fps, "with the rate given by --fps")
  if reading.pickled:
    found["pickle"] = Finding("pickle", "warn", "a pickle, read as arrays alone: keep the imported .npz instead")
  return _complete(found, "")


def lint_file(path: str | Path, robot: Robot | None = None, **reading: Any) -> list[Finding]:
  """Lint a file of any known format; a file refused at reading has one refusal and the rest unchecked.

  Args:
    path: the file.
    robot: loaded if left out.
    reading: arguments of `read_motion`.

  Raises:
    UserError: no such file, or no motion in it.
  """
  robot = robot or load_robot()
  try:
    return lint_reading(robot, read_motion(path, robot=robot, **reading))
  except Refused as refused:
    return unread(refused)


def unread(refused: Refused) -> list[Finding]:
  """The findings of a file that was refused at reading."""
  return _complete({refused.code: Finding(refused.code, "refuse", refused.message)}, "the file could not be read")


def survival(robot: Robot, clip: Clip) -> str:
  """One line on how long the robot stays up when its servos play the clip open loop."""
  posed: Posed = pose(robot, clip)
  lasted, played = survive(posed, dynamics.forces(posed))
  if lasted >= played:
    return f"stays up for all {played:.1f} s played open loop through the servos"
  return (
    f"falls after {lasted:.1f} s of {played:.1f} played open loop through the servos: use it as style, not as a path"
  )


def _complete(found: dict[str, Finding], why: str) -> list[Finding]:
  return [found.get(code, Finding(code, "warn", f"not checked: {why}")) for code in CODES]


def _fps(fps: float, where: str) -> Finding:
  low, high = PLAUSIBLE_FPS
  if not low <= fps <= high:
    return Finding("fps-missing", "warn", f"{fps:g} frames per second {where} is unusual: check it, --fps sets it")
  return Finding("fps-missing", "ok", f"{fps:g} frames per second {where}")


def _source(clip: Clip) -> Finding:
  if clip.source and clip.licence:
    return Finding("source-missing", "ok", f"{clip.source}; licence: {clip.licence}")
  lacks = " and ".join(name for name in ("source", "licence") if not getattr(clip, name))
  options = " ".join(f"--{name} TEXT" for name in ("source", "licence") if not getattr(clip, name))
  return Finding("source-missing", "warn", f"no {lacks}: say where it comes from and under what terms ({options})")
