"""Run the jobs of a sweep, some at a time, and keep its manifest true."""

import collections
import contextlib
import dataclasses
import math
import pathlib
import signal
import statistics
import sys
import time
from collections.abc import Collection, Sequence

from omegaconf import DictConfig

from wildrobot_exp.interrupts import Terminated, collected
from wildrobot_exp.sweeps.attempt import Attempt, Place
from wildrobot_exp.sweeps.job_folder import LOG, is_done
from wildrobot_exp.sweeps.manifest import JobEntry, Manifest, now
from wildrobot_exp.sweeps.process import Processes
from wildrobot_exp.sweeps.result import UNFINISHED, JobResult, columns, read_result, write_result

POLL_S = 0.05
MISTAKE = 2  # exit code: it would be the same again


@dataclasses.dataclass
class _Running:
  entry: JobEntry
  cfg: DictConfig
  slot: int | None
  attempt: Attempt


class Scheduler:
  """Runs jobs, `n_jobs` side by side, each in a process of its own.

  Args:
    manifest: has an entry for every job; saved at every change.
    n_jobs, timeout_minutes, retries: see config.launcher.ProcessesConf.
    place: where they run, and who then keeps the time limit; None: processes of this machine.
  """

  def __init__(
    self, manifest: Manifest, n_jobs: int, timeout_minutes: float | None, retries: int, place: Place | None = None
  ):
    self._manifest = manifest
    self._timeout_minutes = timeout_minutes
    self._place = place
    self._retries = retries
    self._walls: list[float] = []  # s, of the attempts that ended here
    self._free = list(range(n_jobs))
    self._running: list[_Running] = []

  def run(self, jobs: Sequence[tuple[JobEntry, DictConfig]], tried: Collection[int] = ()) -> None:
    """Run all jobs but those that have a final result already.

    Args:
      jobs: entries of the manifest and their composed configs.
      tried: numbers of jobs whose first attempt has just failed elsewhere: theirs are retries.

    Raises:
      KeyboardInterrupt: SIGINT arrived and was passed on to the jobs, which have ended. Terminated: SIGTERM.
    """
    waiting = collections.deque((entry, cfg) for entry, cfg in jobs if not self._is_done(entry, cfg))
    self._manifest.save()
    if self._place is None:  # nobody keeps a share of the machine for jobs that are done
      self._free = self._free[: max(1, len(waiting))]
      self._place = Processes(len(self._free), self._timeout_minutes)
    left = {entry.number: self._retries - (entry.number in tried) for entry, _ in jobs}
    with collected() as signals:
      while self._running or (waiting and not signals):
        while waiting and self._free and not signals:
          self._start(*waiting.popleft())
        time.sleep(POLL_S)
        for job in list(self._running):
          job.attempt.watch(signals)
          code = job.attempt.ended()
          self._count(job)
          if code is None:
            continue
          self._finish(job)
          if code != MISTAKE and self.broke(job.entry) and left[job.entry.number] and not signals:
            left[job.entry.number] -= 1
            waiting.appendleft((job.entry, job.cfg))
    if signals:
      raise Terminated if signals[0] == signal.SIGTERM else KeyboardInterrupt

  def _is_done(self, entry: JobEntry, cfg: DictConfig) -> bool:
    """Whether nothing is left to start: there is a final result, or the job still runs, which is then watched."""
    result = read_result(self._folder(entry))
    if result is not None and result.is_final:
      entry.status, entry.error = result.status, result.error  # it may have ended after the sweep itself was killed
      return True
    if entry.status == "running" and entry.cluster_job is not None and self._place is not None:
      attempt = self._place.find(cfg, self._folder(entry), entry.cluster_job)
      if attempt is not None:
        self._running.append(_Running(entry, cfg, self._free.pop(0) if self._free else None, attempt))
        print(f"job {entry.number} {attempt.note}: {' '.join(entry.overrides)}", flush=True)
        return True
    entry.status, entry.pid, entry.cluster_job = "waiting", None, None
    return False

  def broke(self, entry: JobEntry) -> bool:
    """Whether another attempt may go better: it failed before it had numbers. One that missed a gate has them."""
    return entry.status == "failed" and not is_done(self._folder(entry))

  def _folder(self, entry: JobEntry) -> pathlib.Path:
    return self._manifest.folder / entry.folder

  def _start(self, entry: JobEntry, cfg: DictConfig) -> None:
    folder = self._folder(entry)
    entry.status, entry.error, entry.pid, entry.cluster_job = "running", None, None, None
    entry.attempts += 1
    entry.started, entry.ended = now(), None
    self._manifest.save()
    try:
      attempt = self._place.start(cfg, folder, self._free[0], again=entry.attempts > 1)
    except OSError as error:
      entry.status, entry.error, entry.ended = "failed", f"cannot be started: {error}", now()
      if folder.is_dir():
        with contextlib.suppress(OSError):  # the disk is full; the manifest knows
          write_result(folder, JobResult(folder.name, "failed", columns(entry.overrides), {}, None, entry.error))
      self._manifest.save()
      print(f"error: {entry.folder}: {entry.error}", file=sys.stderr)
      return
    self._running.append(_Running(entry, cfg, self._free.pop(0), attempt))
    entry.pid, entry.cluster_job = attempt.pid, attempt.cluster_job
    self._manifest.save()
    again = f", attempt {entry.attempts}" if entry.attempts > 1 else ""
    print(f"job {entry.number} {attempt.note}{again}: {' '.join(entry.overrides)} (log: {folder / LOG})", flush=True)

  def _count(self, job: _Running) -> None:
    """A cluster may have begun the job once more by itself."""
    entry = job.entry
    if job.attempt.count > entry.attempts:
      entry.attempts = job.attempt.count
      self._manifest.save()
      print(f"job {entry.number} was requeued, attempt {entry.attempts}", flush=True)

  def _finish(self, job: _Running) -> None:
    entry, result = job.entry, job.attempt.result()
    self._running.remove(job)
    if job.slot is not None:
      self._free.append(job.slot)
    entry.status, entry.error, entry.ended = result.status, result.error, now()
    self._manifest.save()
    self._walls.append(job.attempt.wall_s)
    print(f"job {entry.number} {entry.status} after {job.attempt.wall_s:.0f} s{self._progress()}", flush=True)
    if entry.error is not None:
      print(f"error: {entry.folder}: {entry.error} (log: {job.attempt.folder / LOG})", file=sys.stderr, flush=True)

  def _progress(self) -> str:
    """How far the sweep is, and when it may be done; nothing of a search, whose jobs are not known yet."""
    entries = self._manifest.jobs.values()
    left = sum(entry.status in UNFINISHED for entry in entries)
    if self._manifest.is_search or not left:
      return ""
    side_by_side = len(self._free) + len(self._running)
    minutes = statistics.mean(self._walls) * math.ceil(left / max(1, side_by_side)) / 60
    return f"; {len(entries) - left} of {len(entries)} done, about {math.ceil(minutes)} min left"
