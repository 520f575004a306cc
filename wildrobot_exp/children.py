"""Programs that this process waits for, and that do not outlive it."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from wildrobot_exp.interrupts import before_leaving

LOOK_S = 0.2  # between two calls of `between`


def run_child(
  command: Sequence[str],
  *,
  environment: Mapping[str, str] | None = None,
  patience_s: float | None = None,
  between: Callable[[], None] | None = None,
) -> subprocess.CompletedProcess[str]:
  """Run a program to its end. A Ctrl-C in the terminal is this process's alone to answer.

  An exception here, or a second Ctrl-C, kills the program with all that it has started.

  Args:
    command: its words.
    environment: of the program; this process's by default.
    patience_s: how long it may take.
    between: called some times a second while it runs; may raise.

  Returns:
    Its exit code, and what it wrote to stdout and stderr.

  Raises:
    subprocess.TimeoutExpired: it took longer than `patience_s`.
    OSError: it cannot be started.
  """
  until = None if patience_s is None else time.monotonic() + patience_s
  pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
  with _end_of_a_pipe() as stdin:
    with subprocess.Popen(command, env=environment, text=True, start_new_session=True, stdin=stdin, **pipes) as child:
      with before_leaving(lambda: _kill(child)):
        try:
          out, err = _wait(child, until, between)
        except BaseException:
          _kill(child)
          raise
  return subprocess.CompletedProcess(command, child.returncode, out, err)


def die_with_the_parent() -> None:
  """End at once, with all that was started from here, when the process at the other end of stdin is gone."""

  def wait() -> None:
    while os.read(0, 1024):
      pass
    os.killpg(0, signal.SIGKILL)

  threading.Thread(target=wait, daemon=True, name="parent").start()


@contextlib.contextmanager
def _end_of_a_pipe() -> Iterator[int]:
  """A file to read from, in which nothing ever stands: it ends with this process, for `die_with_the_parent`."""
  reader, writer = os.pipe()
  try:
    yield reader
  finally:
    os.close(reader)
    os.close(writer)


def _wait(child: subprocess.Popen, until: float | None, between: Callable[[], None] | None) -> tuple[str, str]:
  while True:
    try:
      return child.communicate(timeout=LOOK_S)
    except subprocess.TimeoutExpired:
      if until is not None and time.monotonic() > until:
        raise
      if between is not None:
        between()


def _kill(child: subprocess.Popen) -> None:
  with contextlib.suppress(ProcessLookupError):  # all gone
    os.killpg(child.pid, signal.SIGKILL)
