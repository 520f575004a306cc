"""SIGTERM as an exception, beside Python's KeyboardInterrupt for SIGINT."""

import contextlib
import signal
import types
from collections.abc import Iterator


class Terminated(KeyboardInterrupt):
  """SIGTERM arrived. A subclass of KeyboardInterrupt: whoever saves on Ctrl-C saves on this too."""


def _raise(signum: int, frame: types.FrameType | None) -> None:
  raise Terminated


def raise_on_sigterm() -> None:
  """From now on SIGTERM raises Terminated in the main thread."""
  signal.signal(signal.SIGTERM, _raise)


@contextlib.contextmanager
def collected() -> Iterator[list[int]]:
  """While inside, SIGINT and SIGTERM raise nothing: they are in the list. An ignored SIGINT stays ignored."""
  signals: list[int] = []
  before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
  for number, handler in before.items():
    if handler != signal.SIG_IGN:
      signal.signal(number, lambda signum, frame: signals.append(signum))
  try:
    yield signals
  finally:
    for number, handler in before.items():
      signal.signal(number, handler)
