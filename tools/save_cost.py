"""What saving costs: seconds and megabytes of one checkpoint at the size of the default run, beside its interval."""

import statistics
import sys
import tempfile
import time
from typing import Any

import jax
import numpy as np

from wildrobot_exp.building import build, make_update
from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.config.compose import load

REPEATS = 5


def main() -> None:
  """Print the ratio; arguments: steps per second of training, then overrides."""
  cfg = load(sys.argv[2:])
  steps_per_s = float(sys.argv[1])
  rng = np.random.default_rng(0)
  state = make_update(cfg, build(cfg)).init(jax.random.PRNGKey(0))
  state = jax.tree.map(lambda leaf: _noise(leaf, rng), state)  # zeros would be compressed away
  seconds, cpu_seconds = [], []
  with tempfile.TemporaryDirectory() as folder:
    checkpoints = Checkpoints(folder, keep=cfg.checkpoints.keep)
    for step in range(1, REPEATS + 2):
      started, cpu_started = time.monotonic(), time.process_time()
      checkpoints.save(step, state, metrics={}, config={})
      seconds.append(time.monotonic() - started)
      cpu_seconds.append(time.process_time() - cpu_started)
    size = checkpoints.info(step)["bytes"] / 1e6
  typical = statistics.median(seconds[1:])  # the first one imports Orbax
  interval = cfg.checkpoints.every_steps / steps_per_s
  print(f"{size:.1f} MB, {typical:.3f} s a save (first {seconds[0]:.2f} s, slowest {max(seconds[1:]):.3f} s)")
  cpu = statistics.median(cpu_seconds[1:])
  print(f"of CPU time {cpu:.3f} s ({cpu / interval:.2%}), without the waiting for the disk and for other processes")
  print(f"every {interval:.1f} s of training: {typical / interval:.2%}")


def _noise(leaf: Any, rng: np.random.Generator) -> Any:
  array = np.asarray(leaf)
  return rng.standard_normal(array.shape).astype(array.dtype) if array.dtype.kind == "f" else leaf


if __name__ == "__main__":
  main()
