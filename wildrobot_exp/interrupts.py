"""Signals that end a run as exceptions, beside Python's KeyboardInterrupt for SIGINT; they can wait for a while.

SLURM sends SIGTERM before it kills, and SIGUSR1 or SIGUSR2 where `--signal` asks for an earlier warning; SIGHUP comes
when the terminal is closed or its connection drops. All of them mean the same here.
"""

import contextlib
import errno
import os
import signal
import sys
import termios
import threading
import types
from collections.abc import Callable, Iterable, Iterator

TERMINATING = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)

_SAVING = (
  b"interrupted: finishing what is under way, then saving; Ctrl-C once more leaves at once\n",
  b"interrupted again: left at once; the last whole checkpoint stays\n",
)
_ENDING = (
  b"interrupted: ends after what is computed now; Ctrl-C once more leaves at once\n",
  b"interrupted again: left at once\n",
)
_CLEAR_LINE = b"\r\x1b[K"
_SHOW_CURSOR = b"\x1b[?25h"


class Terminated(KeyboardInterrupt):
  """One of TERMINATING arrived. A KeyboardInterrupt: whoever saves on Ctrl-C saves on this too."""


def _raise(signum: int, frame: types.FrameType | None) -> None:
  if signum == signal.SIGHUP:
    _drop_dead_terminal()
  raise Terminated


def raise_on_sigterm() -> None:
  """From now on SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 raise Terminated in the main thread; nohup's SIGHUP does not."""
  for number in TERMINATING:
    if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
      signal.signal(number, _raise)


@contextlib.contextmanager
def collected() -> Iterator[list[int]]:
  """While inside, SIGINT and SIGTERM raise nothing: they are in the list. An ignored SIGINT stays ignored.

  SIGHUP, SIGUSR1 and SIGUSR2, where `raise_on_sigterm` was called, are listed as SIGTERM unless something is listed.
  """
  signals: list[int] = []
  before = {number: signal.getsignal(number) for number in _ending()}
  watched = signal.set_wakeup_fd(-1)  # here a second Ctrl-C is whoever reads the list's to answer

  def collect(signum: int, frame: types.FrameType | None) -> None:
    if signum == signal.SIGHUP:
      _drop_dead_terminal()
    if signum in (signal.SIGINT, signal.SIGTERM):
      signals.append(signum)
    elif not signals:
      signals.append(signal.SIGTERM)

  for number in before:
    signal.signal(number, collect)
  try:
    yield signals
  finally:
    for number, handler in before.items():
      signal.signal(number, handler)
    signal.set_wakeup_fd(watched)


class _Hold:
  """What has arrived since `held` was entered; `raised`: somebody was told by an exception."""

  def __init__(self) -> None:
    self.arrived: list[int] = []
    self.raised = False
    self.open = True

  def keep(self, signum: int, frame: types.FrameType | None) -> None:
    if signum == signal.SIGHUP:
      _drop_dead_terminal()
    self.arrived.append(signum)


_hold: _Hold | None = None  # of the main thread, which alone gets signals: the open one, or else the last one
_before_leaving: list[Callable[[], None]] = []


@contextlib.contextmanager
def held(saves: bool = True) -> Iterator[Callable[[], None]]:
  """While inside, a signal waits until `raise_held`, which is yielded, is called. One inside another changes nothing.

  A handler that raised would do so inside of JAX: in a host callback, whose error is another one then. What arrives is
  answered in a line on stderr at once, also while the main thread computes. After the first signal Ctrl-C ends the
  process at once, also when this has been left, and every other signal means nothing new. In another thread than the
  main one, which gets no signals, nothing is held.

  Args:
    saves: what the line promises: whoever is interrupted saves before it ends.
  """
  global _hold
  if threading.current_thread() is not threading.main_thread() or (_hold is not None and _hold.open):
    yield raise_held
    return
  _hold = hold = _Hold()
  before = {number: signal.getsignal(number) for number in _ending()}
  for number in before:
    signal.signal(number, hold.keep)
  unwatch = _watch(before.keys(), _SAVING if saves else _ENDING)
  try:
    yield raise_held
  finally:
    hold.open = False
    if not hold.arrived:
      unwatch()
      for number, handler in before.items():
        signal.signal(number, handler)


def raise_held() -> None:
  """Raise the first signal that `held` has kept; to be called where a run may stop.

  After `held` was left, what nobody was told of is raised once.
  """
  hold = _hold
  if threading.current_thread() is threading.main_thread() and hold and hold.arrived and (hold.open or not hold.raised):
    hold.raised = True
    raise KeyboardInterrupt if hold.arrived[0] == signal.SIGINT else Terminated


def was_answered() -> bool:
  """Whether a signal has arrived that `held` kept and answered in a line on stderr."""
  return _hold is not None and bool(_hold.arrived)


@contextlib.contextmanager
def before_leaving(action: Callable[[], None]) -> Iterator[None]:
  """While inside, a second Ctrl-C does `action` before it ends the process: what must not outlive it. Quick, please.

  `action` runs in another thread, whatever the main one is doing.
  """
  _before_leaving.append(action)
  try:
    yield
  finally:
    _before_leaving.remove(action)


def _ending() -> list[int]:
  """The signals that end this process by an exception, or would by default; an ignored one is left alone."""
  others = [number for number in TERMINATING[1:] if callable(signal.getsignal(number))]
  all_numbers = (signal.SIGINT, signal.SIGTERM, *others)
  return [number for number in all_numbers if signal.getsignal(number) not in (signal.SIG_IGN, None)]


def _watch(numbers: Iterable[int], answers: tuple[bytes, bytes]) -> Callable[[], None]:
  """Answer signals in a thread: Python's handlers wait until the main thread is back from a compile or a program.

  Returns:
    What ends it.
  """
  reader, writer = os.pipe()
  os.set_blocking(writer, False)
  before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
  thread = threading.Thread(target=_answer, args=(reader, frozenset(numbers), answers), daemon=True, name="signals")
  thread.start()

  def end() -> None:
    signal.set_wakeup_fd(before)
    os.close(writer)

  return end


def _answer(reader: int, numbers: frozenset[int], answers: tuple[bytes, bytes]) -> None:
  """Reads the number of every signal as it arrives, until the other end is closed."""
  answered = False
  with open(reader, "rb", buffering=0) as arriving:
    while byte := arriving.read(1):
      if byte[0] == signal.SIGHUP:
        _drop_dead_terminal()
      if byte[0] not in numbers:
        continue
      if answered and byte[0] == signal.SIGINT:
        _leave(answers[1])
      if not answered:
        _tell(answers[0])
      answered = True


def _leave(answer: bytes) -> None:
  """The end of the process, whatever it is doing. What a half-written checkpoint leaves is never read."""
  _tell(answer)
  for action in tuple(_before_leaving):
    with contextlib.suppress(Exception):
      action()
  for stream in (sys.__stdout__, sys.__stderr__):  # a progress bar hides the cursor
    with contextlib.suppress(OSError, ValueError, AttributeError):
      if stream.isatty():
        os.write(stream.fileno(), _SHOW_CURSOR)
        break
  os._exit(128 + signal.SIGINT)


def _tell(line: bytes) -> None:
  with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or there is none
    stderr = sys.__stderr__
    os.write(stderr.fileno(), (_CLEAR_LINE if stderr.isatty() else b"") + line)


def _drop_dead_terminal() -> None:
  """Stdout and stderr lead nowhere if they are a terminal that is gone: a line written there would be an error."""
  for number in (1, 2):
    try:
      termios.tcgetattr(number)
    except termios.error as error:
      if error.args[0] == errno.EIO:
        with open(os.devnull, "wb") as nowhere:
          os.dup2(nowhere.fileno(), number)
