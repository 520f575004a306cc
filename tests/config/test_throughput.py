"""The speed in a plan is one that an equal run beside it had; what cannot be read is passed over."""

import json
import pathlib

import pytest
from omegaconf import OmegaConf

from wildrobot_exp.config.compose import load
from wildrobot_exp.config.throughput import measured_speed
from wildrobot_exp.versions import machine_facts


def config(*overrides: str):
  return OmegaConf.to_object(load(overrides))


def leave_run(root: pathlib.Path, name: str, *overrides: str, machine: dict | None = None) -> pathlib.Path:
  """A run folder as far as it is looked at."""
  folder = root / "day" / name
  (folder / ".hydra").mkdir(parents=True)
  OmegaConf.save(load(overrides), folder / ".hydra" / "config.yaml", resolve=True)
  (folder / "versions.json").write_text(json.dumps({"machine": machine or machine_facts()}))
  (folder / "metrics.csv").write_text("step,perf/steps_per_s\n1,100.0\n2,\n3,300.0\n4,200.0\n")
  return folder


@pytest.fixture
def new(tmp_path) -> str:
  return str(tmp_path / "outputs" / "day" / "new")


def test_an_equal_run_says_how_fast_it_was(tmp_path, new):
  leave_run(tmp_path / "outputs", "old", "seed=3", "algo.learning_rate=1e-4")
  assert measured_speed(config(), new) == (200.0, "outputs/day/old")


def test_another_size_or_machine_says_nothing(tmp_path, new):
  leave_run(tmp_path / "outputs", "other", "num_envs=64")
  leave_run(tmp_path / "outputs", "elsewhere", machine={"cpu": "another"})
  assert measured_speed(config(), new) is None


@pytest.mark.parametrize(
  "file, content",
  [
    (".hydra/config.yaml", "a: [1"),
    (".hydra/config.yaml", "- a list"),
    ("versions.json", "[]"),
    ("versions.json", "{"),
  ],
)
def test_a_damaged_neighbour_is_passed_over(tmp_path, new, file, content):
  (leave_run(tmp_path / "outputs", "damaged") / file).write_text(content)
  assert measured_speed(config(), new) is None
