"""Jobs of a sweep as processes of this machine."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys

from omegaconf import DictConfig

from wildrobot_exp import cpus
from wildrobot_exp.sweeps.attempt import Attempt
from wildrobot_exp.sweeps.child import write_job
from wildrobot_exp.sweeps.job_folder import LOG, THREADS, is_resumable, prepare, with_package

GPU_MEMORY = 0.9  # of the whole, shared by the jobs side by side


class Processes:
  """A Place: each job is a child process with its share of the CPUs.

  Args:
    slots: jobs side by side.
    timeout_minutes: see config.launcher.ProcessesConf.
  """

  def __init__(self, slots: int, timeout_minutes: float | None):
    self._slots = slots
    self._timeout_s = None if timeout_minutes is None else 60 * timeout_minutes

  def start(self, cfg: DictConfig, folder: pathlib.Path, slot: int, again: bool) -> Attempt:
    return JobProcess(cfg, folder, slot, self._slots, self._timeout_s, again)

  def find(self, cfg: DictConfig, folder: pathlib.Path, cluster_job: str) -> Attempt | None:
    return None  # they end with the sweep


class JobProcess(Attempt):
  """One attempt at a job in a process, running from the start.

  Args:
    cfg, folder, timeout_s: see Attempt.
    slot, slots: which share of the machine it gets.
    again: see Place.start.

  Raises:
    OSError: it cannot be started.
  """

  def __init__(
    self, cfg: DictConfig, folder: pathlib.Path, slot: int, slots: int, timeout_s: float | None, again: bool
  ):
    super().__init__(cfg, folder, timeout_s)
    resumed = prepare(folder, is_resumable(cfg), again)
    write_job(cfg, folder)
    mine = cpus.share(slot, slots)
    command = [sys.executable, "-P", "-m", "wildrobot_exp.sweeps.child", str(folder)]
    with (folder / LOG).open("ab") as log, cpus.only(mine):
      self._process = subprocess.Popen(
        command + ["--resume"] * resumed,
        stdin=subprocess.PIPE,  # never written: it ends when this process does, and with it the job
        stdout=log,
        stderr=log,
        env=environment(cfg, len(mine), slots),
        start_new_session=True,  # Ctrl-C in a terminal reaches the sweep, which passes it on once
      )
    self.pid = self._process.pid
    self.note = "goes on from its checkpoint" if resumed else "started"

  def ended(self) -> int | None:
    code = self._process.poll()
    if code is not None and self._process.stdin and not self._process.stdin.closed:
      self._kill()  # what it may have started and left behind
      self._process.stdin.close()
    return code

  def _send(self, signum: int) -> None:
    self._process.send_signal(signum)

  def _kill(self) -> None:
    with contextlib.suppress(ProcessLookupError):  # all gone
      os.killpg(self._process.pid, signal.SIGKILL)


def environment(cfg: DictConfig, threads: int, slots: int) -> dict[str, str]:
  """The child's environment: this package, and a share of the machine for what does not ask for the affinity."""
  env = with_package(os.environ)
  if slots > 1:
    for name in THREADS:
      env.setdefault(name, str(threads))
    if cfg.hardware.platform == "gpu":
      env.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", f"{GPU_MEMORY / slots:.3f}")
  return env
