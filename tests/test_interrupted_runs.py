"""A real run that is interrupted while it evaluates: saved, one line, the exit code of the signal."""

import os
import pathlib
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
from killed_runs import ITERATION, QUICK_COMPILE, RUN_PY, TINY, UPDATES

from wildrobot_exp import experiment
from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.config.compose import load
from wildrobot_exp.interrupts import TERMINATING, Terminated, held, raise_on_sigterm
from wildrobot_exp.tracking import Tracker

# Runs run.py, and sends itself a signal from a host callback of the evaluation's first program: where an exception of
# a signal handler would be JAX's and no interrupt any more. The callback is one in the main thread, if one comes soon.
_DRIVER = """
import os, runpy, sys, threading, time
from wildrobot_exp.evaluation import run_folder
from wildrobot_exp.physics.native import NativePhysics
number, *sys.argv = sys.argv[1:]
step, evaluate, calls = NativePhysics._host_step, run_folder.evaluate, []
def signalling(self, rows, out):
  if calls:
    calls.append(1)
    if threading.current_thread() is threading.main_thread() or len(calls) > 40:
      calls.clear()
      os.kill(os.getpid(), int(number))
      time.sleep(0.01)
  step(self, rows, out)
def evaluating(*args, **more):
  calls.append(1)
  return evaluate(*args, **more)
NativePhysics._host_step, run_folder.evaluate = signalling, evaluating
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize(
  "number, code", [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_a_signal_in_the_midst_of_the_evaluation_is_an_interrupt(tmp_path: pathlib.Path, number: int, code: int):
  folder = tmp_path / "run"
  own = ["algo=ppo", "evaluation.during_training.enabled=false", "logger=csv", f"hydra.run.dir={folder}"]
  command = [sys.executable, "-c", _DRIVER, str(int(number)), str(RUN_PY), *TINY, *own]
  env = {**os.environ, **QUICK_COMPILE, "PYTHONPATH": str(RUN_PY.parent)}
  env |= {"JAX_PLATFORMS": "cpu", "JAX_CPU_ENABLE_ASYNC_DISPATCH": "false"}  # as run.py sets them before JAX is there
  done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)
  assert done.returncode == code, done.stderr
  first, second = done.stderr.splitlines()
  assert first.startswith("interrupted: finishing what is under way")
  assert second == f"interrupted and saved; to go on: python run.py resume={folder}"
  assert Checkpoints(folder).steps()[-1] == UPDATES * ITERATION
  assert not (folder / "error.log").exists() and not (folder / "evaluation.json").exists()


def test_brax_is_stopped_at_its_next_evaluation(monkeypatch):
  seen = []

  def train(cfg, env, progress, **more):
    for step in (0, 64, 128):
      seen.append(step)
      if step == 64:
        os.kill(os.getpid(), signal.SIGTERM)
      progress(step, {"training/sps": 1.0})

  monkeypatch.setattr(experiment, "train_with_brax", train)
  before = {number: signal.getsignal(number) for number in TERMINATING}
  try:
    raise_on_sigterm()
    run = SimpleNamespace(cfg=load(["algo=brax_ppo"]), tracker=Tracker())
    with pytest.raises(Terminated), held():
      experiment._train_with_brax(run, SimpleNamespace(env=None))
  finally:
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
      signal.signal(number, handler)
  assert seen == [0, 64]
