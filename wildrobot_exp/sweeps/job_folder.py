"""A job's folder between two attempts: what is in use, what is done, what the next attempt may start from."""

import datetime
import os
import pathlib
import shutil
import socket
from collections.abc import Mapping

from omegaconf import DictConfig

from wildrobot_exp.errors import UserError
from wildrobot_exp.run_lock import refuse_if_in_use
from wildrobot_exp.sweeps.result import RESULT, read_result

LOG = "job.log"
ATTEMPTS = "attempts.log"
STOP = ".stop"
PACKAGE_ROOT = pathlib.Path(__file__).resolve().parents[2]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPROC")  # NumPy and SciPy; XLA
KEPT = (".hydra", ".lock")  # besides the logs


def is_resumable(cfg: DictConfig) -> bool:
  """Whether a job of this config can go on from a checkpoint at all."""
  return cfg.algo.name != "brax_ppo"


def is_done(folder: pathlib.Path) -> bool:
  """Whether the job has a result that another attempt would not change, see JobResult.is_final."""
  result = read_result(folder)
  return result is not None and result.is_final


def is_in_use(folder: pathlib.Path) -> bool:
  """Whether a process is at work in the folder."""
  try:
    refuse_if_in_use(folder)
  except UserError:
    return True
  return False


def prepare(folder: pathlib.Path, resumable: bool, again: bool) -> bool:
  """Make the folder ready for an attempt and note the attempt in attempts.log.

  Args:
    folder: of the job; nobody is at work in it.
    resumable: the job can go on from a checkpoint.
    again: there was an attempt before; attempts.log knows it too, if it began.

  Returns:
    Whether there is a checkpoint to go on from; if not, what an attempt left is removed but for config and logs.
  """
  folder.mkdir(parents=True, exist_ok=True)
  again = again or attempts(folder) > 0
  resumed = again and resumable and any((folder / "checkpoints").glob("[0-9]*"))
  if resumed:
    for name in (RESULT, STOP):
      (folder / name).unlink(missing_ok=True)
  elif again:
    for path in folder.iterdir():
      if path.is_dir() and not path.is_symlink() and path.name not in KEPT:
        shutil.rmtree(path)
      elif path.name not in KEPT and path.suffix != ".log":
        path.unlink()
  how = "from its checkpoint" if resumed else "from the start"
  when = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
  with (folder / ATTEMPTS).open("a") as log:
    log.write(f"{when} {socket.gethostname()} {os.getpid()} {how}\n")
  return resumed


def with_package(environ: Mapping[str, str]) -> dict[str, str]:
  """An environment in which a job's Python finds this package."""
  env = dict(environ)
  env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PACKAGE_ROOT), env.get("PYTHONPATH")]))
  env["PYTHONUNBUFFERED"] = "1"  # a killed job's last line is in its log
  return env


def attempts(folder: pathlib.Path) -> int:
  """How many attempts have begun so far, on whatever machine."""
  try:
    return len((folder / ATTEMPTS).read_text().splitlines())
  except FileNotFoundError:
    return 0
