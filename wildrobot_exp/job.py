"""One job as Hydra runs it: check, hand over to the experiment, and leave a trace of how it ended."""

import importlib
import math
import pathlib
import sys
import time
import traceback
from collections.abc import Mapping
from numbers import Real
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from wildrobot_exp.config.checks import check
from wildrobot_exp.config.compose import frozen
from wildrobot_exp.config.devices import check_devices, probe_devices, set_platform
from wildrobot_exp.config.explain import one_line
from wildrobot_exp.config.launcher import PROCESSES
from wildrobot_exp.config.resume import resume_command
from wildrobot_exp.config.typed import to_typed
from wildrobot_exp.errors import RunFailed, Stopped, UserError
from wildrobot_exp.run_lock import only_writer
from wildrobot_exp.sweeps.summary import JobResult, columns, write_result

EXPERIMENT = "wildrobot_exp.experiment"
ERROR_LOG = "error.log"


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
      wall_s = time.monotonic() - started
      write_result(folder, JobResult(folder.name, status, overrides, _scalars(numbers), wall_s, error))

  try:
    with only_writer(folder):
      numbers = _execute(cfg, folder)
  except KeyboardInterrupt:
    record("interrupted", {}, "interrupted")
    print(f"interrupted and saved; to go on: {resume_command(folder)}", file=sys.stderr)
    raise
  except Stopped as stopped:
    record("pruned", {})
    print(f"pruned and saved, {stopped}; to go on all the same: {resume_command(folder)}", flush=True)
    return None
  except Exception as error:  # the outermost frame of a job: whatever went wrong ends here, and is shown
    line, code = _report(error, folder)
    record("failed", {}, line)
    print(f"error: {f'{folder.name}: ' if sweep else ''}{line}", file=sys.stderr)
    if sweep and hydra.runtime.choices["hydra/launcher"] != PROCESSES:
      return None
    raise SystemExit(code) from error
  record("ok", numbers)
  if not sweep:
    print(folder, flush=True)
  return numbers


def _execute(cfg: DictConfig, folder: pathlib.Path) -> dict[str, Any]:
  config = to_typed(cfg)
  check(config)
  probe_devices(config)
  set_platform(config)
  run_job = importlib.import_module(EXPERIMENT).run_job  # imports JAX: only now
  check_devices(config)
  numbers = run_job(frozen(config), folder)
  missed = missed_gates(numbers, config.gates)
  if missed:
    raise RunFailed(f"gate missed: {'; '.join(missed)} (everything is in {folder})")
  return numbers


def missed_gates(numbers: Mapping[str, Any], gates: Mapping[str, Mapping[str, float]]) -> list[str]:
  """What a run fell short of, in words; empty if it holds every gate. A missing number is a miss.

  Args:
    numbers: the run's result.
    gates: name of a number -> {"min": lowest allowed, "max": highest allowed}, either one.
  """
  missed = []
  scalars = _scalars(numbers)
  for name, bounds in gates.items():
    value = scalars.get(name)
    if value is None:
      missed.append(f"{name} is missing from the result")
    elif value < bounds.get("min", -math.inf):
      missed.append(f"{name}={value:.4g} is below {bounds['min']:g}")
    elif value > bounds.get("max", math.inf):
      missed.append(f"{name}={value:.4g} is above {bounds['max']:g}")
  return missed


def _report(error: Exception, folder: pathlib.Path) -> tuple[str, int]:
  """One line about an error, and the exit code. The unexpected leaves its traceback in error.log."""
  if isinstance(error, UserError):
    return one_line(error), 2
  if isinstance(error, RunFailed):
    return one_line(error), 1
  log = folder / ERROR_LOG
  log.write_text("".join(traceback.format_exception(error)))
  return f"{type(error).__name__}: {one_line(error)[:300]} (traceback: {log})", 1


def _scalars(numbers: Mapping[str, Any]) -> dict[str, float | None]:
  """The top-level numbers of a result as floats; None where one is not finite."""
  scalars = {key: float(value) for key, value in numbers.items() if isinstance(value, Real)}
  return {key: value if math.isfinite(value) else None for key, value in scalars.items()}
