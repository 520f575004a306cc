"""Seconds from typing the command to the first update: cold, then with JAX's compilation cache.

    python benchmarks/startup.py benchmarks/results/NAME.json [OVERRIDE ...]
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from wildrobot_exp.versions import git_commit, machine_facts, package_versions

ROOT = Path(__file__).parents[1]
WARM_STARTS = 3


def seconds_to_first_update(folder: Path, cache: Path, overrides: Sequence[str]) -> float:
  """Start run.py and stop it when its first row of metrics is there."""
  command = [sys.executable, str(ROOT / "run.py"), *overrides, f"hydra.run.dir={folder}"]
  started = time.monotonic()
  environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(cache)}
  process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
  try:
    while process.poll() is None:
      path = folder / "metrics.csv"
      if path.exists() and len(path.read_text().splitlines()) > 1:
        return time.monotonic() - started
      time.sleep(0.05)
  finally:
    process.kill()
    process.wait()
  raise RuntimeError("the run ended before its first update")


def main(out: str, *overrides: str) -> None:
  with tempfile.TemporaryDirectory() as scratch:
    cache = Path(scratch) / "cache"
    folders = [Path(scratch) / f"run{i}" for i in range(1 + WARM_STARTS)]
    starts = [seconds_to_first_update(folder, cache, overrides) for folder in folders]
  result = {
    "command": " ".join(["python benchmarks/startup.py", *overrides]),
    "cold_s": starts[0],
    "cached_s": sorted(starts[1:])[WARM_STARTS // 2],
    "all_s": starts,
    "git_commit": git_commit(),
    "machine": machine_facts(),
    "versions": package_versions(),
  }
  Path(out).write_text(json.dumps(result, indent=1) + "\n")
  print(f"cold {result['cold_s']:.1f} s, with the cache {result['cached_s']:.1f} s")


if __name__ == "__main__":
  main(*sys.argv[1:])
