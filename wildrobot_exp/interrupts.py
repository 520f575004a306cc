"""Signals that end a run as exceptions, beside Python's KeyboardInterrupt for SIGINT; they can wait for a while.

SLURM sends SIGTERM before it kills, and SIGUSR1 or SIGUSR2 where `--signal` asks for an earlier warning: all three
mean the same here.
"""

import contextlib
import os
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterator

TERMINATING = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


class Terminated(KeyboardInterrupt):
  """SIGTERM, SIGUSR1 or SIGUSR2 arrived. A KeyboardInterrupt: whoever saves on Ctrl-C saves on this too."""


def _raise(signum: int, frame: types.FrameType | None) -> None:
  raise Terminated


def raise_on_sigterm() -> None:
  """From now on SIGTERM, SIGUSR1 and SIGUSR2 raise Terminated in the main thread."""
  for number in TERMINATING:
    signal.signal(number, _raise)


@contextlib.contextmanager
def collected() -> Iterator[list[int]]:
  """While inside, SIGINT and SIGTERM raise nothing: they are in the list. An ignored SIGINT stays ignored.

  SIGUSR1 and SIGUSR2, where `raise_on_sigterm` was called, are listed as SIGTERM unless something is listed.
  """
  signals: list[int] = []
  before = {number: signal.getsignal(number) for number in _ending()}

  def collect(signum: int, frame: types.FrameType | None) -> None:
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


@contextlib.contextmanager
def held() -> Iterator[Callable[[], None]]:
  """While inside, a signal waits until the yielded function is called: that raises it.

  After the first one, Ctrl-C ends the process at once, also when this has been left, and every other signal means
  nothing new. In another thread than the main one, which gets no signals, the function does nothing.
  """
  if threading.current_thread() is not threading.main_thread():
    yield lambda: None
    return
  arrived: list[int] = []
  before = {number: signal.getsignal(number) for number in _ending()}

  def hold(signum: int, frame: types.FrameType | None) -> None:
    if arrived and signum == signal.SIGINT:
      _leave()
    arrived.append(signum)

  def raise_held() -> None:
    if arrived:
      raise KeyboardInterrupt if arrived[0] == signal.SIGINT else Terminated

  for number in before:
    signal.signal(number, hold)
  try:
    yield raise_held
  finally:
    if not arrived:
      for number, handler in before.items():
        signal.signal(number, handler)


def _ending() -> list[int]:
  """The signals that end this process by an exception, or would by default; an ignored one is left alone."""
  usr = [number for number in TERMINATING[1:] if callable(signal.getsignal(number))]
  all_numbers = (signal.SIGINT, signal.SIGTERM, *usr)
  return [number for number in all_numbers if signal.getsignal(number) not in (signal.SIG_IGN, None)]


def _leave() -> None:
  """The end of the process, whatever it is doing. What a half-written checkpoint leaves is never read."""
  with contextlib.suppress(OSError):
    os.write(sys.__stderr__.fileno(), b"interrupted again: left at once; the last whole checkpoint stays\n")
  os._exit(128 + signal.SIGINT)
