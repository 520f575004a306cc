"""What a resumed run is refused before anything of it is written."""

import json
import pathlib
import sys
import time
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_exp import recording as recording_module
from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.config.compose import load
from wildrobot_exp.errors import RunFailed, UserError
from wildrobot_exp.recording import recording
from wildrobot_exp.sweeps.manifest import JobEntry, Manifest
from wildrobot_exp.versions import write_versions


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


@pytest.fixture
def ranked(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Checkpoints:
  """Three checkpoints, the second of which is the best, the first the second best."""
  checkpoints = Checkpoints(tmp_path, model_hash=recording_module.model_hash())
  for step, score in ((64, 0.5), (128, 0.9), (192, 0.1)):
    checkpoints.save(step, {"w": jnp.full(3, float(step))}, metrics={}, config={}, score=score)
  monkeypatch.setattr(recording_module, "policy_params", lambda state: state)
  return checkpoints


def best_of(folder: pathlib.Path, capsys) -> tuple[float, int, str]:
  """The number in the best state, its step, and what is said."""
  cfg = load([f"resume={folder}", "logger=csv"])
  last = {"w": jnp.full(3, 192.0)}
  with recording(cfg, folder, overrides=[], group="") as run:
    run.checkpoints.restore = lambda step, _: Checkpoints(folder).restore(step, last)
    state, step = run.best(Last(last))
  values = state.state if isinstance(state, Last) else state
  return float(values["w"][0]), step, capsys.readouterr().out


class Last:
  """The last state of the training, at step 192."""

  env_steps = 192

  def __init__(self, state):
    self.state = state


def damage(checkpoints: Checkpoints, step: int) -> None:
  (checkpoints.folder / str(step) / "checkpoint.json").touch()
  next((checkpoints.folder / str(step) / "state").rglob("*/d/*")).write_bytes(b"cut short")


def test_the_best_checkpoint_is_the_one_with_the_highest_score(ranked, tmp_path, capsys):
  assert best_of(tmp_path, capsys)[:2] == (128.0, 128)


def test_a_damaged_best_checkpoint_costs_a_warning_not_the_run(ranked, tmp_path, capsys):
  damage(ranked, 128)
  value, step, said = best_of(tmp_path, capsys)
  assert (value, step) == (64.0, 64) and "of step 128, is damaged: step 64 is evaluated" in said
  damage(ranked, 64)
  value, step, said = best_of(tmp_path, capsys)
  assert (value, step) == (192.0, 192) and "step 192 is evaluated" in said


def test_a_resumed_run_keeps_its_first_command_and_adds_its_own(tmp_path, monkeypatch):
  Checkpoints(tmp_path, model_hash=recording_module.model_hash()).save(64, {"w": np.ones(3)}, metrics={}, config={})
  versions = tmp_path / "versions.json"
  monkeypatch.setattr(sys, "argv", ["run.py", "seed=3"])
  write_versions(versions, overrides=["seed=3"], facts={"total_steps": 640})
  for total in (1280, 2560):
    typed = ["run.py", "resume=R", f"total_steps={total}"]
    monkeypatch.setattr(sys, "argv", ["run.py", "seed=3", *typed[1:]])  # as it is expanded
    monkeypatch.setattr(sys, "orig_argv", ["/usr/bin/python", *typed])
    with recording(config(tmp_path, f"total_steps={20 * total}"), tmp_path, overrides=["seed=3", "resume=R"], group=""):
      pass
  written = json.loads(versions.read_text())
  assert written["command"] == "python run.py seed=3" and written["overrides"] == ["seed=3"]
  assert written["total_steps"] == 20 * 2560
  starts = [(start["step"], start["command"]) for start in written["resumed"]]
  assert starts == [(64, f"python run.py resume=R total_steps={total}") for total in (1280, 2560)]
  assert written["resumed"][0]["versions"] == written["versions"]


def test_the_command_of_a_sweep_s_job_runs_it_alone_where_its_config_was(tmp_path):
  job = tmp_path / "0_a"
  job.mkdir()
  source = {"provider": "command-line", "path": "/mine"}
  hydra = {"runtime": {"config_sources": [source]}, "overrides": {"hydra": [], "task": ["experiment=own"]}}
  (tmp_path / "multirun.yaml").write_text(json.dumps({"hydra": hydra}))
  Manifest(tmp_path, [], [JobEntry(0, ["experiment=own", "seed=1"], "0_a", "hash")]).save()
  with recording(load(["logger=csv", "logger.progress=false"]), job, overrides=["seed=1"], group="tiny"):
    pass
  command = json.loads((job / "versions.json").read_text())["command"]
  assert command == "python run.py --config-dir /mine experiment=own seed=1 hydra.mode=RUN"


def test_a_resume_under_other_versions_says_so_in_one_line(tmp_path, capsys):
  Checkpoints(tmp_path, model_hash=recording_module.model_hash()).save(64, {"w": np.ones(3)}, metrics={}, config={})
  versions = tmp_path / "versions.json"
  write_versions(versions, overrides=[], facts={})
  content = json.loads(versions.read_text())
  for then, said in ((content["versions"]["jax"], ""), ("0.0.1", "jax 0.0.1 is ")):
    content["versions"]["jax"] = then
    versions.write_text(json.dumps(content))
    with recording(config(tmp_path), tmp_path, overrides=[], group=""):
      pass
    out = capsys.readouterr().out
    assert out.count("\n") == bool(said) and said in out


def test_the_wall_time_of_a_resumed_run_counts_its_earlier_starts(tmp_path, monkeypatch):
  Checkpoints(tmp_path, model_hash=recording_module.model_hash()).save(64, {"w": np.ones(3)}, metrics={}, config={})
  (tmp_path / "metrics.csv").write_text("step,wall_s\n64,5000.0\n128,9000.0\n")
  for name, replacement in (("evaluate_into", lambda *_, **__: {}), ("summary", lambda _: {}), ("write_report", print)):
    monkeypatch.setattr(recording_module, name, replacement)
  with recording(config(tmp_path), tmp_path, overrides=[], group="") as run:
    experiment = SimpleNamespace(networks=None, clips=[])
    numbers = run.conclude(experiment, None, 64, {"env_steps": 64}, time.monotonic() - 100.0)
  assert 5100.0 <= numbers["wall_s"] < 5200.0
  assert json.loads((tmp_path / "versions.json").read_text())["wall_s"] == numbers["wall_s"]


def test_a_disk_that_fills_during_the_evaluation_costs_neither_the_last_row_nor_the_report(tmp_path, monkeypatch):
  def refuse(*args, **more):
    raise OSError(28, "No space left on device")

  written = []
  monkeypatch.setattr(recording_module, "evaluate_into", refuse)
  monkeypatch.setattr(recording_module, "write_report", written.append)
  with pytest.raises(RunFailed, match="could not be written .No space left on device.*: wildrobot eval"):
    with recording(load(["logger=csv", "logger.progress=false"]), tmp_path, overrides=[], group="") as run:
      run.conclude(SimpleNamespace(networks=None, clips=[]), None, 64, {"env_steps": 64, "steps_per_s": 3.0}, 0.0)
  assert written == [tmp_path]
  table = (tmp_path / "metrics.csv").read_text()
  assert "final/steps_per_s" in table and "64," in table


def test_the_source_of_a_discriminator_is_recorded_absolute_and_may_be_gone_later(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  folder, source = tmp_path / "run", tmp_path / "source"
  (source / "checkpoints").mkdir(parents=True)
  folder.mkdir()
  typed = ["amp.discriminator=source", "logger=csv", "logger.progress=false"]
  with recording(load(typed), folder, overrides=[], group="") as run:
    run.checkpoints.save(64, {"w": np.ones(3)}, metrics={}, config=run.config)
    assert run.config["amp"]["discriminator"] == str(source)
  (source / "checkpoints").rmdir()
  with pytest.raises(UserError, match="is not a run folder"):
    load(typed)
  monkeypatch.chdir("/")
  with recording(load([*typed, f"resume={folder}"]), folder, overrides=[], group="") as run:
    assert run.config["amp"]["discriminator"] == str(source)
