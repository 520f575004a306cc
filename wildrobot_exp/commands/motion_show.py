"""`wildrobot motion show`: a reference clip as a video and a page."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from wildrobot_exp.errors import UserError

if TYPE_CHECKING:
  from wildrobot_exp.motions import Clip
  from wildrobot_exp.robots import Robot

DEFAULT_SPEED = 0.25  # m/s


def add_parser(subparsers: argparse._SubParsersAction) -> None:
  """Register `show`."""
  show = subparsers.add_parser("show", help="a clip on the robot: a video, and a page with its joints and feet")
  show.add_argument("motion", metavar="CLIP", help="a clip file (.npz), or an option of motion=: gait, mocap")
  show.add_argument("--speed", type=float, help=f"m/s, which clip of a motion option ({DEFAULT_SPEED})")
  show.add_argument("--out", type=Path, default=Path("."), metavar="FOLDER", help="where to write (here)")
  show.set_defaults(run=_show)


def _show(args: argparse.Namespace) -> int:
  from wildrobot_exp.evaluation.motion_show import show_clip
  from wildrobot_exp.robots import load_robot

  robot = load_robot()
  name, clip = _clip(args.motion, args.speed, robot)
  if args.out.exists() and not args.out.is_dir():
    raise UserError(f"--out {args.out}: a file, give a folder")
  args.out.mkdir(parents=True, exist_ok=True)
  shown = show_clip(robot, clip, name, args.out, say=print)
  if shown.video:
    print(shown.video)
  print(shown.page)
  return 0


def _clip(motion: str, speed: float | None, robot: "Robot") -> tuple[str, "Clip"]:
  """The clip and a name for its files.

  Raises:
    UserError: no such file or motion, or the motion has no such speed.
  """
  from wildrobot_exp.motions import load_clip

  path = Path(motion)
  if path.suffix or len(path.parts) > 1 or path.exists():
    if speed is not None:
      raise UserError(f"--speed chooses among the clips of a motion option, {motion} is one clip: leave it out")
    return path.stem, load_clip(path)

  from wildrobot_exp.config.compose import load
  from wildrobot_exp.motions.sources import make_clips

  wanted = DEFAULT_SPEED if speed is None else speed
  clips = make_clips(load([f"motion={motion}"], probe=False).motion, robot)
  speeds = sorted(clip.speed for clip in clips)
  if speed is not None and not speeds[0] <= speed <= speeds[-1]:
    raise UserError(f"--speed {speed:g}: {motion} has clips from {speeds[0]:g} to {speeds[-1]:g} m/s")
  clip = min(clips, key=lambda clip: abs(clip.speed - wanted))
  if abs(clip.speed - wanted) > 1e-6:
    print(f"the nearest clip to {wanted:g} m/s is the one of {clip.speed:g} m/s")
  return f"{motion}-{clip.speed:g}", clip
