"""SIGTERM as an exception, beside Python's KeyboardInterrupt for SIGINT."""

import signal
import types


class Terminated(KeyboardInterrupt):
  """SIGTERM arrived. A subclass of KeyboardInterrupt: whoever saves on Ctrl-C saves on this too."""


def _raise(signum: int, frame: types.FrameType | None) -> None:
  raise Terminated


def raise_on_sigterm() -> None:
  """From now on SIGTERM raises Terminated in the main thread."""
  signal.signal(signal.SIGTERM, _raise)
