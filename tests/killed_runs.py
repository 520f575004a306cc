"""Runs of run.py that are killed in the middle of writing a file, and what they have to agree on in the end."""

import csv
import json
import os
import pathlib
import subprocess
import sys
from typing import Any

RUN_PY = pathlib.Path(__file__).resolve().parents[1] / "run.py"
ITERATION = 16 * 10  # env steps
UPDATES = 6
TINY = (
  f"num_envs=16 total_steps={UPDATES * ITERATION} algo.horizon=10 algo.minibatches=2 algo.epochs=1"
  " algo.policy_hidden=[16] algo.value_hidden=[16] env.reset.bank_size=8 motion.speeds=[0.0,0.3]"
  f" checkpoints.every_steps={ITERATION} checkpoints.keep=100 evaluation.episodes=7 evaluation.episode_seconds=1.0"
  f" evaluation.during_training.every_steps={2 * ITERATION} evaluation.during_training.episodes=7"
  " evaluation.pushes.enabled=false evaluation.long_walk.enabled=false evaluation.video.enabled=false"
  " logger.every=4 logger.progress=false"
).split()
TINY_AMP = ("amp.hidden=[16]", "amp.batch_size=32", "amp.replay_size=96")
QUICK_COMPILE = {"XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"}
TIMES = ("wall_s", "final/wall_s", "final/train_wall_s", "final/steps_per_s", "final/compile_s")  # measure the machine

# Runs run.py, and kills itself with SIGKILL when a file in the run folder is opened, renamed or removed: at the n-th
# time, or the first time that its path contains a word.
_DRIVER = """
import os, runpy, signal, sys
folder, where, script, *arguments = sys.argv[1:]
count = 0
def look(event, args):
  global count
  if event in ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir") and str(args[0]).startswith(folder):
    count += 1
    if str(count) == where or (not where.isdecimal() and where in str(args[0])):
      os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(look)
sys.argv = [script, *arguments]
try:
  runpy.run_path(script, run_name="__main__")
finally:
  print("file events", count, file=sys.stderr)
"""


def run(folder: pathlib.Path, *overrides: str, kill_at: str = "0") -> subprocess.CompletedProcess:
  """Start or go on with the run in `folder`; kill_at: see _DRIVER, 0 for never."""
  resumable = any(folder.glob("checkpoints/[0-9]*"))
  arguments = [f"resume={folder}"] if resumable else [*TINY, *overrides, f"hydra.run.dir={folder}"]
  command = [sys.executable, "-c", _DRIVER, str(folder), kill_at, str(RUN_PY), *arguments]
  env = {**os.environ, **QUICK_COMPILE, "PYTHONPATH": str(RUN_PY.parent)}
  return subprocess.run(command, cwd=folder.parent, env=env, capture_output=True, text=True, timeout=900)


def file_events(done: subprocess.CompletedProcess) -> int:
  """How many there were in a run that came to its end."""
  return int(done.stderr.split("file events")[-1])


def rows(folder: pathlib.Path) -> list[dict[str, str]]:
  """metrics.csv without what measures the machine."""
  with (folder / "metrics.csv").open(newline="") as file:
    return [{name: cell for name, cell in row.items() if name not in TIMES and not name.startswith("perf/")}
            for row in csv.DictReader(file)]


def tensorboard_steps(folder: pathlib.Path, tag: str) -> list[int]:
  """The steps at which TensorBoard shows a curve's points."""
  from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

  return [event.step for event in EventAccumulator(str(folder / "tensorboard")).Reload().Scalars(tag)]


def wandb_rows(folder: pathlib.Path) -> list[dict[str, Any]]:
  """The rows of all files of the one wandb run, in the order of wandb's own numbers."""
  found, ids = [], set()
  for path in sorted(folder.glob("wandb/offline-run-*/*.wandb")):
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(path)]
    for line in subprocess.run(command, capture_output=True, text=True).stdout.splitlines():
      record = json.loads(line)
      if record["type"] == "run":
        ids.add(record["run"]["run_id"])
      elif record["type"] == "history":
        found.append(record["history"]["item"])
  assert len(ids) == 1
  return sorted(found, key=lambda item: item["_step"])
