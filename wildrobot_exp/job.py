"""One job as Hydra runs it: check, hand over to the experiment, and leave a trace of how it ended."""

import importlib
import pathlib
import sys
import time
from collections.abc import Mapping
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from wildrobot_exp.config.checks import check
from wildrobot_exp.config.compose import frozen
from wildrobot_exp.config.devices import check_devices, probe_devices, set_platform
from wildrobot_exp.config.launcher import LAUNCHERS
from wildrobot_exp.config.resume import resume_command
from wildrobot_exp.config.typed import to_typed
from wildrobot_exp.errors import Stopped
from wildrobot_exp.interrupts import raise_held
from wildrobot_exp.outcome import describe, hold_gates, scalars, what_is_left
from wildrobot_exp.run_lock import only_writer
from wildrobot_exp.sweeps.result import JobResult, columns, write_result

EXPERIMENT = "wildrobot_exp.experiment"


def job(cfg: DictConfig) -> dict[str, Any] | None:
  """Hydra's task function.

  A plain run prints its folder last, or one line on stderr and leaves with the exit code 2 (the user's
  mistake) or 1 (the run failed). How a job of a sweep ended is in its result.json; it leaves in the same way,
  but returns to a launcher that runs all jobs in one process.

  Returns:
    What the experiment returned; None if the job failed or was pruned.
  """
  hydra = HydraConfig.get()
  folder = pathlib.Path(hydra.runtime.output_dir)
  sweep = hydra.mode == RunMode.MULTIRUN
  overrides = columns(OmegaConf.to_container(hydra.overrides.task))
  started = time.monotonic()

  def record(status: str, numbers: Mapping[str, Any], error: str | None = None) -> None:
    if sweep:
      wall_s = numbers.get("wall_s", time.monotonic() - started)
      result = JobResult(folder.name, status, overrides, scalars(numbers), wall_s, error)
      try:
        write_result(folder, result)
      except OSError as refused:  # a full disk; the sweep sees that the result is missing
        print(f"warning: the result of {folder.name} could not be written: {refused.strerror}", file=sys.stderr)

  numbers: dict[str, Any] = {}
  try:
    with only_writer(folder):
      numbers = _execute(cfg, folder)
      hold_gates(numbers, cfg.gates, folder)
  except KeyboardInterrupt:
    record("interrupted", {}, "interrupted")
    if any((folder / "checkpoints").glob("[0-9]*")):
      if cfg.algo.name == "brax_ppo":
        print(f"interrupted; {what_is_left(folder)}", file=sys.stderr)
      else:
        print(f"interrupted and saved; to go on: {resume_command(folder)}", file=sys.stderr)
    else:
      print("interrupted before there was anything to save", file=sys.stderr)
    raise
  except Stopped as stopped:
    record("pruned", {})
    print(f"pruned and saved, {stopped}; to go on all the same: {resume_command(folder)}", flush=True)
    return None
  except Exception as error:  # the outermost frame of a job: whatever went wrong ends here, and is shown
    line, code = describe(error, folder)
    record("failed", numbers, line)  # a missed gate costs the verdict, not the numbers
    print(f"error: {f'{folder.name}: ' if sweep else ''}{line}", file=sys.stderr)
    if sweep and hydra.runtime.choices["hydra/launcher"] not in LAUNCHERS:
      return None
    raise SystemExit(code) from error
  record("ok", numbers)
  if not sweep:
    print(folder, flush=True)
  raise_held()  # what came too late to stop it
  return numbers


def _execute(cfg: DictConfig, folder: pathlib.Path) -> dict[str, Any]:
  config = to_typed(cfg)
  check(config)
  probe_devices(config)
  set_platform(config)
  run_job = importlib.import_module(EXPERIMENT).run_job  # imports JAX: only now
  check_devices(config)
  return run_job(frozen(config), folder)
