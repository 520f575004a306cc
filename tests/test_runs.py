"""versions.json, and a run read back from its folder."""

import json
import pathlib

import pytest

from wildrobot_exp.errors import UserError
from wildrobot_exp.runs import load_run
from wildrobot_exp.versions import package_versions, write_versions


def test_versions_hold_what_is_needed_to_repeat_a_run(tmp_path: pathlib.Path):
  write_versions(tmp_path / "versions.json", overrides=["seed=1"], facts={"wall_s": 2.5})
  written = json.loads((tmp_path / "versions.json").read_text())
  assert written["overrides"] == ["seed=1"]
  assert written["wall_s"] == 2.5
  assert written["versions"]["mujoco"] == package_versions()["mujoco"]
  assert written["machine"]["cpus"] >= 1


def test_a_folder_that_is_no_run_is_refused(tmp_path: pathlib.Path):
  with pytest.raises(UserError, match="not a run folder"):
    load_run(tmp_path)


def test_a_run_without_a_checkpoint_is_refused(tmp_path: pathlib.Path):
  (tmp_path / ".hydra").mkdir()
  (tmp_path / ".hydra" / "overrides.yaml").write_text("- algo=ppo\n")
  with pytest.raises(UserError, match="no checkpoint"):
    load_run(tmp_path)
