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

from wildrobot_exp.tracking import wandb_files, wandb_run
from wildrobot_exp.tracking.wandb_run import WandbRun


def start(run_dir, mode="offline", **more) -> WandbRun:
  run_dir.mkdir(exist_ok=True)
  return WandbRun(run_dir, mode=mode, project="p", group="sweep", run_name="job", config_dict={"seed": 1}, **more)


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


def parts(tmp_path) -> list[list[dict]]:
  """The records of every file of a run, in the order in which they were started."""
  found = []
  for path in sorted(tmp_path.glob("wandb/offline-run-*/*.wandb")):
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(path)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    found.append([json.loads(line) for line in lines])
  return found


def test_a_resumed_run_goes_on_in_the_same_wandb_run_without_holes_or_double_rows(tmp_path):
  run = start(tmp_path)
  for step in (10, 20):
    run.log(step, {"train/return": float(step)})
  run.close(1)
  time.sleep(1.1)  # wandb names its folders by the second
  kept = [(step, {"train/return": float(step)}) for step in (5, 10, 15)]  # 5 and 15 had not arrived
  resumed = start(tmp_path, kept=kept)
  for step, value in ((20, 20.0), (30, 30.0), (30, 31.0)):  # 20 had, and comes again
    resumed.log(step, {"train/return": value})
  resumed.close(0)
  files = parts(tmp_path)
  abouts = [record["run"] for part in files for record in part if record["type"] == "run"]
  assert len(abouts) == 2 and len({about["run_id"] for about in abouts}) == 1
  assert all(about["resume"] for about in abouts)
  history = [record["history"]["item"] for part in files for record in part if record["type"] == "history"]
  assert [(item["_step"], item["step"], item["train/return"]) for item in history] == [
    (0, 10, 10.0), (1, 20, 20.0), (2, 5, 5.0), (3, 15, 15.0), (4, 30, 30.0), (5, 30, 31.0)]


def test_after_going_back_the_same_steps_are_given_again_also_on_resume(tmp_path):
  run = start(tmp_path)
  for step, value in ((1, 1.0), (2, 2.0), (3, 3.0)):
    run.log(step, {"train/return": value})
  run.rewind(1)
  run.log(2, {"train/return": 20.0})
  run.close(1)
  again = start(tmp_path, kept=[(1, {"train/return": 1.0})])  # from the checkpoint of step 1
  for step, value in ((2, 20.0), (3, 30.0)):
    again.log(step, {"train/return": value})
  again.close(0)
  files = sorted(tmp_path.glob("wandb/offline-run-*/*.wandb"))
  found = []
  for path in files:
    leet = [str(Path(sys.executable).with_name("wandb")), "leet", "inspect", "--json", str(path)]
    lines = map(json.loads, subprocess.run(leet, capture_output=True, text=True, check=True).stdout.splitlines())
    found += [record["history"]["item"] for record in lines if record["type"] == "history"]
  found.sort(key=lambda item: item["_step"])
  assert [(item["step"], item.get("train/return")) for item in found] == [
    (1, 1.0), (2, 2.0), (3, 3.0), (1, None), (2, 20.0), (3, 30.0)]
  assert [item.get("rolled_back") for item in found] == [None, None, None, 1.0, None, None]


def left(tmp_path) -> list[dict]:
  """The rows that count, of all parts, in the order of wandb's own numbers: see ROLLED_BACK."""
  history = [record["history"]["item"] for part in parts(tmp_path) for record in part if record["type"] == "history"]
  found: list[dict] = []
  for item in sorted(history, key=lambda item: item["_step"]):
    if wandb_files.ROLLED_BACK in item:
      found = [row for row in found if row["step"] <= item["step"]]
    else:
      found.append(item)
  return found


def test_where_a_resumed_run_goes_another_way_the_rows_of_the_killed_one_are_given_up(tmp_path):
  run = start(tmp_path)
  for step in (10, 20, 25, 30):
    run.log(step, {"wall_s": 1.0, "train/return": float(step)})
  run.close(1)
  time.sleep(1.1)
  resumed = start(tmp_path, kept=[(10, {"wall_s": 1.0, "train/return": 10.0})])
  for step, value in ((20, 21.0), (28, 28.0)):
    resumed.log(step, {"wall_s": 2.0, "train/return": value})
  resumed.close(0)
  assert [(row["step"], row["train/return"]) for row in left(tmp_path)] == [(10, 10.0), (20, 21.0), (28, 28.0)]


def test_rows_at_steps_that_a_resumed_run_never_has_are_given_up(tmp_path):
  run = start(tmp_path)
  for step in (10, 15, 30):
    run.log(step, {"train/return": float(step)})
  run.close(1)
  time.sleep(1.1)
  resumed = start(tmp_path, kept=[(10, {"train/return": 10.0})])
  resumed.log(20, {"train/return": 20.0})
  resumed.close(0)
  assert [(row["step"], row["train/return"]) for row in left(tmp_path)] == [(10, 10.0), (20, 20.0)]


def test_a_run_that_is_concluded_again_has_one_final_row(tmp_path):
  run = start(tmp_path)
  run.log(20, {"train/return": 20.0})
  run.log(20, {"wall_s": 5.0, "final/survival": 0.5})
  run.close(0)
  time.sleep(1.1)
  resumed = start(tmp_path, kept=[(20, {"train/return": 20.0})])
  resumed.log(20, {"wall_s": 6.0, "final/survival": 0.75})
  resumed.close(0)
  rows = [(row["step"], row.get("train/return"), row.get("final/survival")) for row in left(tmp_path)]
  assert rows == [(20, 20.0, None), (20, None, 0.75)]


def test_a_new_run_in_the_same_folder_is_another_wandb_run(tmp_path):
  assert wandb_files.run_id(tmp_path, resumed=False) != wandb_files.run_id(tmp_path, resumed=False)
  assert wandb_files.run_id(tmp_path, resumed=True) == wandb_files.run_id(tmp_path, resumed=True)


def test_a_file_cut_short_gives_the_rows_that_are_whole(tmp_path):
  run = start(tmp_path)
  for step in range(2000):
    run.log(step, {"train/return": 1.0})
  run.close(0)
  file, = tmp_path.glob("wandb/offline-run-*/*.wandb")
  identity = wandb_files.run_id(tmp_path, resumed=True)
  assert wandb_files.read_earlier(tmp_path, identity).next == 2000
  file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
  cut = wandb_files.read_earlier(tmp_path, identity)
  assert 100 < cut.next < 2000 and sorted(cut.rows) == list(range(cut.next))


def test_without_a_key_there_is_one_warning_and_rows_stay_offline(tmp_path, monkeypatch, caplog):
  import wandb

  wandb.teardown()
  monkeypatch.delenv("WANDB_API_KEY", raising=False)
  monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
  run = start(tmp_path, mode="online")
  run.log(1, {"train/return": 1.0})
  run.close(0)
  wandb.teardown()
  warning, = warnings(caplog)
  assert "no API key" in warning and "logging offline" in warning
  assert rows(tmp_path) == [(1, 1.0)]
