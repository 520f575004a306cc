"""A 3 x 3 sweep of short runs, amp.weight x seed, by each launcher: total wall time, and compile time apart.

    python benchmarks/sweep_launchers.py benchmarks/results/sweep-launchers.json [OVERRIDE ...]

Overrides replace those of SWEEP.
"""

import csv
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from wildrobot_exp.sweeps.summary import read_results
from wildrobot_exp.versions import git_commit, machine_facts, package_versions

ROOT = Path(__file__).resolve().parents[1]
LAUNCHERS = {
  "vmap": ["hydra/launcher=vmap"],
  "processes, 1 at a time": ["hydra/launcher=processes"],
  "basic": ["hydra/launcher=basic"],
  "processes, 2 at a time": ["hydra/launcher=processes", "hydra.launcher.n_jobs=2"],
}
SWEEP = (
  "amp.weight=0.2,0.5,1.0 seed=0,1,2 total_steps=200000 logger=csv evaluation.episodes=14"
  " evaluation.during_training.enabled=false evaluation.long_walk.enabled=false evaluation.pushes.enabled=false"
  " evaluation.video.enabled=false"
).split()


def measure(overrides: list[str], sweep: list[str], folder: Path) -> dict[str, float | int | str]:
  """Run the sweep once; what it took in all, per job, and how much of that was spent compiling updates."""
  command = [sys.executable, str(ROOT / "run.py"), "-m", *overrides, *sweep, f"hydra.sweep.dir={folder}"]
  started = time.monotonic()
  subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder.parent)
  wall_s = time.monotonic() - started
  results = read_results(folder)
  compiled = [_compile_s(folder / result.job) for result in results]
  together = "vmap" in overrides[0]  # one compile, which every job reports
  return {
    "command": " ".join(["python run.py -m", *overrides, *sweep]),
    "wall_s": wall_s,
    "wall_s_per_job": wall_s / len(results),
    "compile_s": max(compiled) if together else sum(compiled),
    "steps_per_s": sum(r.numbers["steps_per_s"] for r in results) / (1 if together else len(results)),
    "jobs": len(results),
  }


def _compile_s(run_dir: Path) -> float:
  with (run_dir / "metrics.csv").open(newline="") as file:
    return float(next(csv.DictReader(file))["perf/compile_s"])


def main(out: str, *overrides: str) -> None:
  given = {word.partition("=")[0] for word in overrides}
  sweep = [word for word in SWEEP if word.partition("=")[0] not in given] + list(overrides)
  measured = {}
  facts = {"git_commit": git_commit(), "machine": machine_facts(), "versions": package_versions()}
  with tempfile.TemporaryDirectory() as scratch:
    for number, (name, launcher) in enumerate(LAUNCHERS.items()):
      measured[name] = measure(launcher, sweep, Path(scratch) / str(number))
      Path(out).write_text(json.dumps({"launchers": measured, **facts}, indent=1) + "\n")
      print(f"{name:24} {measured[name]['wall_s']:6.0f} s, compiling {measured[name]['compile_s']:5.1f} s", flush=True)


if __name__ == "__main__":
  main(*sys.argv[1:])
