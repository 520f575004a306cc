"""What a resumed run is refused before anything of it is written."""

import pathlib

import numpy as np
import pytest

from wildrobot_exp import recording as recording_module
from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.config.compose import load
from wildrobot_exp.errors import UserError
from wildrobot_exp.recording import recording


@pytest.fixture
def of_another_robot(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
  """A run folder with a checkpoint of a robot that has changed since."""
  Checkpoints(tmp_path, model_hash=recording_module.model_hash()).save(64, {"w": np.ones(3)}, metrics={}, config={})
  monkeypatch.setattr(recording_module, "model_hash", lambda: "b" * 64)
  return tmp_path


def config(folder: pathlib.Path, *overrides: str):
  return load([f"resume={folder}", "logger=csv", "logger.progress=false", *overrides])


def test_a_changed_robot_is_refused_in_one_line_and_nothing_is_written(of_another_robot):
  with pytest.raises(UserError, match="the robot has changed since checkpoint 64") as refused:
    with recording(config(of_another_robot), of_another_robot, overrides=[], group=""):
      pass
  assert "\n" not in str(refused.value)
  assert [entry.name for entry in of_another_robot.iterdir()] == ["checkpoints"]


def test_a_changed_robot_is_accepted_by_name(of_another_robot):
  cfg = config(of_another_robot, "resume_allow=[model]")
  with recording(cfg, of_another_robot, overrides=[], group="") as run:
    assert run.resume_step == 64
