"""The tracker: every row to every place, and no place that fails stops training."""

import csv
import shutil
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from wildrobot_exp.tracking import Tracker, make_tracker


def logger(tensorboard=False, mode="disabled", progress=False) -> SimpleNamespace:
  return SimpleNamespace(tensorboard=tensorboard, progress=progress, every=5,
                         wandb=SimpleNamespace(mode=mode, project="p"))


def make(run_dir, resume_step=None, **choices) -> Tracker:
  return make_tracker(logger(**choices), run_dir, run_name="job", group="", config_dict={"seed": 0},
                      total_steps=100, resume_step=resume_step)


def read(run_dir) -> list[dict[str, str]]:
  return list(csv.DictReader((run_dir / "metrics.csv").read_text().splitlines()))


class Broken:
  name = "the broken one"

  def __init__(self):
    self.calls = 0

  def log(self, step, metrics):
    self.calls += 1
    raise OSError(28, "No space left on device")

  def rewind(self, step):
    raise OSError(28, "No space left on device")

  def close(self, exit_code):
    raise OSError(28, "No space left on device")


class Recorder:
  name = "recorder"

  def __init__(self):
    self.rows, self.exit_codes = [], []

  def log(self, step, metrics):
    self.rows.append((step, metrics))

  def rewind(self, step):
    self.rows = [(at, metrics) for at, metrics in self.rows if at <= step]

  def close(self, exit_code):
    self.exit_codes.append(exit_code)


def test_a_row_goes_everywhere_with_the_wall_time(tmp_path, capsys):
  tracker = make(tmp_path, tensorboard=True, mode="offline", progress=True)
  tracker.log(10, {"train/return": 1.0})
  tracker.close()
  row, = read(tmp_path)
  assert row["step"] == "10" and row["train/return"] == "1.0" and 0 <= float(row["wall_s"]) < 60
  assert list(tmp_path.glob("tensorboard/events*")) and list(tmp_path.glob("wandb/offline-run-*/*.wandb"))
  assert "return 1.00" in capsys.readouterr().out


def test_what_is_switched_off_writes_nothing(tmp_path, capfd):
  tracker = make(tmp_path)
  with tracker.compiling("the update"):
    tracker.log(10, {"train/return": 1.0})
  tracker.close()
  assert [entry.name for entry in tmp_path.iterdir()] == ["metrics.csv"]
  assert "".join(capfd.readouterr()) == ""


def test_switched_off_sinks_and_wandb_are_not_even_imported(tmp_path):
  code = ("import sys; import wildrobot_exp.tracking; "
          "print([name for name in ('wandb', 'tensorboardX', 'jax') if name in sys.modules])")
  out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
  assert out.strip() == "[]"


def test_a_failing_sink_warns_once_and_the_others_go_on(caplog):
  broken, recorder = Broken(), Recorder()
  tracker = Tracker([broken, recorder])
  for step in range(3):
    tracker.log(step, {"x": 1.0})
  tracker.close(1)
  assert [step for step, _ in recorder.rows] == [0, 1, 2] and recorder.exit_codes == [1]
  assert broken.calls == 3, "it may recover, so it is tried again"
  assert [record.message for record in caplog.records] == [
    "the broken one: [Errno 28] No space left on device; training goes on, some of its rows may be missing"]


def test_a_sink_that_cannot_be_opened_warns_and_the_others_go_on(tmp_path, caplog):
  (tmp_path / "tensorboard").write_text("in the way")
  tracker = make(tmp_path, tensorboard=True)
  tracker.log(1, {"x": 1.0})
  tracker.close()
  assert len(caplog.records) == 1 and "TensorBoard" in caplog.text
  assert len(read(tmp_path)) == 1


def test_a_mistake_in_the_program_is_not_swallowed():
  wrong = Recorder()
  wrong.log = lambda step, metrics: float("not a number")
  with pytest.raises(ValueError):
    Tracker([wrong]).log(1, {})


def test_closing_twice_closes_once():
  recorder = Recorder()
  tracker = Tracker([recorder])
  tracker.close(1)
  tracker.close(0)
  assert recorder.exit_codes == [1]


def test_a_resumed_run_goes_on_counting_time(tmp_path):
  (tmp_path / "metrics.csv").write_text("step,wall_s\n10,100.5\n20,200.5\n")
  tracker = make(tmp_path, resume_step=10)
  tracker.log(20, {})
  first, second = read(tmp_path)
  assert (first["step"], second["step"]) == ("10", "20")
  assert 100.5 <= float(second["wall_s"]) < 110


def test_a_reader_that_goes_away_does_not_stop_training(tmp_path):
  code = (
    "import time\nfrom types import SimpleNamespace as N\nfrom wildrobot_exp.tracking import make_tracker\n"
    "cfg = N(tensorboard=False, progress=True, wandb=N(mode='disabled', project='p'))\n"
    f"t = make_tracker(cfg, {str(tmp_path)!r}, run_name='', group='', config_dict={{}}, total_steps=9)\n"
    "for step in range(5):\n"
    "  with t.compiling('x'): time.sleep(0.02)\n"
    "  t.log(step, {})\n"
    "t.close()\n")
  process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
  process.stdout.close()
  assert process.wait() == 0
  assert len(read(tmp_path)) == 5


def test_a_folder_that_vanishes_costs_a_warning_a_place_and_training_goes_on(tmp_path, caplog):
  tracker = make(tmp_path / "run", tensorboard=True)
  tracker.log(10, {"x": 1.0})
  shutil.rmtree(tmp_path / "run")
  for step in (20, 30):
    tracker.log(step, {"x": 1.0})
  assert sorted(record.message.split(":")[0] for record in caplog.records) == ["TensorBoard", "metrics.csv"]
  (tmp_path / "run").mkdir()
  tracker.log(40, {"x": 1.0})
  tracker.close()
  assert [row["step"] for row in read(tmp_path / "run")] == ["40"]


def test_the_wall_time_does_not_follow_a_clock_that_is_set_back(tmp_path, monkeypatch):
  tracker = make(tmp_path)
  tracker.log(10, {})
  monkeypatch.setattr(time, "time", lambda: 0.0)
  tracker.log(20, {})
  first, second = (float(row["wall_s"]) for row in read(tmp_path))
  assert 0 <= first < second < 60


def test_warnings_are_said_without_progress_too(tmp_path, capsys):
  tracker = make(tmp_path, progress=False)
  tracker.say("evaluating")
  tracker.say("warning: back to the last checkpoint")
  tracker.close(0)
  assert capsys.readouterr().out == "warning: back to the last checkpoint\n"
