"""One attempt at a job of a sweep, seen from outside, wherever it runs; what runs jobs is a `Place`."""

import abc
import contextlib
import pathlib
import signal
import time
from collections.abc import Sequence
from typing import Protocol

from omegaconf import DictConfig, OmegaConf

from wildrobot_exp.sweeps.job_folder import LOG
from wildrobot_exp.sweeps.result import JobResult, columns, read_result, write_result

SAVE_SECONDS = 60.0  # from the signal to the kill
KILL_SECONDS = 10.0  # from one kill to the next one, where a cluster has not obeyed yet
TAIL_BYTES = 4096


class Attempt(abc.ABC):
  """One attempt at a job, started.

  Args:
    cfg: composed for this job, Hydra's section included.
    folder: of the job.
    timeout_s: after that it is stopped; None: never, or somebody else does it.

  Attributes:
    pid: of its process, if that is a child of this one.
    cluster_job: launcher and id of a job that outlives this process, "submitit_slurm 123"; else None.
    note: what to tell the user at its start.
    count: attempts that have begun in the folder, as far as this one knows; 0 if it keeps no count.
  """

  pid: int | None = None
  cluster_job: str | None = None
  note: str = "started"
  count: int = 0

  def __init__(self, cfg: DictConfig, folder: pathlib.Path, timeout_s: float | None):
    self.folder = folder
    self._overrides = OmegaConf.to_container(cfg.hydra.overrides.task)
    self._started = time.monotonic()
    self._timeout_s = timeout_s
    self._stopped: str | None = None  # timeout or interrupted
    self._kill_at: float | None = None
    self._killed: float | None = None

  @abc.abstractmethod
  def ended(self) -> int | None:
    """The exit code, negative for a signal; None while it runs."""

  @abc.abstractmethod
  def _send(self, signum: int) -> None:
    """Tell it to save and end."""

  @abc.abstractmethod
  def _kill(self) -> None:
    """End it now; harmless when it is gone."""

  @property
  def wall_s(self) -> float:
    return time.monotonic() - self._started

  def watch(self, signals: Sequence[int]) -> None:
    """Enforce the time limit and pass on the first of the sweep's signals; the second one kills."""
    if signals and self._stopped != "interrupted":
      self._stop("interrupted", signals[0])
    elif self._stopped is None and self._timeout_s is not None and self.wall_s > self._timeout_s:
      self._stop("timeout", signal.SIGTERM)
    now = time.monotonic()
    if len(signals) > 1 or (self._kill_at is not None and now > self._kill_at):
      if self._killed is None or now > self._killed + KILL_SECONDS:
        self._killed = now
        self._kill()

  def result(self) -> JobResult:
    """How it ended, which is also in its result.json then, if the disk is not full."""
    code = self.ended()
    assert code is not None
    said = read_result(self.folder)
    if said is not None and said.is_final:
      return said
    status, error = self._verdict(code, said)
    result = JobResult(self.folder.name, status, columns(self._overrides), {}, self.wall_s, error)
    with contextlib.suppress(OSError):
      write_result(self.folder, result)
    return result

  def _verdict(self, code: int, said: JobResult | None) -> tuple[str, str | None]:
    if self._stopped == "timeout":
      return "timeout", self._limit()
    if self._stopped == "interrupted":
      return "interrupted", "killed before it had saved" if code == -signal.SIGKILL else "interrupted"
    if said is not None and code > 0:
      if said.status == "interrupted":
        return "failed", "stopped by a signal that the sweep had not sent"
      return said.status, said.error
    return "failed", f"{self._death(code)}; last line of {LOG}: {last_line(self.folder / LOG)}"

  def _limit(self) -> str:
    return f"stopped after {(self._timeout_s or 0.0) / 60:g} min (hydra.launcher.timeout_minutes)"

  def _death(self, code: int) -> str:
    if code < 0:
      return f"killed by {_signal_name(-code)}{', out of memory?' if code == -signal.SIGKILL else ''}"
    return f"exit code {code} without a result"

  def _stop(self, why: str, signum: int) -> None:
    self._stopped = why
    self._kill_at, self._killed = time.monotonic() + SAVE_SECONDS, None
    self._send(signum)


class Place(Protocol):
  """Where jobs run: this machine, a cluster."""

  def start(self, cfg: DictConfig, folder: pathlib.Path, slot: int, again: bool) -> Attempt:
    """Start a job.

    Args:
      cfg: composed for this job, Hydra's section included.
      folder: of the job.
      slot: which of the jobs side by side it is, from 0.
      again: there was an attempt before: go on from its checkpoint, or clear the folder but for its logs.

    Raises:
      OSError: it cannot be started.
    """

  def find(self, cfg: DictConfig, folder: pathlib.Path, cluster_job: str) -> Attempt | None:
    """The attempt that an earlier process started and left; None if it does not run any more."""


def _signal_name(number: int) -> str:
  try:
    return signal.Signals(number).name
  except ValueError:
    return f"signal {number}"


def last_line(path: pathlib.Path) -> str:
  """Of a log file; what is said in its place if there is none."""
  if not path.exists():
    return "(there is none)"
  with path.open("rb") as file:
    file.seek(max(0, path.stat().st_size - TAIL_BYTES))
    lines = file.read().decode(errors="replace").split("\n")
  return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "(empty)")
