"""Sweeps of real trainings, one of which goes bad: it fails alone, and says why."""

import csv
import json
import os
import pathlib
import subprocess
import sys

import pytest
from test_chaos import QUICK_COMPILE, RUN_PY, TINY

BAD = "algo.reward_scale=1.0,1e38"  # the second one's losses are infinite from the first update on


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["processes", "vmap"])
def test_a_job_whose_losses_are_not_finite_fails_alone_with_that_reason(tmp_path: pathlib.Path, launcher: str):
  sweep = tmp_path / "sweep"
  command = [sys.executable, str(RUN_PY), "-m", BAD, *TINY, f"hydra/launcher={launcher}", f"hydra.sweep.dir={sweep}"]
  env = {**os.environ, **QUICK_COMPILE}
  done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=900)
  assert done.returncode == 1, done.stderr
  good, bad = json.loads((sweep / "manifest.json").read_text())["jobs"]
  assert (good["status"], bad["status"]) == ("ok", "failed")
  assert "not finite" in bad["error"] and bad["error"] in " ".join(done.stderr.split())
  with (sweep / "summary.csv").open(newline="") as file:
    rows = list(csv.DictReader(file))
  assert rows[0]["survival"] and not rows[1]["survival"] and rows[1]["error"] == bad["error"]
  assert f"(log: {sweep / bad['folder'] / 'job.log'})" in done.stdout
