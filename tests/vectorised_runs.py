"""Tiny jobs trained together, in parts, alone, and one that goes on alone: python vectorised_runs.py FOLDER WHAT ..."""

import json
import shutil
import sys
from pathlib import Path

from wildrobot_exp.config.compose import load
from wildrobot_exp.config.devices import set_platform

ITERATION = 16 * 4  # env steps
UPDATES = 2
TINY = (
  f"num_envs=16 total_steps={UPDATES * ITERATION} algo.horizon=4 algo.minibatches=2 algo.epochs=1"
  " algo.policy_hidden=[16] algo.value_hidden=[16] amp.hidden=[16] amp.batch_size=32 amp.replay_size=96"
  " env.reset.bank_size=8 motion.speeds=[0.0,0.3] env.episode_seconds=0.1"
  " evaluation.episodes=7 evaluation.episode_seconds=1.5 evaluation.during_training.enabled=false"
  " evaluation.pushes.enabled=false evaluation.long_walk.enabled=false evaluation.video.enabled=false"
  f" checkpoints.every_steps={ITERATION} logger=csv logger.every=1 logger.progress=false"
).split()
SWEPT = (
  ["amp.weight=0.3", "seed=0"],
  ["amp.weight=1.0", "seed=1", "algo.learning_rate=2e-4", "reward.terms.track_vx.weight=0.5"],
  ["amp.loss.gradient_penalty=1.0", "seed=2"],
)
RESUMED = 1  # goes on alone, for an iteration more


def main(out: Path, *what: str) -> None:
  """Leaves OUT/WHAT/J of every job J of SWEPT, and OUT/WHAT.json: its numbers by J.

  together: as one program. split: in parts of one. alone. resumed: RESUMED goes on alone from what `together` left.
  """
  configs = [load([*TINY, *overrides]) for overrides in SWEPT]
  set_platform(configs[0])
  from wildrobot_exp import experiment, vectorised

  class Verdicts:
    def __init__(self):
      self.numbers: dict[str, dict[str, float]] = {}

    def ok(self, run, numbers):
      self.numbers[run.folder.name] = numbers

    def failed(self, run, error):
      raise error

  for name in what:
    verdicts, folders = Verdicts(), [out / name / str(number) for number in range(len(SWEPT))]
    for folder in folders:
      folder.mkdir(parents=True)
    runs = [vectorised.Run(*job, sys.stdout) for job in zip(configs, folders, SWEPT)]
    if name == "resumed":
      folder = folders[RESUMED]
      shutil.copytree(out / "together" / str(RESUMED), folder, dirs_exist_ok=True)
      longer = [*TINY, *SWEPT[RESUMED], f"total_steps={(UPDATES + 1) * ITERATION}", f"resume={folder}"]
      runs = [vectorised.Run(load(longer), folder, SWEPT[RESUMED], sys.stdout)]
    if name in ("together", "split"):
      vectorised.run_together(runs, group="tiny", memory_gb=1e-9 if name == "split" else None, verdicts=verdicts)
    else:
      for run in runs:
        verdicts.ok(run, experiment.run_job(run.cfg, run.folder))
    (out / f"{name}.json").write_text(json.dumps(verdicts.numbers))


if __name__ == "__main__":
  main(Path(sys.argv[1]), *sys.argv[2:])
