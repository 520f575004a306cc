"""One process per run folder, also one of another machine on a file system whose locks reach across machines.

The kernel drops the lock with the process, however that one ends. The file says whose it is: pid and host.
"""

import contextlib
import fcntl
import itertools
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from wildrobot_exp.errors import UserError

LOCK = ".lock"
MOST_NAMES = 100  # tried for a folder whose name is taken


class _Held(threading.local):
  """The locks of this thread."""

  def __init__(self) -> None:
    self.paths: set[Path] = set()


_held = _Held()


@contextlib.contextmanager
def only_writer(folder: str | os.PathLike) -> Iterator[None]:
  """Hold the run folder while inside. The thread that holds it already may do so once more.

  Raises:
    UserError: another process, or thread, is writing into it, or its file system cannot tell.
  """
  path = Path(folder).resolve() / LOCK
  if path in _held.paths:
    yield
    return
  with _opened(path) as file:
    try:
      fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
      file.seek(0)
      pid, host = _writer(file.read())
      where = "" if host == socket.gethostname() else f" on {host}"
      raise UserError(f"{folder} is in use by process {pid}{where}: wait for it, or stop it first") from error
    except OSError as error:
      raise UserError(
        f"{folder} is on a file system without locks ({error.strerror}): two processes could write into it; choose"
        " another one"
      ) from error
    file.truncate(0)
    file.write(f"{os.getpid()} {socket.gethostname()}")
    file.flush()
    _held.paths.add(path)
    try:
      yield
    finally:
      _held.paths.discard(path)


@contextlib.contextmanager
def claimed(folder: str, holds_run: Callable[[Path], bool], *, step_aside: bool) -> Iterator[str]:
  """Hold a folder that no run has begun in, while inside; created if it is not there.

  Args:
    folder: wanted.
    holds_run: whether there is a run in a folder already.
    step_aside: where it is taken, folder_2 is held, or folder_3, ...

  Yields:
    The folder that is held.

  Raises:
    UserError: it is taken.
  """
  with contextlib.ExitStack() as stack:
    for number in itertools.count(1):
      name = folder if number == 1 else f"{folder}_{number}"
      try:
        Path(name).mkdir(parents=True, exist_ok=True)
        stack.enter_context(only_writer(name))
        if holds_run(Path(name)):
          raise UserError(f"{name} already holds a run: choose another folder with hydra.run.dir=...")
        break
      except OSError as error:
        raise UserError(f"cannot write to {name}: {error.strerror or error}; choose another folder") from error
      except UserError:
        stack.close()
        if not step_aside or number == MOST_NAMES:
          raise
    yield name



def _opened(path: Path) -> TextIO:
  try:
    return path.open("a+")
  except OSError as error:
    raise UserError(f"cannot write to {path}: {error.strerror}; choose another folder, or make it writable") from error


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
