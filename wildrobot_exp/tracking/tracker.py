"""The one interface to every place a run's numbers go. A place that fails warns once; training goes on."""

import contextlib
import functools
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TextIO, TypeVar

import rich.console

from wildrobot_exp.tracking.console import Console
from wildrobot_exp.tracking.csv_file import CsvFile
from wildrobot_exp.tracking.tensorboard_events import TensorBoardEvents
from wildrobot_exp.tracking.wandb_run import WandbRun

WARNING = "warning:"  # how a line begins that has to be said

_log = logging.getLogger(__name__)


class Sink(Protocol):
  """One place where numbers go. Raises OSError when it cannot take them (a full disk, a closed pipe)."""

  name: str

  def log(self, step: int, metrics: dict[str, float]) -> None: ...

  def rewind(self, step: int) -> None: ...

  def close(self, exit_code: int) -> None: ...


_Opened = TypeVar("_Opened", bound=Sink)


class Tracker:
  """Hands every row to every sink. Not thread-safe: one thread logs."""

  def __init__(self, sinks: Sequence[Sink] = (), console: Console | None = None, wall_s: float = 0.0,
               warn_on: TextIO | None = None):
    """wall_s: seconds already spent before this start (a resumed run); `earlier_s` gives them back.

    warn_on: where warnings go without a console; None: stdout.
    """
    self.earlier_s = wall_s
    self._sinks = [*sinks, *([console] if console else [])]
    self._console = console
    self._warn_on = warn_on
    self._start = time.monotonic() - wall_s
    self._warned: set[str] = set()
    self._closed = False

  def log(self, step: int, metrics: dict[str, float]) -> None:
    """One row. step: env steps so far. metrics: by name (`train/return`), only what was measured.

    Adds `wall_s`, the seconds since the run began (time between a stop and a resume not counted).
    """
    row = {"wall_s": time.monotonic() - self._start, **metrics}
    for sink in self._sinks:
      self._guard(sink.name, sink.log, step, row)

  def rewind(self, step: int) -> None:
    """Training goes on from an earlier step: rows beyond it are of a branch that was given up."""
    for sink in self._sinks:
      self._guard(sink.name, sink.rewind, step)

  def compiling(self, what: str) -> contextlib.AbstractContextManager[None]:
    """While inside, the console says that `what` is being compiled and for how long."""
    return self._console.compiling(what) if self._console else contextlib.nullcontext()

  def say(self, line: str) -> None:
    """A line on the console, for what happens beside the numbers. A warning is said without a console too."""
    if self._console:
      self._guard(self._console.name, self._console.say, line)
    elif line.startswith(WARNING):
      self._guard("console", functools.partial(print, line, file=self._warn_on, flush=True))

  def close(self, exit_code: int = 0) -> None:
    """Closes every sink; a second call does nothing. exit_code: 0 if the run succeeded."""
    if self._closed:
      return
    self._closed = True
    for sink in reversed(self._sinks):
      self._guard(sink.name, sink.close, exit_code)

  def _guard(self, name: str, call: Callable[..., None], *args: Any) -> None:
    try:
      call(*args)
    except OSError as error:
      if name not in self._warned:
        _log.warning("%s: %s; training goes on, some of its rows may be missing", name, error)
      self._warned.add(name)


def make_tracker(logger_cfg: Any, run_dir: str | Path, *, run_name: str, group: str,
                 config_dict: dict[str, Any], total_steps: int, resume_step: int | None = None,
                 overrides: Mapping[str, str] | None = None, console: TextIO | None = None) -> Tracker:
  """The tracker of one run, with what `conf/logger` asks for; metrics.csv is always written.

  logger_cfg: fields `tensorboard`, `progress`, `wandb.mode`, `wandb.project`. group: the sweep's name, or "".
  config_dict: the composed config as plain dicts. total_steps: env steps at which training ends.
  resume_step: None for a new run; for a resumed one the checkpoint's step, and rows beyond it are dropped.
  overrides: what was swept for this job, key -> value as typed: how TensorBoard tells jobs apart. None: a plain run.
  console: a file for the lines that else go to stdout.
  """
  run_dir = Path(run_dir)
  csv_file = _opened(CsvFile, run_dir / "metrics.csv", resume_step)
  resumed_rows = csv_file.kept if csv_file else []
  events = None
  if logger_cfg.tensorboard:
    events = _opened(TensorBoardEvents, run_dir / "tensorboard", config_dict, resume_step, overrides, resumed_rows)
  wandb_run = None
  if logger_cfg.wandb.mode != "disabled":
    kept = resumed_rows if resume_step is not None else None
    wandb_run = _opened(WandbRun, run_dir, mode=logger_cfg.wandb.mode, project=logger_cfg.wandb.project, group=group,
                        run_name=run_name, config_dict=config_dict, kept=kept)
  lines = None
  if logger_cfg.progress:
    lines = Console(total_steps, resume_step or 0, console and rich.console.Console(file=console))
  sinks = [sink for sink in (csv_file, events, wandb_run) if sink is not None]
  return Tracker(sinks, lines, wall_s=csv_file.last_wall_s if csv_file else 0.0, warn_on=console)


def _opened(sink: type[_Opened], *args: Any, **named: Any) -> _Opened | None:
  """The sink, or None and a warning if its file cannot be written."""
  try:
    return sink(*args, **named)
  except OSError as error:
    _log.warning("%s: %s; training goes on without it", sink.name, error)
    return None
