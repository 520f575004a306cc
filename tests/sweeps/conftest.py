"""Sweeps of toy jobs (fakes/sitecustomize.py) through the real command line, in real processes."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

RUN_PY = pathlib.Path(__file__).resolve().parents[2] / "run.py"
FAKES = pathlib.Path(__file__).with_name("fakes")
PATIENCE_S = 60.0


@dataclasses.dataclass
class Sweep:
  """The sweep folder `sweep` of one test, and what came of it."""

  cwd: pathlib.Path

  @property
  def folder(self) -> pathlib.Path:
    return self.cwd / "sweep"

  def start(self, *argv: str, does: dict[int, str] | None = None) -> subprocess.Popen:
    """python run.py -m ARGV into the folder; `does`: seed -> what the toy job does."""
    env = {**os.environ, "PYTHONPATH": str(FAKES), **{f"FAKE_{seed}": word for seed, word in (does or {}).items()}}
    command = [sys.executable, RUN_PY, "-m", *argv]
    if not any(argument.startswith(("sweep.resume", "hydra.sweep.dir")) for argument in argv):
      command.append("hydra.sweep.dir=sweep")
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=self.cwd, env=env, stdout=pipe, stderr=pipe, text=True)

  def run(self, *argv: str, does: dict[int, str] | None = None) -> subprocess.CompletedProcess:
    """The same, waited for."""
    process = self.start(*argv, does=does)
    out, err = process.communicate(timeout=PATIENCE_S)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)

  def jobs(self) -> list[dict]:
    return json.loads((self.folder / "manifest.json").read_text())["jobs"]

  def statuses(self) -> list[str]:
    return [job["status"] for job in self.jobs()]

  def starts(self) -> list[dict]:
    """What every started job said about itself, in order."""
    path = self.folder / "starts.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

  def wait_for(self, condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
      assert time.monotonic() < until
      time.sleep(0.02)


@pytest.fixture
def sweep(tmp_path: pathlib.Path) -> Sweep:
  return Sweep(tmp_path)


def alive(pid: int) -> bool:
  """Whether a process runs; one that ended and was not waited for does not."""
  try:
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
  except (FileNotFoundError, ProcessLookupError):
    return False
