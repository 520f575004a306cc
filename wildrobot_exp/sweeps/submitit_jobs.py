"""Jobs of a sweep on a SLURM cluster, or in submitit's local stand-in for one."""

import math
import os
import pathlib
import shlex
import signal
import subprocess
import time
from typing import Any

import submitit
from omegaconf import DictConfig
from submitit.core.utils import environment_variables

from wildrobot_exp.config.explain import one_line
from wildrobot_exp.config.launcher import SubmititLocalConf, SubmititSlurmConf
from wildrobot_exp.run_lock import in_use
from wildrobot_exp.sweeps.attempt import Attempt
from wildrobot_exp.sweeps.child import write_job
from wildrobot_exp.sweeps.job_folder import THREADS, attempts, is_resumable, with_package
from wildrobot_exp.sweeps.node import SubmititTask

FOLDER = ".submitit"  # in the sweep folder: submission scripts, pickles, and the log of submitit itself
SAVE_NOTICE_S = 90  # between SLURM's signal and the time limit
POLL_S = {"slurm": 2.0, "local": 0.2}
FOREVER_MINUTES = 60.0 * 24 * 365
LOST_STATES = ("PREEMPTED", "UNKNOWN")  # for LOST_S: it will not be requeued, or its record was purged
LOST_S = 900.0
LOST = -int(signal.SIGKILL)


class SubmititJobs:
  """A Place: each job is one submission, at most as many at a time as the scheduler has slots.

  Args:
    sweep: the sweep folder; all nodes see it under the same path.
    settings: hydra.launcher.
  """

  def __init__(self, sweep: pathlib.Path, settings: SubmititLocalConf | SubmititSlurmConf):
    self._sweep = sweep
    self._settings = settings
    if callable(signal.getsignal(signal.SIGHUP)):
      signal.signal(signal.SIGHUP, signal.SIG_DFL)  # a closed terminal ends this process, and the cluster's jobs go on
    self._cluster = "slurm" if isinstance(settings, SubmititSlurmConf) else "local"
    folder = sweep / FOLDER / "%j"
    if self._cluster == "slurm":
      self._executor: Any = submitit.SlurmExecutor(folder, max_num_timeout=settings.max_num_timeout)
      self._executor.update_parameters(**slurm_parameters(settings))
    else:
      minutes = settings.timeout_minutes or FOREVER_MINUTES
      self._executor = submitit.LocalExecutor(folder, max_num_timeout=settings.max_num_timeout)
      notice = min(SAVE_NOTICE_S, int(30 * minutes))
      self._executor.update_parameters(
        timeout_min=minutes, signal_delay_s=notice, gpus_per_node=settings.gpus_per_node, setup=list(settings.setup)
      )

  def start(self, cfg: DictConfig, folder: pathlib.Path, slot: int, again: bool) -> Attempt:
    write_job(cfg, folder)
    before = attempts(folder)
    if self._cluster == "slurm":
      self._executor.update_parameters(job_name=f"{self._sweep.name}/{folder.name}"[:120])
    cpus = self._settings.cpus_per_task
    threads = dict.fromkeys(THREADS, str(cpus)) if cpus is not None else {}
    task = SubmititTask(str(folder), is_resumable(cfg), threads)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # what is started now does not get a terminal's Ctrl-C
    try:
      with environment_variables(**with_package(os.environ)):
        job = self._executor.submit(task)
    except submitit.core.utils.FailedJobError as error:  # sbatch's refusal
      raise OSError(one_line(error)) from error
    finally:
      signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    note = f"submitted as {self._cluster} job {job.job_id}"
    return SubmititAttempt(cfg, folder, job, self._settings, note, before)

  def find(self, cfg: DictConfig, folder: pathlib.Path, cluster_job: str) -> Attempt | None:
    job = self._executor.job_class(self._executor.folder, cluster_job.split()[1])
    found = SubmititAttempt(cfg, folder, job, self._settings, f"still runs as {self._cluster} job {job.job_id}")
    return None if found.ended() is not None else found


def slurm_parameters(settings: SubmititSlurmConf) -> dict[str, Any]:
  """hydra.launcher in the words of submitit.SlurmExecutor.update_parameters; what is null is left out."""
  parameters = {
    "partition": settings.partition,
    "account": settings.account,
    "qos": settings.qos,
    "constraint": settings.constraint,
    "time": math.ceil(settings.timeout_minutes),
    "mem": None if settings.mem_gb is None else f"{math.ceil(1024 * settings.mem_gb)}MB",
    "cpus_per_task": settings.cpus_per_task,
    "gpus_per_node": settings.gpus_per_node or None,
    "setup": list(settings.setup) or None,
    "additional_parameters": {"requeue": True, **settings.extra},
    "signal_delay_s": SAVE_NOTICE_S,
  }
  return {key: value for key, value in parameters.items() if value is not None}


class SubmititAttempt(Attempt):
  """A job that was submitted. Submitit and SLURM keep its time limit and requeue it.

  Args:
    cfg, folder: see Attempt.
    job: submitit's.
    settings: hydra.launcher.
    note: see Attempt.
    before: attempts that had begun in the folder when it was submitted.
  """

  def __init__(
    self,
    cfg: DictConfig,
    folder: pathlib.Path,
    job: Any,
    settings: SubmititLocalConf | SubmititSlurmConf,
    note: str,
    before: int = 0,
  ):
    super().__init__(cfg, folder, None)
    self._job = job
    self._settings = settings
    self._cluster = "slurm" if isinstance(settings, SubmititSlurmConf) else "local"
    self.cluster_job = f"submitit_{self._cluster} {job.job_id}"
    self.note = note
    job._results_timeout_s = 15 if self._cluster == "slurm" else 0  # a network file system may lag
    self._asked = -math.inf
    self._before = before
    self._lost_since: float | None = None
    self._lost = False
    self._code: int | None = None
    self._error = ""

  def ended(self) -> int | None:
    if self._code is None and time.monotonic() > self._asked + POLL_S[self._cluster]:
      over = self._is_over()
      self._asked = time.monotonic()
      self.count = attempts(self.folder)
      if over:
        self._code = self._outcome()
    return self._code

  def _is_over(self) -> bool:
    if self._cluster == "slurm":
      return self._job.done() or self._is_lost()
    if self._job.paths.result_pickle.exists():
      return True
    return self._job.done() if self._job._process is not None else not self._controller_runs()

  def _is_lost(self) -> bool:
    """Submitit waits for a preempted job to be requeued; where the partition's mode is CANCEL it never is.

    One that is unknown to sacct is not registered yet, or its record is gone; it may be at work while sacct is silent.
    """
    state = self._job.watcher.get_state(self._job.job_id, mode="cache")
    if state not in LOST_STATES or in_use(self.folder):
      self._lost_since = None
      return False
    self._lost_since = self._lost_since or time.monotonic()
    self._lost = time.monotonic() > self._lost_since + LOST_S
    return self._lost

  def _controller_runs(self) -> bool:
    """Whether the process that another sweep process started is there, and is not another one by now."""
    pid, folder = int(self._job.job_id), self._job.paths._folder
    command = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True).stdout
    return str(folder) in command and "<defunct>" not in command

  def _outcome(self) -> int:
    if self._stopped == "interrupted" and attempts(self.folder) == self._before:
      return 1  # cancelled while it was pending: there is no result to wait for
    if self._lost:  # submitit would wait for ever
      self._error = "lost"
      return LOST
    try:
      return int(self._job.result())
    except submitit.core.utils.UncompletedJobError as error:
      self._error = str(error)
    if "timed-out too many times" in self._error and self._stopped is None:
      self._stopped = "timeout"
    return LOST

  def _limit(self) -> str:
    times = self._settings.max_num_timeout + 1
    return (
      f"stopped after {times} times {self._settings.timeout_minutes:g} min"
      " (hydra.launcher.max_num_timeout, hydra.launcher.timeout_minutes)"
    )

  def _death(self, code: int) -> str:
    if not self._error:
      return super()._death(code)
    return f"{self._cluster} job {self._job.job_id} ended without a result, state {self._job.state}"

  def _send(self, signum: int) -> None:
    if self._cluster == "slurm":
      _scancel("--state=PENDING", self._job.job_id)
      _scancel("--signal=INT", self._job.job_id)
      self._ask_soon()
    else:
      self._signal_controller(signal.SIGTERM)

  def _kill(self) -> None:
    if self._cluster == "slurm":
      _scancel(self._job.job_id)
      self._ask_soon()
    else:
      self._signal_controller(signal.SIGKILL)

  def _ask_soon(self) -> None:
    """Submitit asks sacct the less often the longer ago its latest job was registered: begin anew with two seconds."""
    self._job.watcher.register_job(self._job.job_id)

  def _signal_controller(self, signum: int) -> None:
    if self._job._process is not None:
      self._job._process.send_signal(signum)
    elif self._controller_runs():
      os.kill(int(self._job.job_id), signum)


def _scancel(*arguments: str) -> None:
  done = subprocess.run(["scancel", *arguments], capture_output=True, text=True)
  if done.returncode:
    print(f"{shlex.join(['scancel', *arguments])}: {done.stderr.strip()}", flush=True)
