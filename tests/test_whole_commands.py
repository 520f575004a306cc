"""Commands on real runs, from the command line: an evaluation that repeats to the digit, and a video of two runs."""

import json
import os
import pathlib
import subprocess
import sys

import imageio_ffmpeg
import pytest
from killed_runs import QUICK_COMPILE, RUN_PY
from killed_runs import run as train

from wildrobot_exp.evaluation.video import RenderingUnavailable, check_rendering

pytestmark = pytest.mark.slow

PARTS = ("evaluation.pushes.enabled=true", "evaluation.pushes.trials=2", "evaluation.long_walk.enabled=true")
SHORT = ("evaluation.long_walk.rollouts=2", "evaluation.long_walk.distance_m=0.05")


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> list[pathlib.Path]:
  """A run of each algorithm, from its start to its report."""
  folders = [tmp_path_factory.mktemp("outputs") / name for name in ("first", "second")]
  for folder, algo in zip(folders, ("ppo", "brax_ppo"), strict=True):
    done = train(folder, f"algo={algo}", "logger=csv", *PARTS, *SHORT)
    assert done.returncode == 0, done.stderr
  return folders


def wildrobot(*words: str, folder: pathlib.Path) -> list[str]:
  """The lines that a command prints."""
  environment = {**os.environ, **QUICK_COMPILE, "PYTHONPATH": str(RUN_PY.parent)}
  command = [sys.executable, "-m", "wildrobot_exp.commands.start", *words]
  done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
  assert done.returncode == 0 and done.stderr == "", done.stderr
  return done.stdout.splitlines()


def test_an_evaluation_in_another_process_finds_the_same_to_the_digit_and_tells_its_stages(runs, tmp_path):
  found = []
  for name in ("once", "again"):
    (tmp_path / name).mkdir()
    lines = wildrobot("eval", str(runs[0]), "--out", name, folder=tmp_path)
    found.append((tmp_path / name / "evaluation.json").read_text())
  own = json.loads((runs[0] / "evaluation.json").read_text())
  first, second = map(json.loads, found)
  for result in (own, first, second):
    result.pop("made", None)  # when and how, where it is written down
  assert first == second == own
  assert [line.split(",")[0] for line in lines if line.startswith("measuring")] == [
    "measuring the episodes",
    "measuring the same episodes with a finer physics step",
    "measuring 2 walks of 0.05 m",
    "measuring pushes of 5",
  ]
  (survival,) = [line for line in lines if line.startswith("survival ")]
  low, high = first["survival_ci"]
  assert survival == f"{'survival':26} {first['survival']:.4g} ({low:.3g} to {high:.3g})"
  assert lines[-1] == "again/evaluation.json"


def test_two_runs_and_the_reference_walk_side_by_side(runs, robot, tmp_path):
  try:
    check_rendering(robot)
  except RenderingUnavailable as reason:
    pytest.skip(str(reason))
  lines = wildrobot("play", *map(str, runs), "--reference", "--video", "x.mp4", "--seconds", "0.5", folder=tmp_path)
  assert lines[-1] == "x.mp4" and [path.name for path in tmp_path.iterdir()] == ["x.mp4"]
  meta = next(imageio_ffmpeg.read_frames(str(tmp_path / "x.mp4")))
  assert meta["codec"] == "h264" and meta["source_size"] == (3 * 480, 360)
  assert meta["duration"] == pytest.approx(0.5, abs=0.05)
