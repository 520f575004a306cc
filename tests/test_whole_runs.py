"""Whole runs through run.py, as a user types them: the exit code is 0 and the folder holds its answer."""

import csv
import json
import pathlib
import subprocess
import sys

import pytest

from wildrobot_exp.config.compose import CONF_DIR

TINY = (
  "num_envs=16",
  "total_steps=320",
  "algo.horizon=10",
  "algo.minibatches=2",
  "algo.epochs=1",
  "env.reset.bank_size=8",
  "evaluation.episodes=7",
  "evaluation.episode_seconds=2.0",
  "evaluation.during_training.enabled=false",
  "evaluation.pushes.enabled=false",
  "evaluation.long_walk.enabled=false",
  "evaluation.video.enabled=false",
  "logger=csv",
  "logger.progress=false",
)


def run(folder: pathlib.Path, *overrides: str) -> pathlib.Path:
  """Train in a process of its own and return the run folder."""
  command = [sys.executable, str(CONF_DIR.parent / "run.py"), *TINY, *overrides, f"hydra.run.dir={folder / 'run'}"]
  done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
  assert done.returncode == 0, done.stderr
  assert done.stdout.splitlines()[-1] == str(folder / "run")
  return folder / "run"


def test_plain_ppo(tmp_path: pathlib.Path):
  folder = run(tmp_path, "algo=ppo")
  assert "trained without AMP" in (folder / "report.html").read_text()
  assert json.loads((folder / "evaluation.json").read_text())["checkpoint_step"] == 320


@pytest.mark.slow
@pytest.mark.parametrize(
  "overrides",
  [
    ["amp/loss=bce", "amp.window=4", "amp.mix=two_critics", "amp.features=[joint_pos,contacts]"],
    ["amp/loss=wgan", "amp.condition=none", "motion=mocap"],
    ["experiment=style_only"],
    ["experiment=faster", "amp.uncovered=gate"],
  ],
  ids=lambda overrides: " ".join(overrides),
)
def test_every_way_to_use_a_motion_prior(tmp_path: pathlib.Path, overrides: list[str]):
  folder = run(tmp_path, "amp.hidden=[16]", "amp.batch_size=32", "amp.replay_size=80", *overrides)
  with (folder / "metrics.csv").open(newline="") as file:
    rows = list(csv.DictReader(file))
  assert 0.0 <= float(rows[0]["amp/style_reward"]) <= 1.0
  assert any(name.startswith("giveaway/") for name in rows[0])
  assert (folder / "amp_start.csv").exists() and (folder / "report.html").exists()
