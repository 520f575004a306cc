"""Sweeps of toy jobs (fakes/sitecustomize.py) through the real command line, every job in a real process."""

import dataclasses
import importlib.util
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import absl.logging
import pytest

from wildrobot_exp import cli

RUN_PY = pathlib.Path(__file__).resolve().parents[2] / "run.py"
FAKES = pathlib.Path(__file__).with_name("fakes")
PATIENCE_S = 150.0


@dataclasses.dataclass
class Sweep:
  """The sweep folder `sweep` of one test, the working directory, and what came of it."""

  patch: pytest.MonkeyPatch
  folder: pathlib.Path

  def plan(self, **does: str) -> None:
    """What the toy job of each seed does from now on: plan(_1="die"). Nothing said: it ends well."""
    for name in [name for name in os.environ if name.startswith("FAKE_")]:
      self.patch.delenv(name)
    for seed, word in does.items():
      self.patch.setenv(f"FAKE{seed}", word)

  def run(self, *argv: str) -> int:
    """python run.py -m ARGV in this process; the exit code."""
    return self.run_as(*self._arguments(argv))

  def run_as(self, *argv: str) -> int:
    """python run.py ARGV, as it stands."""
    spec = importlib.util.spec_from_file_location("run", RUN_PY)
    run = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(run)
    self.patch.setattr(sys, "argv", ["run.py", *argv])
    return cli.launch(run.main)

  def start(self, *argv: str) -> subprocess.Popen:
    """The same in a process that can be killed."""
    command = [sys.executable, RUN_PY, *self._arguments(argv)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

  def _arguments(self, argv: tuple[str, ...]) -> list[str]:
    named = any(argument.startswith(("sweep.resume", "hydra.sweep.dir")) for argument in argv)
    return ["-m", *argv, *([] if named else ["hydra.sweep.dir=sweep"])]

  def jobs(self) -> list[dict]:
    return json.loads((self.folder / "manifest.json").read_text())["jobs"]

  def statuses(self) -> list[str]:
    return [job["status"] for job in self.jobs()]

  def starts(self) -> list[dict]:
    """What every started job said about itself, in order."""
    path = self.folder / "starts.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

  def wait_for_starts(self, count: int) -> None:
    self.wait_for(lambda: len(self.starts()) >= count)

  @staticmethod
  def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
      assert time.monotonic() < until
      time.sleep(0.02)

  @staticmethod
  def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
      return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
      return False


@pytest.fixture
def sweep(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
  monkeypatch.chdir(tmp_path)
  monkeypatch.setenv("PYTHONPATH", str(FAKES))
  # Hydra's logging setup closes all handlers, and absl's would close the stream pytest captures with.
  monkeypatch.setattr(absl.logging.get_absl_handler().python_handler, "stream", sys.__stderr__)
  handler = signal.getsignal(signal.SIGTERM)
  yield Sweep(monkeypatch, tmp_path / "sweep")
  signal.signal(signal.SIGTERM, handler)
