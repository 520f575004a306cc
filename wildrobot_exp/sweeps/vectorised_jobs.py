"""Jobs of a sweep that train together: one child process for all of them, one folder, result and verdict for each."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys

from omegaconf import DictConfig

from wildrobot_exp.sweeps.attempt import Attempt, last_line
from wildrobot_exp.sweeps.child import write_job
from wildrobot_exp.sweeps.job_folder import is_resumable, prepare, with_package
from wildrobot_exp.sweeps.process import Processes
from wildrobot_exp.sweeps.result import DONE, read_result


class Together:
  """A Place for a group of jobs: they start as one process once the last one has come.

  A job that was begun before goes on from its own checkpoint, or starts again, in a process of its own.

  Args:
    count: jobs that will come for the first time.
    log: file of what the process says of all of them.
    memory_gb: see config.launcher.VmapConf.
    timeout_minutes: of the whole group; None: no limit.
    alone: where jobs go that were begun before.
  """

  def __init__(
    self, count: int, log: pathlib.Path, memory_gb: float | None, timeout_minutes: float | None, alone: Processes
  ):
    self._count = count
    self._log = log
    self._memory_gb = memory_gb
    self._timeout_s = None if timeout_minutes is None else 60 * timeout_minutes
    self._alone = alone
    self._group = Group(log)
    self._members: list[Member] = []

  def start(self, cfg: DictConfig, folder: pathlib.Path, slot: int, again: bool) -> Attempt:
    if again:
      return self._alone.start(cfg, folder, 0, again)
    prepare(folder, is_resumable(cfg), again)
    write_job(cfg, folder)
    member = Member(cfg, folder, self._timeout_s, self._group)
    self._members.append(member)
    if len(self._members) == self._count:
      self._group.start([member.folder for member in self._members], self._memory_gb)
    return member

  def find(self, cfg: DictConfig, folder: pathlib.Path, cluster_job: str) -> Attempt | None:
    return None  # they end with the sweep


class Group:
  """The process of a group. Raises OSError at `start`: it cannot be started."""

  def __init__(self, log: pathlib.Path):
    self.log = log
    self._process: subprocess.Popen | None = None
    self._told: int | None = None

  def start(self, folders: list[pathlib.Path], memory_gb: float | None) -> None:
    command = [sys.executable, "-P", "-m", "wildrobot_exp.sweeps.vectorised_child", *map(str, folders)]
    command += [] if memory_gb is None else [f"--memory-gb={memory_gb}"]
    with self.log.open("ab") as log:
      self._process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,  # never written: it ends when this process does, and with it the group
        stdout=log,
        stderr=log,
        env=with_package(os.environ),
        start_new_session=True,
      )

  def ended(self) -> int | None:
    """The exit code, negative for a signal; None while it runs or has not started."""
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
    return f"{super()._death(code)}; last line of {self._group.log.name}: {last_line(self._group.log)}"
