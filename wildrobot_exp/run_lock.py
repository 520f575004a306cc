"""One process per run folder. The kernel drops the lock with the process, however that one ends."""

import contextlib
import fcntl
import os
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
      raise UserError(f"{folder} is in use by process {file.read().strip()}: wait for it, or stop it first") from error
    file.truncate(0)
    file.write(str(os.getpid()))
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
      os.kill(int(file.read()), 0)  # a dead writer holds nothing: then the lock is left alone
      fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
  except BlockingIOError:
    return True
  except (OSError, ValueError):
    return False
  return False
