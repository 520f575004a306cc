"""A sweep of real trainings, killed at random, job by job and whole, ends as an undisturbed one does."""

import csv
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

RUN_PY = pathlib.Path(__file__).resolve().parents[2] / "run.py"
JOBS = 8
KILLS = 10
LONGEST_LIFE_S = 12.0  # of the processes between two kills
SLOWEST_S = 3600.0
TIMES = ("wall_s", "train_wall_s", "steps_per_s", "compile_s")  # columns that measure the machine
TINY = (
  "algo=ppo num_envs=16 total_steps=3200 algo.horizon=10 algo.minibatches=2 algo.epochs=1 env.reset.bank_size=8"
  " algo.policy_hidden=[16] algo.value_hidden=[16] checkpoints.every_steps=320"
  " evaluation.episodes=7 evaluation.episode_seconds=1.0 evaluation.during_training.enabled=false"
  " evaluation.long_walk.enabled=false evaluation.pushes.trials=2 evaluation.video.enabled=false logger=csv"
  " logger.progress=false"
).split()
QUICK_COMPILE = {"XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"}


def start(folder: pathlib.Path, *more: str) -> subprocess.Popen:
  """The sweep's command in a process of its own."""
  command = [sys.executable, str(RUN_PY), "-m", f"seed=range({JOBS})", "hydra.launcher.n_jobs=2", *TINY, *more]
  log = (folder.parent / f"{folder.name}.log").open("ab")
  return subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **QUICK_COMPILE})


def rows(folder: pathlib.Path) -> list[dict[str, str]]:
  """summary.csv without what measures the machine."""
  with (folder / "summary.csv").open(newline="") as file:
    return [{key: value for key, value in row.items() if key not in TIMES} for row in csv.DictReader(file)]


class Completions(threading.Thread):
  """Watches a sweep and remembers when each job's good result appeared, after how many attempts.

  Attributes:
    first: job folder -> (time of its result.json in ns, attempts until then), as first seen.
  """

  def __init__(self, folder: pathlib.Path):
    super().__init__(daemon=True)
    self._folder = folder
    self.first: dict[str, tuple[int, int]] = {}
    self.over = threading.Event()

  def run(self) -> None:
    while not self.over.wait(0.05):
      for name, seen in self.now().items():
        self.first.setdefault(name, seen)

  def now(self) -> dict[str, tuple[int, int]]:
    found = {}
    for path in self._folder.glob("*/result.json"):
      try:
        ok, at = json.loads(path.read_text())["status"] == "ok", path.stat().st_mtime_ns
      except FileNotFoundError:  # another attempt took it away
        continue
      if ok:
        found[path.parent.name] = (at, len((path.parent / "attempts.log").read_text().splitlines()))
    return found


def running_jobs(folder: pathlib.Path) -> list[int]:
  """pids of the jobs that the manifest says are running."""
  if not (folder / "manifest.json").exists():
    return []
  jobs = json.loads((folder / "manifest.json").read_text())["jobs"]
  return [job["pid"] for job in jobs if job["status"] == "running" and job["pid"] is not None]


def wait_for_a_checkpoint(folder: pathlib.Path, sweep: subprocess.Popen) -> None:
  """Until a job that has no good result has a checkpoint to lose, or the sweep ends."""
  while sweep.poll() is None:
    for path in folder.glob("*/checkpoints/[0-9]*"):
      if not (path.parents[1] / "result.json").exists():
        return
    time.sleep(0.05)


def disturb(folder: pathlib.Path, rng: random.Random) -> tuple[int, int]:
  """Run the sweep and kill -9 its jobs and itself until all is done; the number of both kills."""
  until = time.monotonic() + SLOWEST_S
  killed_jobs = killed_sweeps = 0
  sweep = start(folder, f"hydra.sweep.dir={folder}")
  while time.monotonic() < until:
    if rng.random() < 0.5:
      wait_for_a_checkpoint(folder, sweep)
    else:
      time.sleep(rng.uniform(1.0, LONGEST_LIFE_S))
    if sweep.poll() == 0:
      return killed_jobs, killed_sweeps
    jobs = running_jobs(folder)
    if sweep.poll() is None and jobs and killed_jobs + killed_sweeps < KILLS:
      sweep_is_hit = rng.random() < 0.3
      if sweep_is_hit:
        sweep.kill()
        killed_sweeps += 1
      else:
        try:
          os.kill(rng.choice(jobs), signal.SIGKILL)
          killed_jobs += 1
        except ProcessLookupError:  # ended meanwhile
          continue
      if sweep_is_hit:
        sweep.wait()
    if sweep.poll() is not None:
      sweep = start(folder, f"sweep.resume={folder}")
  raise AssertionError("the sweep did not end")


@pytest.mark.slow
def test_whatever_is_killed_the_sweep_ends_with_the_same_table_and_no_job_is_done_twice(tmp_path: pathlib.Path):
  calm, wild = tmp_path / "calm", tmp_path / "wild"
  assert start(calm, f"hydra.sweep.dir={calm}").wait(SLOWEST_S) == 0
  completions = Completions(wild)
  completions.start()
  killed_jobs, killed_sweeps = disturb(wild, random.Random(0))
  completions.over.set()
  completions.join()
  assert "goes on from its checkpoint" in (tmp_path / "wild.log").read_text()
  assert killed_jobs >= 2 and killed_sweeps >= 1
  assert rows(wild) == rows(calm) and len(rows(wild)) == JOBS
  assert completions.now() == completions.first and len(completions.first) == JOBS
  manifest = json.loads((wild / "manifest.json").read_text())
  assert [job["status"] for job in manifest["jobs"]] == ["ok"] * JOBS
  for job in manifest["jobs"]:
    assert job["attempts"] >= completions.first[job["folder"]][1]  # one may be killed before it begins
  assert sum(job["attempts"] for job in manifest["jobs"]) > JOBS
