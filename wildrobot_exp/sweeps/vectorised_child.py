"""Some jobs of a sweep in one process: python -m wildrobot_exp.sweeps.vectorised_child FOLDER ... [--memory-gb X].

The folders' .hydra/ say what to run. Each job leaves what it would leave alone, job.log and result.json included.
"""

import argparse
import contextlib
import importlib
import pathlib
import signal
import sys
import time

from omegaconf import OmegaConf

from wildrobot_exp.children import die_with_the_parent
from wildrobot_exp.config.compose import frozen
from wildrobot_exp.config.devices import check_devices, probe_devices, set_platform
from wildrobot_exp.config.explain import one_line
from wildrobot_exp.config.folders import sweep_name
from wildrobot_exp.config.typed import to_typed
from wildrobot_exp.errors import Stopped, UserError
from wildrobot_exp.interrupts import Terminated, raise_on_sigterm
from wildrobot_exp.outcome import describe, hold_gates, scalars
from wildrobot_exp.run_lock import only_writer
from wildrobot_exp.sweeps.child import read_job
from wildrobot_exp.sweeps.job_folder import LOG
from wildrobot_exp.sweeps.result import JobResult, columns, write_result

TRAINER = "wildrobot_exp.vectorised"


class Results:
  """Writes each job's result.json as soon as its end is known."""

  def __init__(self, folders: list[pathlib.Path]):
    self._started = time.monotonic()
    self._open = set(folders)

  def ok(self, run, numbers: dict[str, float]) -> None:
    """Of a run that ended well, its gates apart."""
    try:
      hold_gates(numbers, run.cfg.gates, run.folder)
    except Exception as error:
      self.failed(run, error, numbers)
    else:
      self._write(run, "ok", numbers, None)

  def failed(self, run, error: Exception, numbers: dict[str, float] | None = None) -> None:
    if isinstance(error, Stopped):
      self._write(run, "pruned", {}, None)
      return
    line, _ = describe(error, run.folder)
    print(f"error: {run.folder.name}: {line}", file=run.console, flush=True)
    self._write(run, "failed", numbers or {}, line)

  def rest(self, runs, status: str, error: str) -> None:
    """Of all runs whose end is not known yet."""
    for run in runs:
      if run.folder in self._open:
        self._write(run, status, {}, error)

  def _write(self, run, status: str, numbers: dict[str, float], error: str | None) -> None:
    self._open.discard(run.folder)
    wall_s = numbers.get("wall_s", time.monotonic() - self._started)
    result = JobResult(run.folder.name, status, columns(run.overrides), scalars(numbers), wall_s, error)
    with contextlib.suppress(OSError):  # a full disk; the sweep sees that the result is missing
      write_result(run.folder, result)


def main() -> int:
  """Run the jobs of the command line and return the process's exit code: 0 if every job was heard to its end."""
  die_with_the_parent()
  signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started the sweep with it ignored
  raise_on_sigterm()
  parser = argparse.ArgumentParser(description="train jobs of a sweep together")
  parser.add_argument("folders", type=pathlib.Path, nargs="+")
  parser.add_argument("--memory-gb", type=float, help="cap on what they take together")
  args = parser.parse_args()
  read = [read_job(folder) for folder in args.folders]
  configs = [to_typed(cfg) for cfg in read]
  results = Results(args.folders)
  with contextlib.ExitStack() as stack:
    for folder in args.folders:
      stack.enter_context(only_writer(folder))
    try:
      probe_devices(configs[0])
      set_platform(configs[0])
      trainer = importlib.import_module(TRAINER)  # imports JAX: only now
      check_devices(configs[0])
    except UserError as error:
      print(f"error: {one_line(error)}", file=sys.stderr)
      return 2
    runs = [
      trainer.Run(frozen(config), folder, _overrides(cfg), stack.enter_context((folder / LOG).open("a", buffering=1)))
      for config, cfg, folder in zip(configs, read, args.folders)
    ]
    group = sweep_name(args.folders[0].absolute().parent)
    try:
      trainer.run_together(runs, group=group, memory_gb=args.memory_gb, verdicts=results)
    except KeyboardInterrupt as interrupt:
      results.rest(runs, "interrupted", "interrupted")
      return 143 if isinstance(interrupt, Terminated) else 130
    except Exception as error:  # what they share went wrong: the outermost frame, as in job.job
      line, code = describe(error, args.folders[0])
      print(f"error: {line}", file=sys.stderr)
      results.rest(runs, "failed", line)
      return code
  return 0


def _overrides(cfg) -> list[str]:
  return OmegaConf.to_container(cfg.hydra.overrides.task)


if __name__ == "__main__":
  sys.exit(main())
