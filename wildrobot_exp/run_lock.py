"""One process per run folder, also one of another machine on a file system whose locks reach across machines.

The kernel drops the lock with the process, however that one ends. The file says whose it is: pid and host.
"""

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from wildrobot_exp.errors import UserError

LOCK = ".lock"


@contextlib.contextmanager
def only_writer(folder: str | os.PathLike) -> Iterator[None]:
  """Hold the run folder while inside.

  Raises:
    UserError: another process is writing into it.
  """
  with (Path(folder) / LOCK).open("a+") as file:
    try:
      fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
      file.seek(0)
      pid, host = _writer(file.read())
      where = "" if host == socket.gethostname() else f" on {host}"
      raise UserError(f"{folder} is in use by process {pid}{where}: wait for it, or stop it first") from error
    file.truncate(0)
    file.write(f"{os.getpid()} {socket.gethostname()}")
    file.flush()
    yield


def refuse_if_in_use(folder: str | os.PathLike) -> None:
  """Raises UserError if a process is writing into the run folder; leaves the folder as it is."""
  if (Path(folder) / LOCK).exists():
    with only_writer(folder):
      pass


def in_use(folder: str | os.PathLike) -> bool:
  """Whether a process is writing into the folder. Unlike `refuse_if_in_use` it writes nothing, not even the lock."""
  try:
    with (Path(folder) / LOCK).open() as file:
      pid, host = _writer(file.read())
      if host == socket.gethostname() and not _is_alive(int(pid)):
        return False  # a dead writer holds nothing: then the lock is left alone
      fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
  except BlockingIOError:
    return True
  except (OSError, ValueError):
    return False
  return False


def _writer(text: str) -> tuple[str, str]:
  """pid and host of the last writer; before hosts were written down it was this one."""
  pid, _, host = text.strip().partition(" ")
  return pid, host or socket.gethostname()


def _is_alive(pid: int) -> bool:
  """Whether there is such a process here, whoever's it is."""
  try:
    os.kill(pid, 0)
  except ProcessLookupError:
    return False
  except PermissionError:
    pass
  return True
