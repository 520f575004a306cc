"""What saving costs: seconds and megabytes of one checkpoint at the size of the default run, beside its interval."""

import statistics
import sys
import tempfile
import time

import jax

from wildrobot_exp.building import build, make_update
from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.config.compose import load

REPEATS = 5


def main() -> None:
  """Print the ratio; arguments: steps per second of training, then overrides."""
  cfg = load(sys.argv[2:])
  steps_per_s = float(sys.argv[1])
  state = make_update(cfg, build(cfg)).init(jax.random.PRNGKey(0))
  seconds = []
  with tempfile.TemporaryDirectory() as folder:
    checkpoints = Checkpoints(folder, keep=cfg.checkpoints.keep)
    for step in range(1, REPEATS + 2):
      started = time.monotonic()
      checkpoints.save(step, state, metrics={}, config={})
      seconds.append(time.monotonic() - started)
    size = checkpoints.info(step)["bytes"] / 1e6
  typical = statistics.median(seconds[1:])  # the first one imports Orbax
  interval = cfg.checkpoints.every_steps / steps_per_s
  print(f"{size:.1f} MB, {typical:.3f} s a save (first {seconds[0]:.2f} s, slowest {max(seconds[1:]):.3f} s)")
  print(f"every {interval:.1f} s of training: {typical / interval:.2%}")


if __name__ == "__main__":
  main()
