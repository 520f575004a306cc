"""`wildrobot motion import SRC OUT.npz`: a motion of another project as a reference clip, through the gate."""

import argparse
from pathlib import Path
from typing import Any

from wildrobot_exp.commands.motion_lint import add_reading_options, comma_list, reading_options, report
from wildrobot_exp.errors import UserError, unknown_name


def add_parser(subparsers: Any) -> None:
  """Register `import`."""
  parser = subparsers.add_parser("import", help="bring another project's motion file in as a reference clip")
  parser.add_argument("path", type=Path, metavar="SRC", help="npz, csv, pkl, npy, bvh or DeepMimic JSON")
  parser.add_argument("out", type=Path, metavar="OUT.npz", help="the clip to write")
  add_reading_options(parser)
  parser.add_argument("--start", type=float, metavar="S", help="cut everything before, s")
  parser.add_argument("--end", type=float, metavar="S", help="cut everything from there on, s")
  parser.add_argument("--loop", action="store_true", help="make it a loop, to --end or to where the pose comes back")
  parser.add_argument("--on-floor", action="store_true", help="shift it until the lowest sole touches the floor")
  parser.add_argument("--fps-out", type=float, default=50.0, metavar="N", help="rate of the clip (50)")
  parser.add_argument("--source", metavar="TEXT", help="where the motion comes from")
  parser.add_argument("--licence", metavar="TEXT", help="under what terms it may be used")
  parser.add_argument("--force", metavar="CODE,CODE", help="write it although these checks refuse it")
  parser.add_argument("--survive", action="store_true", help="also play it open loop and say how long it stays up")
  parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
  """Read, check, report and write. Returns 2, with nothing written, if a check refuses that --force does not name."""
  from wildrobot_exp.motions.formats import Refused, read_motion
  from wildrobot_exp.motions.lint import CODES, lint_reading, refusals, survival, unread
  from wildrobot_exp.robots import load_robot

  forced = comma_list(args.force)
  for code in forced:
    if code not in CODES:
      raise unknown_name("check to force", code, CODES)
  if args.out.suffix != ".npz":
    raise UserError(f"{args.out}: a reference clip is an .npz, name it so")
  if not args.out.parent.is_dir():
    raise UserError(f"{args.out}: no such folder {args.out.parent}, make it first")

  robot = load_robot()
  try:
    reading = read_motion(
      args.path,
      robot=robot,
      **reading_options(args),
      start=args.start,
      end=args.end,
      loop=args.loop,
      forward=True,
      on_floor=args.on_floor,
      fps_out=args.fps_out,
      source=args.source,
      licence=args.licence,
    )
  except Refused as refused:
    report(unread(refused))
    print("nothing written")
    return 2
  clip = reading.clip
  kind = "loop" if clip.loop else "no loop"
  print(f"{args.path}: {reading.format}, {clip.num_frames} frames, {clip.seconds:.2f} s, {clip.speed:.2f} m/s, {kind}")
  for note in reading.notes:
    print(f"note: {note}")
  findings = lint_reading(robot, reading)
  report(findings)
  if args.survive:
    print(f"{'open loop':16} {'':6} {survival(robot, clip)}")
  print(f"source: {clip.source or 'unknown'}")
  print(f"licence: {clip.licence or 'unknown'}")
  stopped = [code for code in refusals(findings) if code not in forced]
  if stopped:
    print(f"nothing written: repair it, or accept it as it is with --force {','.join(refusals(findings))}")
    return 2
  try:
    clip.save(args.out)
  except OSError as error:
    raise UserError(f"{args.out}: cannot be written ({error.strerror or error})") from error
  print(args.out)
  return 0
