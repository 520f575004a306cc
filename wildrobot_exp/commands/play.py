"""`wildrobot play RUN`: watch the policy live; with `--video FILE`: several side by side, or an incident."""

import argparse
import math
import signal
from pathlib import Path

from wildrobot_exp.commands.outputs import check_out_file
from wildrobot_exp.config.compose import load
from wildrobot_exp.config.devices import ANY_MACHINE, set_platform
from wildrobot_exp.config.folders import read_overrides
from wildrobot_exp.config.schema import Config
from wildrobot_exp.errors import UserError
from wildrobot_exp.interrupts import collected, held
from wildrobot_exp.run_config import run_config

SLOW_MOTION = 10  # an incident has as many steps as a rollout, a fraction of a second
VIDEO_SECONDS = 10.0
NATIVE = ["physics=native"]  # the engine of a live policy


def add_parser(commands: argparse._SubParsersAction) -> None:
  """Register the command."""
  parser = commands.add_parser("play", help="watch a run's policy live, or make a video of several side by side")
  parser.add_argument("run_dirs", type=Path, nargs="+", metavar="RUN", help="run folders; one without --video")
  parser.add_argument("--video", type=Path, metavar="FILE", help="write an mp4 instead of opening a viewer")
  parser.add_argument("--speed", type=float, default=0.25, help="commanded speed, m/s (0.25); live: to begin with")
  parser.add_argument("--seconds", type=float, help="length (10); live: until the viewer is closed")
  parser.add_argument("--reference", action="store_true", help="in the video: also the first run's reference clip")
  parser.add_argument("--incident", type=int, metavar="N", help="in the video: replay the run's incident N, from 0")
  parser.add_argument("--viewer", choices=("auto", "native", "web"), default="auto", help="auto: native with a display")
  parser.add_argument("--port", type=int, default=0, help="of the web viewer (the first free one from 8080 on)")
  parser.set_defaults(run=play)


def play(args: argparse.Namespace) -> int:
  """Open the viewer, or write the video."""
  if args.seconds is not None and not 0 < args.seconds < math.inf:
    raise UserError(f"--seconds {args.seconds}: use a length above 0")
  if not math.isfinite(args.speed):
    raise UserError(f"--speed {args.speed}: use a finite number")
  return _live(args) if args.video is None else _video(args)


def _live(args: argparse.Namespace) -> int:
  if len(args.run_dirs) > 1:
    raise UserError("a viewer shows one run: give one RUN, or --video FILE.mp4 for several side by side")
  for option, given in (("--reference", args.reference), ("--incident", args.incident is not None)):
    if given:
      raise UserError(f"{option} needs --video FILE.mp4")
  if not 0 <= args.port < 65536:
    raise UserError(f"--port {args.port}: use a number from 0 to 65535")
  run_config(args.run_dirs[0], NATIVE, probe=False)  # is it a run?
  set_platform(load())  # one robot in the native engine needs no GPU; before JAX is imported

  from wildrobot_exp.compilation_cache import use_compilation_cache
  from wildrobot_exp.live import make_live
  from wildrobot_exp.runs import load_run
  from wildrobot_exp.viewers import check_screen, key_list, open_screen, show

  check_screen(args.viewer, args.port)
  use_compilation_cache()
  with held(saves=False) as raise_held:
    live = make_live(load_run(args.run_dirs[0], NATIVE, probe=False), args.speed)
    if instead := live.env.speeds.instead(args.speed):
      print(f"--speed {args.speed:g}: {instead}")
    live.step()  # compiles
    live.reset()
    raise_held()
  screen = open_screen(live, args.viewer, args.port)
  print(f"keys: {key_list()}", flush=True)
  with collected() as signals:  # Ctrl-C is one way to close it
    show(live, screen, args.seconds, stopped=lambda: bool(signals))
  print(f"{live.time:.1f} s walked, {'fallen' if live.fallen else 'not fallen'}")
  return 143 if signal.SIGTERM in signals else 0


def _video(args: argparse.Namespace) -> int:
  if args.video.suffix != ".mp4":
    raise UserError(f"--video {args.video}: give a file name that ends in .mp4")
  check_out_file(args.video, "--video")
  if args.incident is not None and (len(args.run_dirs) > 1 or args.reference):
    raise UserError(f"--incident {args.incident}: give one run, and leave out --reference")
  if args.incident is not None:  # a run may have one without a checkpoint
    return _play_incident(args, load([*read_overrides(args.run_dirs[0]), *ANY_MACHINE], trained=True))
  configs = [run_config(folder, ANY_MACHINE) for folder in args.run_dirs]
  step = configs[0].env.control_dt
  if args.seconds is not None and args.seconds < step:
    raise UserError(f"--seconds {args.seconds}: use at least one control step, {step:g}")
  if len({cfg.env.control_dt for cfg in configs}) > 1:
    raise UserError("the runs have different env.control_dt: one video cannot show them together")
  set_platform(configs[0])  # before JAX is imported

  from wildrobot_exp.compilation_cache import use_compilation_cache
  from wildrobot_exp.evaluation.video import RenderingUnavailable, check_rendering
  from wildrobot_exp.robots import load_robot
  from wildrobot_exp.runs import load_run
  from wildrobot_exp.side_by_side import side_by_side_video

  try:
    check_rendering(load_robot())
  except RenderingUnavailable as reason:
    raise UserError(str(reason)) from reason
  use_compilation_cache()
  settings = configs[0].evaluation.video
  labels = [f"{cfg.algo.name} {folder.name}" for cfg, folder in zip(configs, args.run_dirs, strict=True)]
  size = {"width": settings.width, "height": settings.height, "fps": settings.fps}
  seconds = VIDEO_SECONDS if args.seconds is None else args.seconds
  try:
    with held(saves=False):  # from here on JAX calls back into Python
      runs = [(label, load_run(folder, ANY_MACHINE)) for label, folder in zip(labels, args.run_dirs, strict=True)]
      side_by_side_video(args.video, runs, args.speed, seconds, reference=args.reference, **size)
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
