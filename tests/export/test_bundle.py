"""All files of an export, or none."""

import json

import pytest

from wildrobot_exp.errors import RunFailed
from wildrobot_exp.export import bundle

FILES = ["policy.json", "policy.onnx", "run_policy.py", "wildrobot.xml"]


def test_the_folder_holds_what_a_stranger_needs(exported, contract):
  assert sorted(path.name for path in exported.iterdir()) == FILES
  assert contract["run"] == "tiny" and contract["checkpoint_step"] == 64
  assert contract["parity"]["max_abs_error"] < 1e-5 and contract["latency"]["median_ms"] > 0
  loop = contract["closed_loop"]
  assert loop["passed"] is None and "no evaluation.json" in loop["how"]
  assert [row["vx"] for row in loop["rows"]] == [*contract["trial"]["speeds"], None]


@pytest.fixture
def export(tiny, tmp_path, monkeypatch):
  """export(evaluation): a quick export whose runner is said to have found survival 1 and an error of .01."""
  rows = [{"vx": vx, "survival": 1.0, "vx_error": 0.01} for vx in (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)]
  monkeypatch.setattr(bundle, "run_trial", lambda folder: [*rows, rows[0] | {"vx": None}])
  monkeypatch.setattr(bundle, "real_observations", lambda *_: (None, None))
  monkeypatch.setattr(bundle, "check_parity", lambda *_: {})
  monkeypatch.setattr(bundle, "measure_latency", lambda *_: {})
  base = {"checkpoint_step": 3, "physics": "native", "commands": rows, "survival": 1.0, "vx_error": 0.01}
  base |= {"episodes": 7, "episode_seconds": 2.0}

  def run(**changes):
    parts = (tmp_path, tiny.cfg, tiny.env, tiny.networks, tiny.params)
    return bundle.export_policy(*parts, facts={"checkpoint_step": 3}, evaluation=base | changes)

  return run


def test_an_export_that_walks_as_well_records_both(export, tmp_path):
  loop = export()["closed_loop"]
  assert loop["passed"] and loop["original"][-1] == {"survival": 1.0, "vx_error": 0.01}
  assert json.loads((tmp_path / "policy.json").read_text())["closed_loop"] == loop
  assert sorted(path.name for path in tmp_path.iterdir()) == FILES


def test_an_export_that_walks_differently_is_refused_and_nothing_is_written(export, tmp_path):
  with pytest.raises(RunFailed, match="walks differently over all speeds: survival 1.0 against 0.9"):
    export(survival=0.9)
  assert list(tmp_path.iterdir()) == []


def test_a_graph_that_is_not_the_policy_is_refused_and_nothing_is_written(export, tmp_path, monkeypatch):
  def differs(*_):
    raise RunFailed("the graph differs")

  monkeypatch.setattr(bundle, "check_parity", differs)
  with pytest.raises(RunFailed, match="the graph differs"):
    export()
  assert list(tmp_path.iterdir()) == []


def test_an_evaluation_that_cannot_be_read_is_none(tmp_path):
  assert bundle.read_evaluation(tmp_path, 3) is None
  (tmp_path / "evaluation.json").write_text("{")
  assert bundle.read_evaluation(tmp_path, 3) is None
