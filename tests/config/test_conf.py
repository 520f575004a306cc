"""conf/: every option composes, every key is in the schema, and every key says what it is."""

import itertools
import pathlib
import re

import pytest
import yaml

from wildrobot_exp.config.compose import CONF_DIR, load
from wildrobot_exp.config.keys import TYPES, is_known
from wildrobot_exp.motions import make_gait_grid

FILES = sorted(CONF_DIR.rglob("*.yaml"))
SWEEPS = ("amp_weight_sweep",)
OPTIONS = [
  f"{path.parent.relative_to(CONF_DIR)}={path.stem}"
  for path in FILES
  if path.parent != CONF_DIR and path.parent.name != "amp"
]


def name_of(path: pathlib.Path) -> str:
  return str(path.relative_to(CONF_DIR))


def dotted(tree: dict, prefix: str) -> list[str]:
  """All keys of a YAML tree; names below an open section (reward terms, gates) are not keys."""
  keys = []
  for name, value in tree.items():
    key = f"{prefix}{name}"
    keys.append(key)
    if isinstance(value, dict) and not str(TYPES.get(key)).startswith("dict"):
      keys += dotted(value, f"{key}.")
  return keys


@pytest.fixture(scope="module")
def own_clips(robot, tmp_path_factory) -> pathlib.Path:
  """A folder of clips that cover the commands."""
  folder = tmp_path_factory.mktemp("clips")
  for clip in make_gait_grid(robot, [0.0, 0.3], 0.8, 0.03, 0.02, 0.2, stand_at_zero=True):
    clip.save(folder / f"{clip.speed}.npz")
  return folder


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_of_every_group_is_a_valid_run(option: str, own_clips: pathlib.Path):
  needs = {"motion=file": [f"motion.path={own_clips}"]}
  cfg = load([option, *needs.get(option, [])], probe=False)
  group, _, name = option.partition("=")
  if group in ("algo", "env", "hardware", "motion"):
    assert cfg[group].name == name
  if group == "amp/loss":
    assert cfg.amp.loss.name == name


@pytest.mark.parametrize("algo, reward", list(itertools.product(["ppo", "ppo_amp"], ["walk", "walk_shaped"])))
def test_algorithms_and_rewards_combine(algo: str, reward: str):
  cfg = load([f"algo={algo}", f"reward={reward}"])
  assert (cfg.amp is not None) == (algo == "ppo_amp")
  assert cfg.reward.terms.track_vx.weight > 0


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_key_is_in_the_schema(path: pathlib.Path):
  tree = yaml.safe_load(path.read_text())
  tree = {key: value for key, value in tree.items() if key not in ("defaults", "hydra")}
  group = path.parent.relative_to(CONF_DIR)
  prefix = "" if group.name in ("", "experiment") else ".".join(group.parts) + "."
  assert [key for key in dotted(tree, prefix) if not is_known(key)] == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_key_has_a_comment(path: pathlib.Path):
  bare, block = [], None
  for line in path.read_text().splitlines():
    indent = len(line) - len(line.lstrip())
    if block is not None and (indent > block or not line.strip()):
      continue  # text of a block scalar
    block = None
    if re.match(r"\s*[\w.]+:( |$)", line):
      if not re.search(r" # \S", line):
        bare.append(line)
      if re.search(r": \|", line):
        block = indent
  assert bare == []


def test_hardware_sets_defaults_that_the_command_line_beats():
  assert load(["hardware=gpu"], probe=False).num_envs == 4096
  cfg = load(["hardware=gpu", "num_envs=64", "physics=native"], probe=False)
  assert (cfg.num_envs, cfg.physics, cfg.algo.minibatches) == (64, "native", 32)
  assert cfg.amp.hidden == [1024, 512]


def test_the_command_line_beats_an_experiment_and_an_experiment_beats_the_defaults():
  assert load(["experiment=verify"]).num_envs == 64
  assert load(["experiment=verify", "num_envs=128"]).num_envs == 128
  assert load(["experiment=walk"]).amp is None
  assert "gait_contact" in load(["experiment=walk"]).reward.terms


def test_a_shaped_reward_brings_the_observation_it_needs():
  assert load(["algo=ppo", "reward=walk_shaped"]).reward.observations == ["gait_clock"]
  assert load(["algo=ppo", "reward=walk"]).reward.observations == []


def test_values_arrive_resolved_typed_and_cannot_be_changed():
  cfg = load(["algo.learning_rate=1", "seed=3"])
  assert isinstance(cfg.algo.learning_rate, float) and cfg.algo["learning_rate"] == 1.0
  assert cfg.algo.horizon == cfg.hardware.horizon == 20
  with pytest.raises(Exception, match="read-only"):
    cfg.seed = 4
