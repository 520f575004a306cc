"""TensorBoard: the same names and numbers as metrics.csv, read back with TensorBoard's own reader."""

import shutil
import time
from types import SimpleNamespace

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from wildrobot_exp.tracking.tensorboard_events import TensorBoardEvents

CONFIG = {"seed": 3, "algo": {"clip": 0.2, "hidden": [128, 128]}, "dry_run": False, "name": "walk",
          "none": None}


def load(folder) -> EventAccumulator:
  return EventAccumulator(str(folder)).Reload()


def scalars(folder, name) -> list[tuple[int, float]]:
  return [(event.step, event.value) for event in load(folder).Scalars(name)]


def test_rows_can_be_read_before_the_run_ends_under_the_same_names(tmp_path):
  events = TensorBoardEvents(tmp_path, CONFIG)
  events.log(10, {"wall_s": 1.0, "train/return": 0.5, "reward/track_velocity": 0.25})
  events.log(20, {"eval/survival": 1.0})
  assert scalars(tmp_path, "train/return") == [(10, 0.5)]
  assert set(load(tmp_path).Tags()["scalars"]) == {
    "wall_s", "train/return", "reward/track_velocity", "eval/survival"}


@pytest.mark.parametrize("exit_code, ends", [(0, True), (1, False)])
def test_the_hparams_page_gets_the_config_and_the_outcome(tmp_path, exit_code, ends):
  events = TensorBoardEvents(tmp_path, CONFIG)
  events.close(exit_code)
  content = load(tmp_path).summary_metadata
  assert ("_hparams_/session_end_info" in content) == ends
  data = plugin_data_pb2.HParamsPluginData.FromString(
    content["_hparams_/session_start_info"].plugin_data.content)
  hparams = data.session_start_info.hparams
  assert hparams["algo.clip"].number_value == 0.2
  assert hparams["algo.hidden"].string_value == "[128, 128]"
  assert hparams["name"].string_value == "walk"
  assert not hparams["dry_run"].bool_value and "none" not in hparams


def test_a_resumed_run_hides_what_lies_beyond_its_checkpoint(tmp_path):
  events = TensorBoardEvents(tmp_path, CONFIG)
  for step in (10, 20, 30):
    events.log(step, {"x": float(step)})
  events.close(1)
  resumed = TensorBoardEvents(tmp_path, CONFIG, resume_step=20)
  resumed.log(25, {"x": 25.0})
  assert scalars(tmp_path, "x") == [(10, 10.0), (20, 20.0), (25, 25.0)]


def test_a_run_that_is_concluded_again_has_one_final_row(tmp_path):
  events = TensorBoardEvents(tmp_path, CONFIG)
  for row in ({"x": 1.0}, {"final/x": 2.0}):
    events.log(20, row)
  events.close(0)
  resumed = TensorBoardEvents(tmp_path, CONFIG, resume_step=20, kept=[(10, {"x": 0.0}), (20, {"x": 1.0})])
  resumed.log(20, {"final/x": 3.0})
  assert (scalars(tmp_path, "x"), scalars(tmp_path, "final/x")) == ([(20, 1.0)], [(20, 3.0)])


def test_going_back_hides_what_was_logged_beyond_a_step(tmp_path):
  events = TensorBoardEvents(tmp_path, CONFIG)
  for step in (10, 20, 30):
    events.log(step, {"x": float(step)})
  events.rewind(20)
  events.log(30, {"x": 31.0})
  assert scalars(tmp_path, "x") == [(10, 10.0), (20, 20.0), (30, 31.0)]


def test_a_full_disk_raises_instead_of_blocking(tmp_path):
  events = TensorBoardEvents(tmp_path, CONFIG)
  with open("/dev/full", "wb", buffering=0) as full:
    events._writer._py_recordio_writer._writer = full
    for step in range(20):
      with pytest.raises(OSError):
        events.log(step, {"x": 1.0})


def test_a_clock_that_is_set_back_does_not_disturb_the_curves(tmp_path, monkeypatch):
  clock = SimpleNamespace(now=2e9)
  monkeypatch.setattr(time, "time", lambda: clock.now)
  events = TensorBoardEvents(tmp_path, CONFIG)
  events.log(10, {"x": 10.0})
  clock.now -= 1e6
  for step in (20, 30):
    events.log(step, {"x": float(step)})
  resumed = TensorBoardEvents(tmp_path, CONFIG, resume_step=20)
  resumed.log(30, {"x": 31.0})
  assert scalars(tmp_path, "x") == [(10, 10.0), (20, 20.0), (30, 31.0)]
  times = [event.wall_time for event in load(tmp_path).Scalars("x")[:2]]
  assert 0 <= times[1] - times[0] < 60


def test_a_file_that_was_removed_is_said(tmp_path):
  events = TensorBoardEvents(tmp_path, CONFIG)
  shutil.rmtree(tmp_path)
  with pytest.raises(OSError, match="removed"):
    events.log(10, {"x": 1.0})
