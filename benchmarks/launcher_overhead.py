"""Seconds that a sweep adds to each of its jobs, beyond the job alone: python run.py with the same overrides.

    python benchmarks/launcher_overhead.py benchmarks/results/launcher-overhead.json [REPEATS]

Each repeat times, one after the other: JOBS single runs, then a sweep of JOBS jobs per launcher, one job at a time.
"""

import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from wildrobot_exp.versions import git_commit, machine_facts, package_versions

ROOT = Path(__file__).parents[1]
LAUNCHERS = ("processes", "submitit_local")
JOBS = 2
REPEATS = 3
GOAL_S = 3.0
OVERRIDES = (
  "algo=ppo num_envs=16 total_steps=3200 algo.horizon=10 algo.minibatches=2 algo.epochs=1 env.reset.bank_size=8"
  " evaluation.episodes=7 evaluation.episode_seconds=2.0 evaluation.during_training.enabled=false"
  " evaluation.long_walk.enabled=false evaluation.video.enabled=false logger=csv logger.progress=false"
).split()


def seconds(folder: Path, *arguments: str) -> float:
  """Wall time of python run.py with these arguments. Raises CalledProcessError if it fails."""
  command = [sys.executable, str(ROOT / "run.py"), *arguments, *OVERRIDES]
  started = time.monotonic()
  subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
  return time.monotonic() - started


def main(out: str, repeats: int = REPEATS) -> None:
  alone: list[float] = []
  sweeps: dict[str, list[float]] = {launcher: [] for launcher in LAUNCHERS}
  overheads: dict[str, list[float]] = {launcher: [] for launcher in LAUNCHERS}
  with tempfile.TemporaryDirectory() as scratch:
    folder = Path(scratch)
    seconds(folder, "hydra.run.dir=warm-up")  # fills the compilation cache
    for repeat in range(repeats):
      runs = [seconds(folder, f"seed={seed}", f"hydra.run.dir=alone{repeat}-{seed}") for seed in range(JOBS)]
      alone += runs
      for launcher in LAUNCHERS:
        seeds = ",".join(map(str, range(JOBS)))
        arguments = ("-m", f"seed={seeds}", f"hydra/launcher={launcher}", f"hydra.sweep.dir={launcher}{repeat}")
        sweeps[launcher].append(seconds(folder, *arguments))
        overheads[launcher].append((sweeps[launcher][-1] - sum(runs)) / JOBS)
        print(f"repeat {repeat}, {launcher}: {overheads[launcher][-1]:+.2f} s per job", flush=True)
  result = {
    "command": "python benchmarks/launcher_overhead.py benchmarks/results/launcher-overhead.json",
    "repeats": repeats,
    "load_average": os.getloadavg(),
    "date": datetime.date.today().isoformat(),
    "overhead_s_per_job": {name: statistics.median(values) for name, values in overheads.items()},
    "goal_s_per_job": GOAL_S,
    "job_alone_s": statistics.median(alone),
    "all": {"alone_s": alone, "sweeps_s": sweeps, "overheads_s_per_job": overheads},
    "jobs_per_sweep": JOBS,
    "overrides": OVERRIDES,
    "git_commit": git_commit(),
    "machine": machine_facts(),
    "versions": package_versions(),
  }
  Path(out).write_text(json.dumps(result, indent=1) + "\n")
  print(json.dumps(result["overhead_s_per_job"]))


if __name__ == "__main__":
  main(sys.argv[1], *map(int, sys.argv[2:]))
