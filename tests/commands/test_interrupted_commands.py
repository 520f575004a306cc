"""Commands that are interrupted where they compute: one line, the exit code of the signal, nothing half written."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from killed_runs import QUICK_COMPILE, RUN_PY
from untrained_run import make_run

# Runs a command, and sends itself a signal from a host callback of the first program that simulates: an exception of a
# signal handler would be JAX's there. The callback is one in the main thread, if one comes soon.
_DRIVER = """
import os, sys, threading, time
from wildrobot_exp.commands.start import start
from wildrobot_exp.config import devices
from wildrobot_exp.config.compose import load
devices.set_platform(load(["algo=ppo"]))
from wildrobot_exp.evaluation.rollouts import Roller
from wildrobot_exp.export import onnx_parity
from wildrobot_exp.physics.native import NativePhysics
number, *sys.argv[1:] = sys.argv[1:]
step, roll, seen, calls = NativePhysics._host_step, Roller.chunks, onnx_parity.real_observations, []
def signalling(self, rows, out):
  if calls:
    calls.append(1)
    if threading.current_thread() is threading.main_thread() or len(calls) > 10:
      calls.clear()
      os.kill(os.getpid(), int(number))
      time.sleep(0.01)
  step(self, rows, out)
def begin(then):
  def begun(*args, **more):
    calls.append(1)
    return then(*args, **more)
  return begun
NativePhysics._host_step, Roller.chunks = signalling, begin(roll)
onnx_parity.real_observations = begin(seen)
sys.exit(start())
"""
ANSWER = "interrupted: ends after what is computed now; Ctrl-C once more leaves at once\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> pathlib.Path:
  return make_run(tmp_path_factory.mktemp("runs") / "mine", "ppo")


def environment() -> dict[str, str]:
  return {**os.environ, **QUICK_COMPILE, "PYTHONPATH": str(RUN_PY.parent)}


def contents(folder: pathlib.Path) -> set[str]:
  return {path.relative_to(folder).as_posix() for path in folder.rglob("*")} - {".lock"}


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
  ("command", "number", "code"),
  [
    (["eval"], signal.SIGINT, 130),
    pytest.param(["eval"], signal.SIGTERM, 143, marks=SLOW),
    pytest.param(["export"], signal.SIGINT, 130, marks=SLOW),
    pytest.param(["play", "--video", "x.mp4"], signal.SIGINT, 130, marks=SLOW),
  ],
)
def test_a_signal_inside_a_host_callback_is_an_interrupt(run, tmp_path, command, number: int, code: int):
  before = contents(run)
  words = [sys.executable, "-c", _DRIVER, str(int(number)), *command, str(run)]
  done = subprocess.run(words, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=300)
  assert done.returncode == code, done.stderr
  assert done.stderr == ANSWER
  assert contents(run) == before and list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_while_the_video_is_drawn(tmp_path, presses: int):
  """Once: it is finished, as what is under way. Twice: nothing of it stays, and the renderer ends too."""
  run = make_run(tmp_path / "mine", "ppo")
  before = contents(run)
  words = [sys.executable, "-m", "wildrobot_exp.commands.start", "eval", str(run), "evaluation.video.seconds=10"]
  pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
  command = subprocess.Popen(words, env=environment(), start_new_session=True, **pipes)
  assert any(line == "drawing the video\n" for line in command.stdout)
  for _ in range(presses):  # before the renderer, a Python of its own, has imported what it needs
    time.sleep(0.1)
    os.killpg(command.pid, signal.SIGINT)  # as a terminal does: to all of the group
  out, err = command.communicate(timeout=120)
  assert command.returncode == 130 and err.startswith(ANSWER)
  if presses == 1:
    assert err == ANSWER and contents(run) >= before | {"evaluation.json", "gait.npz", "report.html"}
    assert (run / "video.mp4").exists() or "no video: video.mp4 not drawn" in out
    assert not (run / ".evaluation.partial").exists()
  else:
    assert contents(run) == before
