"""The commands that repeat a sweep or one of its jobs, read from what Hydra wrote down (see also test_run.py)."""

import pathlib

import pytest
import yaml

from wildrobot_exp.sweeps.manifest import JobEntry, Manifest
from wildrobot_exp.sweeps.record import job_command, planned_jobs, sweep_overrides


def write(folder: pathlib.Path, **sections) -> None:
  (folder / "multirun.yaml").write_text(yaml.safe_dump({"hydra": sections}))


def test_an_experiment_file_s_params_come_before_what_was_typed(tmp_path: pathlib.Path):
  basic = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"
  write(tmp_path, sweeper={"_target_": basic, "params": {"a": "1,2"}}, overrides={"task": ["b=3"], "hydra": []})
  assert sweep_overrides(tmp_path) == ["a=1,2", "b=3"]
  assert planned_jobs(tmp_path) == [["a=1", "b=3"], ["a=2", "b=3"]]


def test_a_job_s_command_has_the_sweep_s_flags_and_the_job_s_own_overrides(tmp_path: pathlib.Path):
  job = tmp_path / "0_a"
  (job / ".hydra").mkdir(parents=True)
  (job / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(["a=1", f"resume={job}", "total_steps=9"]))
  (tmp_path / "conf").mkdir()
  sources = {"hydra": "pkg://hydra.conf", "main": str(tmp_path / "conf"), "command-line": "/my options"}
  runtime = {"config_sources": [{"provider": name, "path": path} for name, path in sources.items()]}
  overrides = {"task": ["a=1,2"], "hydra": ["hydra.mode=MULTIRUN"]}
  write(tmp_path, overrides=overrides, runtime=runtime, job={"config_name": "mine"})
  flags = f"--config-path {tmp_path / 'conf'} --config-name mine --config-dir '/my options'"
  assert job_command(job) == f"python run.py {flags} a=1 total_steps=9"
  Manifest(tmp_path, [], [JobEntry(0, ["a=1"], "0_a", "hash")]).save()
  assert job_command(job) == f"python run.py {flags} a=1"


def test_the_jobs_of_a_sweeper_that_chooses_on_the_way_are_not_guessed(tmp_path: pathlib.Path):
  write(tmp_path, sweeper={"_target_": "somebody.Search"}, overrides={"task": ["a=1,2"]})
  assert planned_jobs(tmp_path) == []


@pytest.mark.parametrize("text", ["{half", "[]", "hydra: 3", "hydra: {overrides: null, sweeper: {params: 1}}"])
def test_nothing_written_down_is_nothing_said(tmp_path: pathlib.Path, text: str):
  (tmp_path / "multirun.yaml").write_text(text)
  assert (sweep_overrides(tmp_path), planned_jobs(tmp_path), job_command(tmp_path / "0_a")) == ([], [], None)
