"""`wildrobot motion generate`: a reference clip from numbers."""

import argparse
from pathlib import Path

from wildrobot_exp.errors import UserError


def add_parser(subparsers: argparse._SubParsersAction) -> None:
  """Add the subcommand `generate`; its `run` returns the exit code or raises UserError."""
  parser = subparsers.add_parser(
    "generate", help="write a generated walk: straight (a loop), in a curve, starting or stopping"
  )
  parser.add_argument("out", type=Path, metavar="OUT.npz", help="the clip to write")
  parser.add_argument("--speed", type=float, required=True, help="m/s")
  kind = parser.add_mutually_exclusive_group()
  kind.add_argument("--turn", type=float, metavar="RAD_PER_S", help="walk in a curve, left is positive")
  kind.add_argument("--start", action="store_true", help="from standing in the home pose to walking")
  kind.add_argument("--stop", action="store_true", help="from walking to standing in the home pose")
  parser.add_argument("--stride-seconds", type=float, default=0.8, help="of a left and a right step (0.8)")
  parser.add_argument("--lift", type=float, default=0.03, help="height of the swing foot, m (0.03)")
  parser.add_argument("--crouch", type=float, default=0.02, help="of the base below straight legs, m (0.02)")
  parser.add_argument("--double-support", type=float, default=0.2, help="share of a step with both feet down (0.2)")
  parser.set_defaults(run=_generate)


def _generate(args: argparse.Namespace) -> int:
  if args.out.suffix != ".npz":
    raise UserError(f"{args.out}: name the clip with the ending .npz")
  if not args.out.parent.is_dir():
    raise UserError(f"{args.out.parent}: no such folder")

  from wildrobot_exp.motions.gait import make_gait
  from wildrobot_exp.motions.transitions import make_transition
  from wildrobot_exp.robots import load_robot

  robot = load_robot()
  shape = (args.speed, args.stride_seconds, args.lift, args.crouch, args.double_support)
  if args.turn is not None:
    clip = make_transition(robot, "turn", *shape, turn=args.turn, fps=1 / robot.control_dt)
  elif args.start or args.stop:
    clip = make_transition(robot, "start" if args.start else "stop", *shape, fps=1 / robot.control_dt)
  else:
    clip = make_gait(robot, *shape, fps=1 / robot.control_dt)
  try:
    clip.save(args.out)
  except OSError as error:
    raise UserError(f"{args.out}: cannot be written ({error.strerror})") from error
  kind = "a loop" if clip.loop else "no loop"
  print(f"{args.out}: {clip.num_frames} frames, {clip.seconds:.2f} s, {clip.speed:g} m/s, {kind}")
  return 0
