"""`wildrobot motion lint FILE`: is a motion fit to learn from?"""

import argparse
from pathlib import Path
from typing import Any

from wildrobot_exp.errors import UserError


def add_parser(subparsers: Any) -> None:
  """Register `lint`."""
  parser = subparsers.add_parser("lint", help="check a motion: exit 2 if it is not fit to learn from")
  parser.add_argument("path", type=Path, metavar="FILE", help="a motion file of any known format")
  add_reading_options(parser)
  parser.add_argument("--survive", action="store_true", help="also play it open loop and say how long it stays up")
  parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
  """Print every check's verdict. Returns 2 if one refuses, otherwise 0."""
  from wildrobot_exp.motions.formats import Refused, read_motion
  from wildrobot_exp.motions.lint import lint_reading, refusals, survival, unread
  from wildrobot_exp.robots import load_robot

  robot = load_robot()
  try:
    reading = read_motion(args.path, robot=robot, **reading_options(args))
  except Refused as refused:
    return report(unread(refused))
  findings = lint_reading(robot, reading)
  report(findings)
  if args.survive:
    print(f"{'open loop':16} {'':6} {survival(robot, reading.clip)}")
  return 2 if refusals(findings) else 0


def report(findings: list) -> int:
  """Print one line per finding. Returns 2 if one refuses, otherwise 0."""
  from wildrobot_exp.motions.lint import refusals

  for finding in findings:
    print(finding)
  return 2 if refusals(findings) else 0


def add_reading_options(parser: argparse.ArgumentParser) -> None:
  """Options on how to read a motion file."""
  parser.add_argument("--fps", type=float, metavar="N", help="frames per second, in place of the file's")
  parser.add_argument("--joint-names", metavar="A,B,C", help="names of the joint columns in order, or a file with them")
  parser.add_argument("--quat-order", choices=("wxyz", "xyzw"), help="of the quaternions, in place of the format's")
  parser.add_argument("--bones", metavar="ROLE=NAME,...", help="BVH joints, left_hip=LThigh for example")
  parser.add_argument("--drop", metavar="A,B", help="joints of the file to leave out")
  parser.add_argument("--scale", type=float, default=1.0, help="factor on root positions, .001 for mm (1)")


def reading_options(args: argparse.Namespace) -> dict[str, Any]:
  """Arguments of `read_motion` from the options of `add_reading_options`.

  Raises:
    UserError: an option makes no sense.
  """
  bones = {}
  for pair in comma_list(args.bones):
    role, equals, name = pair.partition("=")
    if not equals:
      raise UserError(f"--bones {pair}: write ROLE=NAME, left_hip=LThigh for example")
    bones[role.strip()] = name.strip()
  if not 0 < args.scale < float("inf"):
    raise UserError(f"--scale {args.scale}: give a factor above 0")
  return {
    "fps": args.fps,
    "joint_names": _names(args.joint_names),
    "quat_order": args.quat_order,
    "bones": bones,
    "drop": comma_list(args.drop),
    "scale": args.scale,
  }


def comma_list(text: str | None) -> list[str]:
  """The words of a comma-separated option; none if it was not given."""
  return [word.strip() for word in (text or "").split(",") if word.strip()]


def _names(option: str | None) -> list[str] | None:
  if option is None:
    return None
  try:
    is_file = Path(option).is_file()
  except OSError:  # a long list of names is no possible path
    is_file = False
  text = Path(option).read_text(encoding="utf-8", errors="replace") if is_file else option
  names = comma_list(text.replace("\n", ","))
  if not names or (not is_file and len(names) == 1 and Path(option).suffix):
    raise UserError(f"--joint-names {option}: no such file, and not a list of names like left_hip_pitch,left_hip_roll")
  return names
