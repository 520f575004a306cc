"""`wildrobot play RUN [RUN ...] --video FILE`: the policies, and the reference, side by side; or an incident."""

import argparse
from pathlib import Path

from wildrobot_exp.config.compose import load
from wildrobot_exp.config.devices import set_platform
from wildrobot_exp.config.folders import read_overrides
from wildrobot_exp.config.schema import Config
from wildrobot_exp.errors import UserError

SLOW_MOTION = 10  # an incident has as many steps as a rollout, a fraction of a second


def add_parser(commands: argparse._SubParsersAction) -> None:
  """Register the command."""
  parser = commands.add_parser("play", help="a video of one or several runs' policies, side by side")
  parser.add_argument("run_dirs", type=Path, nargs="+", metavar="RUN", help="run folders")
  parser.add_argument("--video", type=Path, required=True, metavar="FILE", help="the mp4 to write")
  parser.add_argument("--speed", type=float, default=0.25, help="commanded speed, m/s (0.25)")
  parser.add_argument("--seconds", type=float, default=10.0, help="length (10)")
  parser.add_argument("--reference", action="store_true", help="also show the first run's reference clip")
  parser.add_argument("--incident", type=int, metavar="N", help="replay the run's incident N (from 0), in slow motion")
  parser.set_defaults(run=play)


def play(args: argparse.Namespace) -> int:
  """Write the video."""
  if args.video.suffix != ".mp4":
    raise UserError(f"--video {args.video}: give a file name that ends in .mp4")
  if not args.video.absolute().parent.is_dir():
    raise UserError(f"--video {args.video}: no such folder")
  if args.seconds <= 0:
    raise UserError(f"--seconds {args.seconds}: use a length above 0")
  if args.incident is not None and (len(args.run_dirs) > 1 or args.reference):
    raise UserError(f"--incident {args.incident}: give one run, and leave out --reference")
  configs = [load(read_overrides(folder)) for folder in args.run_dirs]
  if args.incident is not None:
    return _play_incident(args, configs[0])
  set_platform(configs[0])  # before JAX is imported

  from wildrobot_exp.compilation_cache import use_compilation_cache
  from wildrobot_exp.evaluation.video import RenderingUnavailable
  from wildrobot_exp.runs import load_run
  from wildrobot_exp.side_by_side import side_by_side_video

  use_compilation_cache()
  settings = configs[0].evaluation.video
  labels = [f"{cfg.algo.name} {folder.name}" for cfg, folder in zip(configs, args.run_dirs, strict=True)]
  runs = list(zip(labels, map(load_run, args.run_dirs), strict=True))
  try:
    side_by_side_video(
      args.video,
      runs,
      args.speed,
      args.seconds,
      reference=args.reference,
      width=settings.width,
      height=settings.height,
      fps=settings.fps,
    )
  except RenderingUnavailable as reason:
    raise UserError(str(reason)) from reason
  print(args.video)
  return 0


def _play_incident(args: argparse.Namespace, cfg: Config) -> int:
  """Write the video of what a robot did until its state went bad."""
  from wildrobot_exp.evaluation.video import RenderingUnavailable, write_video
  from wildrobot_exp.incidents import describe, read_incident
  from wildrobot_exp.robots import load_robot

  incident = read_incident(args.run_dirs[0], args.incident)
  robot = load_robot(cfg.env.control_dt, cfg.env.timestep)
  if str(incident["model_hash"]) != robot.model_hash:
    raise UserError(f"incident {args.incident} is of another version of wildrobot.xml: play it with that one")
  settings, dt = cfg.evaluation.video, float(incident["control_dt"])
  times, commands = incident["episode_steps"] * dt, incident["command"]
  overlay = [
    f"incident {args.incident}, {SLOW_MOTION} times slower\n{time:.2f} s, command {command:.2f} m/s"
    for time, command in zip(times, commands, strict=True)
  ]
  overlay[-1] += "\nthe next state went bad"
  size = {"fps": settings.fps, "width": settings.width, "height": settings.height}
  try:
    write_video(args.video, robot, incident["qpos"], SLOW_MOTION * dt, **size, overlay=overlay)
  except RenderingUnavailable as reason:
    raise UserError(str(reason)) from reason
  print(describe(args.incident, incident))
  print(args.video)
  return 0
