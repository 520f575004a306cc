"""`wildrobot eval|report|play|export|inspect|motion|config|bench|doctor`. Each imports what it needs when called."""

import argparse
import json
import math
import os
import shlex
import sys
from pathlib import Path

from wildrobot_exp.commands import config, doctor, export, inspect, motion, play
from wildrobot_exp.commands.checkpoint import add_checkpoint, chosen
from wildrobot_exp.commands.outputs import check_out_file, check_out_folder
from wildrobot_exp.config.compose import load
from wildrobot_exp.config.devices import ANY_MACHINE, probe_devices, set_platform
from wildrobot_exp.errors import RunFailed, UserError
from wildrobot_exp.interrupts import Terminated, held, raise_held, raise_on_sigterm, was_answered
from wildrobot_exp.run_config import run_config
from wildrobot_exp.run_lock import only_writer

MOST_ENVS = 65536  # of a benchmark: more than a machine's memory, and more than one iteration of total_steps, allows


def main(argv: list[str] | None = None) -> int:
  """Run one command.

  Returns:
    The exit code: 0 done, 1 failed, 2 the input is wrong, 130 SIGINT, 143 SIGTERM and the others of
    interrupts.TERMINATING; a line on stderr says which, where it is not 0.
  """
  args = _parse(argv)
  raise_on_sigterm()
  try:
    code = args.run(args)
    raise_held()  # what came too late to stop it
    return code
  except UserError as error:
    print(f"error: {error}", file=sys.stderr)
    return 2
  except RunFailed as error:
    print(f"error: {error}", file=sys.stderr)
    return 1
  except BrokenPipeError:  # `| head` has read enough; Python would complain once more when it flushes stdout
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
  except OSError as error:
    print(f"error: {error.filename or 'reading or writing failed'}: {error.strerror or error}", file=sys.stderr)
    return 1
  except KeyboardInterrupt as interrupt:
    if not was_answered():
      print("interrupted", file=sys.stderr)
    return 143 if isinstance(interrupt, Terminated) else 130


def _parse(argv: list[str] | None) -> argparse.Namespace:
  """Config overrides may stand before, between and after the options."""
  parser = _parser()
  args, rest = parser.parse_known_args(argv)
  if rest and (any(word.startswith("-") for word in rest) or "overrides" not in args):
    parser.error(f"unrecognized arguments: {' '.join(rest)}")
  if rest:
    args.overrides += rest
  return args


def _parser() -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser(prog="wildrobot", description="Look at runs, machines and throughput.")
  commands = parser.add_subparsers(required=True, metavar="COMMAND")

  evaluate = commands.add_parser("eval", help="evaluate a run's policy again: evaluation.json, video, report")
  evaluate.add_argument("run_dir", type=Path, metavar="RUN", help="a run folder")
  evaluate.add_argument("overrides", nargs="*", help="config overrides, physics=mjx for example")
  add_checkpoint(evaluate)
  evaluate.add_argument("--out", type=Path, help="write to this folder instead of the run's")
  evaluate.set_defaults(run=_evaluate)

  report = commands.add_parser("report", help="write a run's or a sweep's report.html again, also while it runs")
  report.add_argument("folder", type=Path, metavar="FOLDER", help="a run folder or a sweep folder")
  report.set_defaults(run=_report)

  play.add_parser(commands)
  export.add_parser(commands)
  inspect.add_parser(commands)
  motion.add_parser(commands)
  config.add_parser(commands)

  bench = commands.add_parser("bench", help="env steps per second against Brax's trainer, in one run")
  bench.add_argument("--num-envs", type=int, default=256, help="robots side by side (256)")
  bench.add_argument("--seconds", type=float, default=10.0, help="of each measurement (10)")
  bench.add_argument("--no-mjx", action="store_true", help="leave out Brax on MJX, which compiles for a minute")
  bench.add_argument("--json", type=Path, metavar="FILE", help="write the numbers to FILE")
  bench.set_defaults(run=_bench)

  doctor.add_parser(commands)
  return parser


def _evaluate(args: argparse.Namespace) -> int:
  which = chosen(args.checkpoint)
  if args.out and not args.out.is_dir():
    raise UserError(f"--out {args.out}: no such folder")

  cfg = run_config(args.run_dir, args.overrides, which, probe=False)
  probe_devices(cfg, " ".join(ANY_MACHINE))
  folder = args.out or args.run_dir
  check_out_folder(folder)
  set_platform(cfg)  # before JAX is imported

  from wildrobot_exp.compilation_cache import use_compilation_cache
  from wildrobot_exp.evaluation.report import write_report
  from wildrobot_exp.evaluation.run_folder import evaluate_into, intervals, summary
  from wildrobot_exp.runs import load_run
  from wildrobot_exp.versions import provenance

  use_compilation_cache()
  with only_writer(folder), held(saves=False):  # from here on JAX calls back into Python
    run = load_run(args.run_dir, args.overrides, which)
    result = evaluate_into(
      folder,
      run.cfg,
      run.experiment.networks,
      run.params,
      step=run.step,
      clips=run.experiment.clips,
      say=_say,
      run=args.run_dir.resolve().name,
      made=provenance(shlex.join(["wildrobot", *sys.argv[1:]])),
    )
    if folder == args.run_dir:
      write_report(folder)
  ends = intervals(result)
  for name, value in summary(result).items():
    interval = " ({:.3g} to {:.3g})".format(*ends[name]) if name in ends else ""
    print(f"{name:26} {value:.4g}{interval}")
  print(folder / "evaluation.json")
  return 0


def _say(line: str) -> None:
  print(line, flush=True)


def _report(args: argparse.Namespace) -> int:
  from wildrobot_exp.evaluation.report import write_report
  from wildrobot_exp.evaluation.report.sweep_files import is_sweep
  from wildrobot_exp.sweep_answer import write_answer

  if args.folder.is_dir():
    check_out_folder(args.folder, "make it writable, or copy it first")
  if is_sweep(args.folder):
    _, written = write_answer(args.folder)
    return 0 if written else 1
  print(write_report(args.folder))
  return 0


def _bench(args: argparse.Namespace) -> int:
  if args.num_envs % 8 or not 0 < args.num_envs <= MOST_ENVS:
    raise UserError(f"--num-envs {args.num_envs}: use a multiple of 8, at most {MOST_ENVS}")
  if not 0 < args.seconds < math.inf:
    raise UserError(f"--seconds {args.seconds:g}: use a length above 0")
  if args.json:
    check_out_file(args.json, "--json")

  set_platform(load())  # as in training, before JAX is imported

  from wildrobot_exp.bench import bench

  with held(saves=False):
    result = bench(args.num_envs, seconds=args.seconds, with_mjx=not args.no_mjx, say=_say)
  for name in [*(key for key in result if key.endswith("_steps_per_s")), *result["ratios"]]:
    value = result.get(name, result["ratios"].get(name))
    print(f"{name:26} {value:12,.2f}" if name in result["ratios"] else f"{name:26} {value:12,.0f}")
  if args.json:
    args.json.write_text(json.dumps(result, indent=2) + "\n")
  return 0


if __name__ == "__main__":
  sys.exit(main())
