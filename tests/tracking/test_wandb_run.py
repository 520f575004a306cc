"""wandb: offline unless told otherwise, never in the way of training, read back with wandb's own reader."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wildrobot_exp.tracking import wandb_run
from wildrobot_exp.tracking.wandb_run import WandbRun


def start(run_dir, mode="offline") -> WandbRun:
  run_dir.mkdir(exist_ok=True)
  return WandbRun(run_dir, mode=mode, project="p", group="sweep", run_name="job", config_dict={"seed": 1})


def records(tmp_path) -> list[dict]:
  files = sorted(tmp_path.glob("wandb/offline-run-*/*.wandb"))
  assert len(files) == 1
  leet = [str(Path(sys.executable).with_name("wandb")), "leet", "inspect", "--json", str(files[0])]
  lines = subprocess.run(leet, capture_output=True, text=True, check=True).stdout.splitlines()
  return [json.loads(line) for line in lines]


def rows(tmp_path) -> list[tuple[int, float]]:
  items = [record["history"]["item"] for record in records(tmp_path) if record["type"] == "history"]
  return [(item["step"], item["train/return"]) for item in items]


def warnings(caplog) -> list[str]:
  """What this package said; wandb's own records, which pytest catches, go to wandb's debug.log."""
  return [record.message for record in caplog.records
          if record.name.startswith("wildrobot_exp") and record.levelno >= logging.WARNING]


@pytest.fixture
def unreachable(monkeypatch):
  """A server that refuses, and credentials that are nobody's."""
  import wandb

  wandb.teardown()  # settings are read from the environment when wandb starts
  monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
  monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
  monkeypatch.setattr(wandb_run, "_INIT_TIMEOUT_S", 2)
  yield
  wandb.teardown()


def test_an_offline_run_holds_every_row_with_its_name_group_and_config(tmp_path, capfd):
  run = start(tmp_path)
  for step in range(3):
    run.log(step * 10, {"wall_s": 0.5, "train/return": float(step)})
  run.close(0)
  assert rows(tmp_path) == [(0, 0.0), (10, 1.0), (20, 2.0)]
  about = next(record["run"] for record in records(tmp_path) if record["type"] == "run")
  assert (about["display_name"], about["run_group"], about["project"]) == ("job", "sweep", "p")
  assert about["config"]["update"]["seed"] == 1
  metric = next(record["metric"] for record in records(tmp_path) if record["type"] == "metric")
  assert (metric["glob_name"], metric["step_metric"]) == ("*", "step")
  assert "".join(capfd.readouterr()) == "", "wandb keeps off the console"


@pytest.mark.parametrize("exit_code", [0, 1])
def test_the_exit_code_is_kept(tmp_path, exit_code):
  start(tmp_path).close(exit_code)
  last = records(tmp_path)[-1]
  assert last["type"] == "exit" and last["exit"].get("exit_code", 0) == exit_code


def test_two_jobs_in_one_process_are_two_runs(tmp_path):
  for job in ("a", "b"):
    run = start(tmp_path / job)
    run.log(1, {"train/return": 1.0})
    run.close(0)
  assert rows(tmp_path / "a") == rows(tmp_path / "b") == [(1, 1.0)]


def test_starting_does_not_wait_for_wandb(tmp_path):
  begin = time.monotonic()
  run = start(tmp_path)
  run.log(1, {"train/return": 1.0})
  assert time.monotonic() - begin < 0.1
  run.close(0)
  assert rows(tmp_path) == [(1, 1.0)]


def test_without_a_server_there_is_one_warning_and_rows_stay_offline(tmp_path, unreachable, caplog, capfd):
  run = start(tmp_path, mode="online")
  run.log(1, {"train/return": 1.0})
  run.close(0)
  warning, = warnings(caplog)
  assert "logging offline" in warning
  assert rows(tmp_path) == [(1, 1.0)]
  assert "".join(capfd.readouterr()) == ""


def test_a_wandb_that_dies_costs_one_warning_and_the_next_run_works(tmp_path, caplog):
  run = start(tmp_path / "a")
  run.log(1, {"train/return": 1.0})
  while not list(tmp_path.glob("a/wandb/*run-*/*.wandb")):
    time.sleep(0.05)
  _kill_wandb_core()
  for step in range(100):
    run.log(step, {"train/return": 1.0})
    time.sleep(0.005)
  run.close(0)
  warning, = warnings(caplog)
  assert "training goes on without it" in warning
  after = start(tmp_path / "b")
  after.log(2, {"train/return": 2.0})
  after.close(0)
  assert rows(tmp_path / "b") == [(2, 2.0)]


def _kill_wandb_core() -> None:
  """Kills the wandb process that this process started."""
  for entry in Path("/proc").glob("[0-9]*"):
    try:
      parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
      command = (entry / "cmdline").read_bytes()
    except OSError:
      continue
    if parent == os.getpid() and b"wandb-core" in command:
      os.kill(int(entry.name), signal.SIGKILL)
