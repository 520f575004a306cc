"""The picture at the top of the README: one stride of a run's policy as a strip of stills.

    python benchmarks/readme_picture.py RUN docs/images/walking.png
"""

import sys
from pathlib import Path

import numpy as np

from wildrobot_exp.evaluation.policies import make_actor
from wildrobot_exp.evaluation.protocol import Programs, evaluate
from wildrobot_exp.evaluation.video import picture
from wildrobot_exp.runs import load_run

FIRST_STEP = 200  # a walk well under way
STILLS, EVERY = 7, 6  # of a stride of about 43 control steps


def main(run_dir: str, out: str) -> None:
  run = load_run(
    Path(run_dir),
    ["evaluation.episodes=7", "evaluation.long_walk.enabled=false", "evaluation.pushes.enabled=false"],
  )
  programs = Programs(run.cfg, make_actor(run.experiment.networks))
  found = evaluate(run.cfg, programs, run.params, run=run_dir, checkpoint_step=run.step)
  steps = FIRST_STEP + EVERY * np.arange(STILLS)
  Path(out).parent.mkdir(parents=True, exist_ok=True)
  picture(out, run.experiment.robot, found.record.qpos[steps, found.nominal], width=200, height=320)


if __name__ == "__main__":
  main(*sys.argv[1:])
