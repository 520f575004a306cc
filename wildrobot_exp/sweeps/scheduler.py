"""Run the jobs of a sweep, some at a time, and keep its manifest true."""

import collections
import dataclasses
import pathlib
import shlex
import signal
import sys
import time
from collections.abc import Sequence

from omegaconf import DictConfig

from wildrobot_exp.interrupts import Terminated, collected
from wildrobot_exp.sweeps.manifest import JobEntry, Manifest, now
from wildrobot_exp.sweeps.process import LOG, JobProcess
from wildrobot_exp.sweeps.summary import DONE, JobResult, columns, read_result, write_result

POLL_S = 0.05
MISTAKE = 2  # exit code: it would be the same again


@dataclasses.dataclass
class _Running:
  entry: JobEntry
  cfg: DictConfig
  slot: int
  process: JobProcess


class Scheduler:
  """Runs jobs, `n_jobs` side by side, each in a process of its own.

  Args:
    manifest: has an entry for every job; saved at every change.
    n_jobs, timeout_minutes, retries: see config.launcher.ProcessesConf.
  """

  def __init__(self, manifest: Manifest, n_jobs: int, timeout_minutes: float | None, retries: int):
    self._manifest = manifest
    self._n_jobs = n_jobs
    self._timeout_s = None if timeout_minutes is None else 60 * timeout_minutes
    self._retries = retries
    self._free = list(range(n_jobs))
    self._running: list[_Running] = []

  def run(self, jobs: Sequence[tuple[JobEntry, DictConfig]]) -> None:
    """Run all jobs but those that have a good result already.

    Raises:
      KeyboardInterrupt: SIGINT arrived and was passed on to the jobs, which have ended. Terminated: SIGTERM.
    """
    waiting = collections.deque((entry, cfg) for entry, cfg in jobs if not self._is_done(entry))
    self._manifest.save()
    left = {entry.number: self._retries for entry, _ in waiting}
    with collected() as signals:
      while self._running or (waiting and not signals):
        while waiting and self._free and not signals:
          self._start(*waiting.popleft())
        time.sleep(POLL_S)
        for job in list(self._running):
          job.process.watch(signals)
          code = job.process.ended()
          if code is None:
            continue
          self._finish(job)
          if job.entry.status == "failed" and code != MISTAKE and left[job.entry.number] and not signals:
            left[job.entry.number] -= 1
            waiting.appendleft((job.entry, job.cfg))
    if any(entry.status not in DONE for entry, _ in jobs) and (signals or not self._manifest.is_search):
      print(f"to run what is missing: {self.command()}", file=sys.stderr)
    if signals:
      raise Terminated if signals[0] == signal.SIGTERM else KeyboardInterrupt

  def command(self) -> str:
    """What to type to go on with this sweep."""
    return shlex.join(["python", "run.py", *self._manifest.command, f"sweep.resume={self._manifest.folder}"])

  def _is_done(self, entry: JobEntry) -> bool:
    result = read_result(self._folder(entry))
    if result is not None and result.status in DONE:
      entry.status, entry.error = result.status, None  # it may have ended after the sweep itself was killed
      return True
    entry.status, entry.pid = "waiting", None
    return False

  def _folder(self, entry: JobEntry) -> pathlib.Path:
    return self._manifest.folder / entry.folder

  def _start(self, entry: JobEntry, cfg: DictConfig) -> None:
    folder = self._folder(entry)
    entry.status, entry.error, entry.pid = "running", None, None
    entry.attempts += 1
    entry.started, entry.ended = now(), None
    self._manifest.save()
    try:
      process = JobProcess(cfg, folder, self._free[0], self._n_jobs, self._timeout_s, again=entry.attempts > 1)
    except OSError as error:
      entry.status, entry.error, entry.ended = "failed", f"cannot be started: {error}", now()
      if folder.is_dir():
        write_result(folder, JobResult(folder.name, "failed", columns(entry.overrides), {}, None, entry.error))
      self._manifest.save()
      print(f"error: {entry.folder}: {entry.error}", file=sys.stderr)
      return
    self._running.append(_Running(entry, cfg, self._free.pop(0), process))
    entry.pid = process.pid
    self._manifest.save()
    how = " goes on from its checkpoint" if process.resumed else " started"
    again = f", attempt {entry.attempts}" if entry.attempts > 1 else ""
    print(f"job {entry.number}{how}{again}: {' '.join(entry.overrides)} (log: {folder / LOG})", flush=True)

  def _finish(self, job: _Running) -> None:
    entry, result = job.entry, job.process.result()
    self._running.remove(job)
    self._free.append(job.slot)
    entry.status, entry.error, entry.ended = result.status, result.error, now()
    self._manifest.save()
    print(f"job {entry.number} {entry.status} after {job.process.wall_s:.0f} s", flush=True)
    if entry.error is not None:
      print(f"error: {entry.folder}: {entry.error} (log: {job.process.folder / LOG})", file=sys.stderr, flush=True)
