"""Jobs of a sweep as one program, the real one: each leaves the folder and the numbers that it leaves alone."""

import csv
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from killed_runs import QUICK_COMPILE
from vectorised_runs import ITERATION, RESUMED, SWEPT, UPDATES

from wildrobot_exp.vectorised import chunks

TOLERANCE = dict(rel=1e-4, abs=1e-6)  # of an update's metrics: the same sums, added in another order
JOBS = range(len(SWEPT))
MEASURED = ("perf/", "final/")  # on this machine; of a policy that went on from rounding


def make(out: Path, *what: str) -> Path:
  """Run vectorised_runs.py in a process of its own."""
  script = Path(__file__).with_name("vectorised_runs.py")
  env = {**os.environ, **QUICK_COMPILE, "PYTHONPATH": str(script.parents[1])}
  done = subprocess.run([sys.executable, script, out, *what], env=env, capture_output=True, text=True, timeout=900)
  assert done.returncode == 0, done.stderr
  return out


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
  """Every job, together and alone."""
  return make(tmp_path_factory.mktemp("runs"), "together", "alone")


@pytest.fixture(scope="module")
def more(runs: Path) -> Path:
  """The same with the group in parts, and with one job that goes on alone."""
  return make(runs, "split", "resumed")


def rows(folder: Path) -> list[dict[str, str]]:
  with (folder / "metrics.csv").open(newline="") as file:
    return list(csv.DictReader(file))


def trained(folder: Path) -> list[dict[str, str]]:
  """The rows of updates, without those of evaluations."""
  return [row for row in rows(folder) if row["train/policy_loss"]]


def files(folder: Path) -> set[str]:
  return {str(path.relative_to(folder)) for path in folder.rglob("*") if "state" not in path.parts}


def check_complete(mine: Path, alone: Path) -> None:
  """Are all files there that the job leaves alone, and is it as far?"""
  assert files(mine) == files(alone) >= {"metrics.csv", "evaluation.json", "report.html", "versions.json"}
  assert [row["step"] for row in rows(mine)] == [row["step"] for row in rows(alone)]
  assert [row["step"] for row in trained(mine)] == [str(ITERATION * (i + 1)) for i in range(UPDATES)]
  numbers, expected = (json.loads(path.parent.with_suffix(".json").read_text())[path.name] for path in (mine, alone))
  assert numbers.keys() == expected.keys() and numbers["env_steps"] == UPDATES * ITERATION


def check_first_update(mine: Path, alone: Path) -> None:
  """Are the metrics of the first update, the one that starts from the same state, those it has alone?"""
  first, expected = rows(mine)[0], rows(alone)[0]
  compared = [name for name in expected if not name.startswith(MEASURED) and name != "wall_s" and expected[name]]
  assert {"train/policy_loss", "train/task_reward", "amp/loss", "reward/track_vx"} <= set(compared)
  for name in compared:
    assert float(first[name]) == pytest.approx(float(expected[name]), **TOLERANCE), name


@pytest.mark.parametrize("number", JOBS)
def test_every_job_of_a_group_leaves_the_folder_it_leaves_alone(runs: Path, number: int):
  check_complete(runs / "together" / str(number), runs / "alone" / str(number))


@pytest.mark.parametrize("number", JOBS)
def test_the_first_update_of_every_job_has_the_metrics_it_has_alone(runs: Path, number: int):
  check_first_update(runs / "together" / str(number), runs / "alone" / str(number))


@pytest.mark.slow
@pytest.mark.parametrize("number", JOBS)
def test_a_group_that_is_split_by_its_memory_leaves_the_same(more: Path, number: int):
  check_complete(more / "split" / str(number), more / "alone" / str(number))
  check_first_update(more / "split" / str(number), more / "alone" / str(number))


def test_the_jobs_are_not_one_and_the_same(runs: Path):
  first = [rows(runs / "together" / str(number))[0] for number in JOBS]
  for name in ("train/policy_loss", "amp/loss", "reward/track_vx"):
    assert len({row[name] for row in first}) == len(JOBS), name


@pytest.mark.slow
def test_a_job_of_a_group_goes_on_alone_from_its_checkpoint(more: Path):
  resumed = more / "resumed" / str(RESUMED)
  before, after = trained(more / "together" / str(RESUMED)), trained(resumed)
  assert [row["step"] for row in after] == [str(ITERATION * (i + 1)) for i in range(UPDATES + 1)]
  assert after[0]["train/policy_loss"] == before[0]["train/policy_loss"]
  assert math.isfinite(float(after[UPDATES]["train/policy_loss"]))
  assert json.loads((resumed / "versions.json").read_text())["resumed"][0]["step"] == UPDATES * ITERATION


@pytest.mark.parametrize(
  "count, each, cap, parts",
  [
    (3, 10, 30, [[0, 1, 2]]),
    (3, 10, 29, [[0, 1], [2]]),
    (4, 10, 39, [[0, 1], [2, 3]]),
    (7, 10, 30, [[0, 1, 2], [3, 4], [5, 6]]),
    (3, 10, 9, [[0], [1], [2]]),
    (1, 10, 100, [[0]]),
  ],
)
def test_a_group_trains_in_the_fewest_parts_of_equal_size_that_fit(count: int, each: int, cap: int, parts: list):
  assert chunks(count, each, cap) == parts
