"""What a cluster runs on a node: one job of a sweep as a child process, which gets the cluster's signals."""

import os
import pathlib
import signal
import subprocess
import sys
import time
from typing import Any

from wildrobot_exp.sweeps.attempt import SAVE_SECONDS
from wildrobot_exp.sweeps.job_folder import LOG, STOP, is_done, is_in_use, prepare, with_package

POLL_S = 0.1
HOLD_S = 900.0  # SLURM kills after its grace time, which is shorter


class NodeJob:
  """Called on the node, it runs the job to its end. All that travels there is these values.

  A file .stop in the job's folder, with the number of a signal, makes it save and end.

  Args:
    folder: of the job, on a file system that the node shares.
    resumable: it can go on from a checkpoint.
    environ: variables that are set for it unless the node has them.
  """

  def __init__(self, folder: str, resumable: bool, environ: dict[str, str]):
    self.folder = pathlib.Path(folder)
    self.resumable = resumable
    self.environ = environ
    self._process: subprocess.Popen | None = None
    self._hold_until: float | None = None

  def __call__(self) -> int:
    """The job's exit code, negative for a signal."""
    while is_in_use(self.folder):  # by an attempt that a killed sweep could not write down
      time.sleep(POLL_S)
    if is_done(self.folder):
      return 0
    resumed = prepare(self.folder, self.resumable, again=False)
    command = [sys.executable, "-P", "-m", "wildrobot_exp.sweeps.child", str(self.folder)]
    with (self.folder / LOG).open("ab") as log:
      self._process = subprocess.Popen(
        command + ["--resume"] * resumed,
        stdin=subprocess.PIPE,  # ends with this process, and the job with it
        stdout=log,
        stderr=log,
        env={**self.environ, **with_package(os.environ)},
        start_new_session=True,
      )
    self._listen()
    while not self._gone():
      self._look()
      time.sleep(POLL_S)
    return self._process.wait()

  def _listen(self) -> None:
    """Install signal handlers, where the cluster sends signals."""

  def _look(self) -> None:
    stop = self.folder / STOP
    if stop.exists() and (signum := stop.read_text()):
      stop.unlink()
      self._process.send_signal(int(signum))

  def _gone(self) -> bool:
    """Whether no child runs. Takes no lock: signal handlers ask too."""
    if self._process is None:
      return True
    try:
      return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
      return True


class SubmititTask(NodeJob):
  """The same with the signals of SLURM, as submitit hands them on.

  USR2 (time limit, preemption): save, then submitit requeues. TERM: save, and leave it to SLURM to requeue or
  cancel. INT, or TERM from submitit's local executor: save and end, the sweep does not want it any more.
  """

  def _listen(self) -> None:
    slurm = os.environ.get("SUBMITIT_EXECUTOR") == "slurm"
    self._parent = os.getppid()

    def end(signum: int, frame: Any) -> None:
      self._process.send_signal(signum)

    def save_and_hold(signum: int, frame: Any) -> None:
      self._hold_until = time.monotonic() + HOLD_S
      self._process.send_signal(signum)

    signal.signal(signal.SIGTERM, save_and_hold if slurm else end)
    signal.signal(signal.SIGINT, end if slurm else signal.SIG_IGN)  # a terminal's goes to the sweep, which passes it on

  def __call__(self) -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # the sweep had it blocked
    code = super().__call__()
    while self._hold_until is not None and time.monotonic() < self._hold_until:
      time.sleep(POLL_S)
    return code

  def checkpoint(self) -> Any:
    """Submitit's hook for USR2: end the child after it has saved, and submit the same again."""
    from submitit.helpers import DelayedSubmission

    if not self._gone():
      self._process.send_signal(signal.SIGTERM)
    until = time.monotonic() + SAVE_SECONDS
    while not self._gone() and time.monotonic() < until:
      time.sleep(POLL_S)
    if not self._gone():
      os.killpg(self._process.pid, signal.SIGKILL)
    if is_done(self.folder):
      return None
    return DelayedSubmission(SubmititTask(str(self.folder), self.resumable, self.environ))

  def _look(self) -> None:
    super()._look()
    if os.getppid() != self._parent:  # submitit's controller was killed
      os.killpg(self._process.pid, signal.SIGKILL)
