"""Jobs of a sweep that train together: one child process for all of them, one folder, result and verdict for each."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys

from omegaconf import DictConfig

from wildrobot_exp.sweeps.attempt import SAVE_SECONDS, Attempt, last_line
from wildrobot_exp.sweeps.child import write_job
from wildrobot_exp.sweeps.job_folder import is_resumable, prepare, with_package
from wildrobot_exp.sweeps.result import DONE, read_result


class Together:
  """A Place for a group of new jobs: they start as one process once the last one has come.

  None of them can be tried again here: until all have ended, their process holds their folders.

  Args:
    count: jobs that will come.
    log: file of what the process says of all of them.
    memory_gb: see config.launcher.VmapConf.
    timeout_minutes: of the whole group; None: no limit.
  """

  def __init__(self, count: int, log: pathlib.Path, memory_gb: float | None, timeout_minutes: float | None):
    self._expected = count
    self._memory_gb = memory_gb
    self._timeout_s = None if timeout_minutes is None else 60 * timeout_minutes
    self._group = Group(log)
    self._members: list[Member] = []

  def start(self, cfg: DictConfig, folder: pathlib.Path, slot: int, again: bool) -> Attempt:
    self._expected -= 1
    try:
      prepare(folder, is_resumable(cfg), again)
      write_job(cfg, folder)
      self._members.append(Member(cfg, folder, self._timeout_s, self._group))
    finally:  # a job that cannot be prepared does not keep the others waiting
      if not self._expected and self._members:
        self._group.start([member.folder for member in self._members], self._memory_gb)
    return self._members[-1]

  def find(self, cfg: DictConfig, folder: pathlib.Path, cluster_job: str) -> Attempt | None:
    return None  # they end with the sweep

  def wait(self) -> None:
    """Until nobody holds the jobs' folders; all jobs have ended, so it is a matter of moments."""
    self._group.wait()


class Group:
  """The process of a group. Raises OSError at `start`: it cannot be started, and all of its jobs have failed."""

  def __init__(self, log: pathlib.Path):
    self.log = log
    self._process: subprocess.Popen | None = None
    self._told: int | None = None
    self.refused: OSError | None = None

  def start(self, folders: list[pathlib.Path], memory_gb: float | None) -> None:
    command = [sys.executable, "-P", "-m", "wildrobot_exp.sweeps.vectorised_child", *map(str, folders)]
    command += [] if memory_gb is None else [f"--memory-gb={memory_gb}"]
    try:
      with self.log.open("ab") as log:
        self._process = subprocess.Popen(
          command,
          stdin=subprocess.PIPE,  # never written: it ends when this process does, and with it the group
          stdout=log,
          stderr=log,
          env=with_package(os.environ),
          start_new_session=True,
        )
    except OSError as error:
      self.refused = error
      raise

  def ended(self) -> int | None:
    """The exit code, negative for a signal; None while it runs or has not started."""
    if self._process is None and self.refused is not None:
      return 1
    if self._process is None:
      return None if self._told is None else -self._told  # it was called off before all of its jobs had come
    code = self._process.poll()
    if code is not None and not self._process.stdin.closed:
      self.kill()  # what it may have started and left behind
      self._process.stdin.close()
    return code

  def tell(self, signum: int) -> None:
    """Hand on the first signal: all of its jobs pass on the same one."""
    if self._told is None:
      self._told = signum
      if self._process is not None:
        self._process.send_signal(signum)

  def wait(self) -> None:
    """Until it is gone. It has nothing left to do: after a minute it is killed."""
    if self._process is None:
      return
    try:
      self._process.wait(SAVE_SECONDS)
    except subprocess.TimeoutExpired:
      self.kill()
      self._process.wait()
    self.ended()

  def kill(self) -> None:
    """End it now; harmless when it is gone."""
    if self._process is None:
      return
    with contextlib.suppress(ProcessLookupError):  # all gone
      os.killpg(self._process.pid, signal.SIGKILL)


class Member(Attempt):
  """One job of a group."""

  def __init__(self, cfg: DictConfig, folder: pathlib.Path, timeout_s: float | None, group: Group):
    super().__init__(cfg, folder, timeout_s)
    self._group = group
    self.note = f"trains with others (their log: {group.log})"

  def ended(self) -> int | None:
    said = read_result(self.folder)
    if said is not None and said.status != "interrupted":
      return 0 if said.status in DONE else 1
    return self._group.ended()

  def _send(self, signum: int) -> None:
    self._group.tell(signum)

  def _kill(self) -> None:
    self._group.kill()

  def _death(self, code: int) -> str:
    if self._group.refused is not None:
      return f"its group cannot be started: {self._group.refused}"
    return f"{super()._death(code)}; last line of {self._group.log.name}: {last_line(self._group.log)}"
