"""What an evaluation leaves in a run folder: all of its files, or those of the one before."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from fake_run import fake_evaluation, fake_gait, make_run

from wildrobot_exp.config.compose import load
from wildrobot_exp.evaluation import run_folder, video
from wildrobot_exp.evaluation.report import write_report
from wildrobot_exp.evaluation.run_folder import EVALUATION, keep_another, kept_evaluation
from wildrobot_exp.evaluation.video import RenderingUnavailable
from wildrobot_exp.export.bundle import read_evaluation

FILES = ("evaluation.json", "gait.npz", "video.mp4")


@pytest.fixture
def run(tmp_path):
  """A run folder with the files of an earlier evaluation."""
  return make_run(tmp_path / "run")


@pytest.fixture
def measured(monkeypatch):
  """An evaluation that takes no time."""
  found = SimpleNamespace(result=fake_evaluation() | {"survival": 0.5}, record=None, nominal=0)
  monkeypatch.setattr(run_folder, "evaluate", lambda *_, **__: found)
  monkeypatch.setattr(run_folder, "make_actor", lambda _: None)
  monkeypatch.setattr(run_folder, "Programs", lambda *_: None)
  monkeypatch.setattr(run_folder, "gait_arrays", lambda *_: fake_gait())


def evaluate(folder, *overrides: str) -> list[str]:
  """What was said."""
  said = []
  run_folder.evaluate_into(folder, load(["algo=ppo", *overrides]), None, None, step=1, clips=[], say=said.append)
  return said


def films(content: bytes, error: BaseException | None = None):
  def write(path, *_):
    path.write_bytes(content)
    if error is not None:
      raise error

  return write


def contents(folder) -> dict[str, bytes]:
  return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_all_files_of_the_one_before_are_replaced(run, measured, monkeypatch):
  monkeypatch.setattr(run_folder, "episode_video", films(b"new"))
  before = contents(run)
  evaluate(run)
  after = contents(run)
  assert after["video.mp4"] == b"new" and b'"survival": 0.5' in after["evaluation.json"]
  assert after.keys() == before.keys() and not (run / run_folder.STAGE).exists()


def test_an_interrupt_while_the_video_is_drawn_leaves_the_evaluation_before(run, measured, monkeypatch):
  monkeypatch.setattr(run_folder, "episode_video", films(b"half", KeyboardInterrupt()))
  before = contents(run)
  with pytest.raises(KeyboardInterrupt):
    evaluate(run)
  assert contents(run) == before and not (run / run_folder.STAGE).exists()


def test_a_disk_that_refuses_the_numbers_leaves_the_evaluation_before(run, measured, monkeypatch):
  def refuse(*_):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(run_folder, "episode_video", films(b"new"))
  monkeypatch.setattr(run_folder, "write_json", refuse)
  before = contents(run)
  with pytest.raises(OSError, match="No space left"):
    evaluate(run)
  assert contents(run) == before and not (run / run_folder.STAGE).exists()


def test_what_a_killed_evaluation_left_is_taken_away(run, measured, monkeypatch):
  monkeypatch.setattr(run_folder, "episode_video", films(b"new"))
  (run / run_folder.STAGE).mkdir()
  (run / run_folder.STAGE / "video.mp4").write_bytes(b"half")
  evaluate(run, "evaluation.video.enabled=false")
  assert not (run / run_folder.STAGE).exists() and not (run / "video.mp4").exists()


def test_without_a_video_the_one_of_other_numbers_goes(run, measured):
  evaluate(run, "evaluation.video.enabled=false")
  assert not (run / "video.mp4").exists() and (run / "gait.npz").exists()


@pytest.mark.parametrize("error", [RenderingUnavailable("x: apt-get install y"), OSError(28, "No space left")])
def test_a_video_that_cannot_be_made_is_said_and_the_numbers_stay(run, measured, monkeypatch, error):
  def refuse(*_):
    raise error

  monkeypatch.setattr(run_folder, "episode_video", refuse)
  assert evaluate(run)[-1] == f"no video: {error}"
  assert b'"survival": 0.5' in contents(run)["evaluation.json"] and not (run / "video.mp4").exists()


def test_a_machine_without_a_graphics_library_has_numbers_a_report_and_one_line(run, measured, monkeypatch, robot):
  qpos = np.tile(robot.home_qpos, (5, 1))
  monkeypatch.setattr(video, "BACKENDS", ("no-such-library",))
  monkeypatch.setattr(run_folder, "episode_video", lambda path, *_: video.write_video(path, robot, qpos, 0.02))
  (line,) = [line for line in evaluate(run) if line.startswith("no video: ")]
  assert line.endswith("apt-get install libegl1 libegl-mesa0") and "\n" not in line
  assert "<video" not in write_report(run).read_text()


def test_every_rate_has_its_interval():
  result = fake_evaluation()
  result["stochastic"]["survival_ci"] = [0.9, 1.0]
  ends = run_folder.intervals(result)
  assert ends == {
    "survival": (0.943, 1.0),
    "stochastic_survival": (0.9, 1.0),
    "long_walk_completed": (0.84, 1.0),
    "push_lateral_10n_recovered": (0.512, 0.7),
    "push_forward_10n_recovered": (0.0, 0.037),
    "worst_world_survival": (0.917, 0.997),
  }
  assert ends.keys() <= run_folder.summary(result | {"fine_timestep": {"survival": 1.0}, "return": 1.0}).keys()


NATIVE = {"physics": "native", "checkpoint_step": 64, "survival": 1.0}
MJX = NATIVE | {"physics": "mjx"}


def evaluated(folder, result) -> None:
  keep_another(folder, result)
  (folder / EVALUATION).write_text(json.dumps(result))


@pytest.mark.parametrize("other", [MJX, NATIVE | {"checkpoint_step": 32}])
def test_an_evaluation_of_another_engine_or_checkpoint_stays_beside_the_new_one(tmp_path, other):
  evaluated(tmp_path, NATIVE)
  evaluated(tmp_path, other)
  assert json.loads((tmp_path / EVALUATION).read_text()) == other
  assert json.loads((tmp_path / "evaluation-native-64.json").read_text()) == NATIVE


def test_the_same_evaluation_again_replaces_the_old_one(tmp_path):
  evaluated(tmp_path, NATIVE | {"survival": 0.5})
  evaluated(tmp_path, NATIVE)
  assert [path.name for path in tmp_path.iterdir()] == [EVALUATION]
  evaluated(tmp_path, MJX)
  evaluated(tmp_path, NATIVE)
  assert not kept_evaluation(tmp_path, "native", 64).exists(), "there is a newer one"
  assert kept_evaluation(tmp_path, "mjx", 64).exists()


@pytest.mark.parametrize("damaged", ["{", "[]", '{"physics": "native"}', '{"physics": "../x", "checkpoint_step": 3}'])
def test_what_cannot_be_read_is_replaced(tmp_path, damaged):
  (tmp_path / EVALUATION).write_text(damaged)
  evaluated(tmp_path, NATIVE)
  assert [path.name for path in tmp_path.iterdir()] == [EVALUATION]


def test_an_export_is_compared_with_the_native_evaluation_that_was_kept(tmp_path):
  evaluated(tmp_path, NATIVE)
  evaluated(tmp_path, MJX)
  assert read_evaluation(tmp_path, 64) == NATIVE
  assert read_evaluation(tmp_path, 32) == MJX, "and says then why it does not compare"
  assert read_evaluation(tmp_path / "nowhere", 64) is None
