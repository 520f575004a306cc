"""A job of a sweep seen from outside: start its process, stop it, and say how it ended."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from omegaconf import DictConfig, OmegaConf

from wildrobot_exp import cpus
from wildrobot_exp.sweeps.child import write_job
from wildrobot_exp.sweeps.summary import DONE, RESULT, JobResult, columns, read_result, write_result

LOG = "job.log"
SAVE_SECONDS = 60.0  # from the signal to the kill
GPU_MEMORY = 0.9  # of the whole, shared by the jobs side by side
PACKAGE_ROOT = pathlib.Path(__file__).resolve().parents[2]
TAIL_BYTES = 4096


class JobProcess:
  """One attempt at a job, running from the start.

  Args:
    cfg: composed for this job, Hydra's section included.
    folder: of the job.
    slot, slots: which share of the machine it gets.
    timeout_s: after that it is stopped; None: never.
    again: there was an attempt before: go on from its checkpoint, or clear the folder but for its logs.

  Raises:
    OSError: it cannot be started.
  """

  def __init__(
    self, cfg: DictConfig, folder: pathlib.Path, slot: int, slots: int, timeout_s: float | None, again: bool
  ):
    self.folder = folder
    self._overrides = OmegaConf.to_container(cfg.hydra.overrides.task)
    self._started = time.monotonic()
    self._timeout_s = timeout_s
    self._stopped: str | None = None  # timeout or interrupted
    self._kill_at: float | None = None
    self.resumed = again and _clear(cfg, folder)
    write_job(cfg, folder)
    mine = cpus.share(slot, slots)
    command = [sys.executable, "-P", "-m", "wildrobot_exp.sweeps.child", str(folder)]
    with (folder / LOG).open("ab") as log, cpus.only(mine):
      self._process = subprocess.Popen(
        command + ["--resume"] * self.resumed,
        stdin=subprocess.PIPE,  # never written: it ends when this process does, and with it the job
        stdout=log,
        stderr=log,
        env=environment(cfg, len(mine), slots),
        start_new_session=True,  # Ctrl-C in a terminal reaches the sweep, which passes it on once
      )

  @property
  def pid(self) -> int:
    return self._process.pid

  @property
  def wall_s(self) -> float:
    return time.monotonic() - self._started

  def watch(self, signals: Sequence[int]) -> None:
    """Enforce the time limit and pass on the first of the sweep's signals; the second one kills."""
    if signals and self._stopped != "interrupted":
      self._stop("interrupted", signals[0])
    elif self._stopped is None and self._timeout_s is not None and self.wall_s > self._timeout_s:
      self._stop("timeout", signal.SIGTERM)
    if len(signals) > 1 or (self._kill_at is not None and time.monotonic() > self._kill_at):
      self._kill()

  def ended(self) -> int | None:
    """The exit code, negative for a signal; None while it runs."""
    code = self._process.poll()
    if code is not None and self._process.stdin and not self._process.stdin.closed:
      self._kill()  # what it may have started and left behind
      self._process.stdin.close()
    return code

  def result(self) -> JobResult:
    """How it ended, which is also in its result.json then, if the disk is not full."""
    code = self._process.returncode
    said = read_result(self.folder)
    if code == 0 and said is not None and said.status in DONE:
      return said
    status, error = self._verdict(code, said)
    result = JobResult(self.folder.name, status, columns(self._overrides), {}, self.wall_s, error)
    with contextlib.suppress(OSError):
      write_result(self.folder, result)
    return result

  def _verdict(self, code: int, said: JobResult | None) -> tuple[str, str | None]:
    if self._stopped == "timeout":
      minutes = (self._timeout_s or 0.0) / 60
      return "timeout", f"stopped after {minutes:g} min (hydra.launcher.timeout_minutes)"
    if self._stopped == "interrupted":
      return "interrupted", "killed before it had saved" if code == -signal.SIGKILL else "interrupted"
    if said is not None and code > 0:
      return said.status, said.error
    if code < 0:
      how = f"killed by {_signal_name(-code)}{', out of memory?' if -code == signal.SIGKILL else ''}"
    else:
      how = f"exit code {code} without a result"
    return "failed", f"{how}; last line of {LOG}: {_last_line(self.folder / LOG)}"

  def _stop(self, why: str, signum: int) -> None:
    self._stopped = why
    self._kill_at = time.monotonic() + SAVE_SECONDS
    self._process.send_signal(signum)

  def _kill(self) -> None:
    with contextlib.suppress(ProcessLookupError):  # all gone
      os.killpg(self.pid, signal.SIGKILL)


def _clear(cfg: DictConfig, folder: pathlib.Path) -> bool:
  """Make the folder ready for another attempt; True if there is a checkpoint to go on from."""
  if not folder.is_dir():
    return False
  resumable = cfg.algo.name != "brax_ppo" and any((folder / "checkpoints").glob("[0-9]*"))
  if resumable:
    (folder / RESULT).unlink(missing_ok=True)
  else:
    for path in folder.iterdir():
      if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
      elif path.suffix != ".log":
        path.unlink()
  return resumable


def environment(cfg: DictConfig, threads: int, slots: int) -> dict[str, str]:
  """The child's environment: this package, and a share of the machine for what does not ask for the affinity."""
  env = dict(os.environ)
  env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PACKAGE_ROOT), env.get("PYTHONPATH")]))
  env["PYTHONUNBUFFERED"] = "1"  # a killed job's last line is in its log
  if slots > 1:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPROC"):  # NumPy and SciPy; XLA
      env.setdefault(name, str(threads))
    if cfg.hardware.platform == "gpu":
      env.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", f"{GPU_MEMORY / slots:.3f}")
  return env


def _signal_name(number: int) -> str:
  try:
    return signal.Signals(number).name
  except ValueError:
    return f"signal {number}"


def _last_line(path: pathlib.Path) -> str:
  with path.open("rb") as file:
    file.seek(max(0, path.stat().st_size - TAIL_BYTES))
    lines = file.read().decode(errors="replace").split("\n")
  return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "(empty)")
