"""A file in a run folder by which another process asks the run there to save and stop: it has fallen behind."""

import os
from pathlib import Path

from wildrobot_exp.errors import Stopped

REQUEST = "stop_request.txt"  # one line: why


def ask_to_stop(run_dir: Path, reason: str) -> None:
  """Ask the run in a folder to stop; it never sees half a reason. Raises OSError."""
  partial = run_dir / f".{REQUEST}.partial"
  partial.write_text(f"{reason}\n")
  os.replace(partial, run_dir / REQUEST)


class StopRequest:
  """The requests to the run in `run_dir` from now on; an older one is withdrawn."""

  def __init__(self, run_dir: Path):
    self._path = run_dir / REQUEST
    self._path.unlink(missing_ok=True)

  def obey(self) -> None:
    """Raises Stopped if there is a request."""
    if self._path.exists():
      raise Stopped(self._path.read_text().strip())
