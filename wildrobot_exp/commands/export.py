"""`wildrobot export RUN`: the policy as files that run without this package."""

import argparse
import importlib.util
from pathlib import Path
from typing import Any

from wildrobot_exp.commands.checkpoint import add_checkpoint, chosen
from wildrobot_exp.commands.outputs import check_out_folder
from wildrobot_exp.config.devices import ANY_MACHINE, set_platform
from wildrobot_exp.errors import UserError
from wildrobot_exp.interrupts import held
from wildrobot_exp.run_config import run_config

PACKAGES = ("onnx", "onnxruntime")
FOLDER = "export"


def add_parser(commands: argparse._SubParsersAction) -> None:
  """Register the command."""
  parser = commands.add_parser("export", help="policy.onnx and policy.json, to run without this package")
  parser.add_argument("run_dir", type=Path, metavar="RUN", help="a run folder")
  add_checkpoint(parser)
  parser.add_argument("--out", type=Path, metavar="DIR", help="write here; RUN/export by default")
  parser.add_argument("--no-check", action="store_true", help="leave out the closed loop, a repeated evaluation")
  parser.set_defaults(run=export)


def export(args: argparse.Namespace) -> int:
  """Write the export and print what was measured."""
  which = chosen(args.checkpoint)
  missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
  if missing:
    raise UserError(f"export needs {' and '.join(missing)}: pip install -e '.[export]' where run.py is")
  cfg = run_config(args.run_dir, ANY_MACHINE, which)
  out = args.out or args.run_dir / FOLDER
  check_out_folder(out)
  set_platform(cfg)  # before JAX is imported

  from wildrobot_exp.compilation_cache import use_compilation_cache
  from wildrobot_exp.config.identity import config_hash
  from wildrobot_exp.config.typed import to_typed
  from wildrobot_exp.export.bundle import export_policy, read_evaluation
  from wildrobot_exp.runs import load_run
  from wildrobot_exp.versions import machine_facts, package_versions

  use_compilation_cache()
  with held(saves=False):  # from here on JAX calls back into Python
    run = load_run(args.run_dir, ANY_MACHINE, which)
    facts = {
      "run": args.run_dir.absolute().name,
      "checkpoint_step": run.step,
      "algo": run.cfg.algo.name,
      "config_hash": config_hash(to_typed(run_config(args.run_dir, (), which, probe=False))),
      "versions": package_versions(),
      "machine": machine_facts(),
    }
    contract = export_policy(
      out,
      run.cfg,
      run.experiment.env,
      run.experiment.networks,
      run.params,
      facts=facts,
      evaluation=read_evaluation(args.run_dir, run.step),
      check=not args.no_check,
    )
  _print(contract)
  print(out)
  return 0


def _print(contract: dict[str, Any]) -> None:
  parity, latency = contract["parity"], contract["latency"]
  print(
    f"parity      largest difference of an action {parity['max_abs_error']:.2g} (mean {parity['mean_abs_error']:.2g})"
    f" on {parity['observations']} observations; {parity['limit']:g} allowed"
  )
  print(f"latency     median {latency['median_ms']:.3f} ms, p99 {latency['p99_ms']:.3f} ms on one core")
  loop = contract.get("closed_loop")
  if loop is None:
    return
  originals = loop["original"] or [None] * len(loop["rows"])
  for row, original in zip(loop["rows"], originals, strict=True):
    name = "all" if row["vx"] is None else f"{row['vx']:g} m/s"
    line = f"{name:11} {_walk(row)}"
    print(line if original is None else f"{line}; the original {_walk(original)}")
  print(f"closed loop {'passed, ' if loop['passed'] else ''}{loop['how']}")


def _walk(row: dict[str, Any]) -> str:
  survival, error = ("none" if row[key] is None else f"{row[key]:.3f}" for key in ("survival", "vx_error"))
  return f"survival {survival}, vx_error {error} m/s"
