"""The config of a run that is there: the one it was trained with, not what conf/ has become."""

import functools
import pathlib
import shutil

import numpy as np
import pytest
import yaml
from omegaconf import OmegaConf

from wildrobot_exp import run_config as run_config_module
from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.config import compose
from wildrobot_exp.config.compose import CONF_DIR, load
from wildrobot_exp.errors import UserError
from wildrobot_exp.run_config import check_resumed, run_config

OWN = ["algo=ppo_amp", "seed=3"]


def make_run(folder: pathlib.Path, overrides: list[str], **changed) -> pathlib.Path:
  (folder / ".hydra").mkdir(parents=True)
  (folder / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(overrides))
  config = OmegaConf.to_container(load(OWN)) | changed
  Checkpoints(folder).save(64, {"w": np.ones(3)}, metrics={}, config=config)
  return folder


@pytest.fixture
def run(tmp_path: pathlib.Path) -> pathlib.Path:
  return make_run(tmp_path / "run", OWN)


@pytest.fixture
def edited(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
  """edited(file, old, new): conf/ after an edit."""
  conf = tmp_path / "conf"
  shutil.copytree(CONF_DIR, conf)
  monkeypatch.setattr(compose, "CONF_DIR", conf)
  monkeypatch.setattr(run_config_module, "load", functools.partial(load, conf_dir=conf))

  def edit(name: str, old: str, new: str) -> None:
    text = (conf / name).read_text()
    assert text.count(old) == 1
    (conf / name).write_text(text.replace(old, new))

  return edit


def test_a_run_keeps_its_config_when_conf_changes(run, edited):
  before = run_config(run)
  edited("algo/ppo.yaml", "\nclip: ", "\nclip: 0.1  # was ")
  assert run_config_module.load(OWN).algo.clip == 0.1
  assert run_config(run) == before and before.algo.clip != 0.1 and before.seed == 3


def test_overrides_change_what_they_name_and_nothing_else(run):
  before = OmegaConf.to_container(run_config(run))
  typed = ["physics=mjx", "evaluation.video={width: 96, height: 64}", "env.command.vx=[0.1,0.3]"]
  typed.append("+gates.survival.min=1")
  after = OmegaConf.to_container(run_config(run, typed))
  assert after["physics"] == "mjx" and after["env"]["command"]["vx"] == [0.1, 0.3]
  assert after["gates"] == {"survival": {"min": 1.0}}
  assert after["evaluation"]["video"] == before["evaluation"]["video"] | {"width": 96, "height": 64}
  for section in ("algo", "amp", "hardware", "reward", "num_envs"):
    assert after[section] == before[section]


def test_an_option_of_a_group_replaces_its_section(run):
  after = run_config(run, ["motion=mocap", "amp/loss=wgan", "motion.lift=0.03"])
  assert (after.motion.name, after.motion.lift, after.amp.loss.name) == ("mocap", 0.03, "wgan")
  assert after.motion == load([*OWN, "motion=mocap", "motion.lift=0.03"]).motion


@pytest.mark.parametrize("override", ["algo.clipp=0.1", "experiment=walk", "physics=warp", "algo=ppo", "seed=x"])
def test_an_override_that_makes_no_sense_is_refused_in_one_line(run, override):
  with pytest.raises(UserError) as refused:
    run_config(run, [override])
  assert "\n" not in str(refused.value)


def test_keys_that_are_newer_than_the_run_have_their_defaults(tmp_path):
  config = OmegaConf.to_container(load(OWN))
  del config["checkpoints"]["rollback_after"], config["amp"]["slow_down"]
  old = make_run(tmp_path / "old", OWN, checkpoints=config["checkpoints"], amp=config["amp"])
  assert run_config(old) == load(OWN)
  check_resumed(old, [], None)


def test_a_key_that_is_gone_is_left_out_aloud(tmp_path, caplog):
  old = make_run(tmp_path / "old", OWN, gone=1)
  assert run_config(old) == load(OWN)
  assert "gone=1 of the saved config has no meaning" in caplog.text


def test_a_run_whose_source_of_the_discriminator_is_gone_can_be_looked_at_and_goes_on(tmp_path):
  amp = OmegaConf.to_container(load(OWN).amp) | {"discriminator": str(tmp_path / "gone")}
  run = make_run(tmp_path / "run", [*OWN, "amp.discriminator=gone"], amp=amp)
  assert run_config(run).amp.discriminator == str(tmp_path / "gone")
  check_resumed(run, [], None)
  with pytest.raises(UserError, match="is not a run folder with checkpoints"):
    load([*OWN, "amp.discriminator=gone"])


def test_what_is_in_a_card_is_not_interpolated_nor_called(tmp_path, monkeypatch):
  monkeypatch.setenv("SECRET", "mjx")
  text = make_run(tmp_path / "text", OWN, physics="${oc.env:SECRET}")
  with pytest.raises(UserError, match="unknown physics"):
    run_config(text)
  callback = {"callbacks": {"x": {"_target_": "os.abort"}}}
  target = make_run(tmp_path / "target", OWN, hydra=callback, _target_="os.abort")
  assert run_config(target) == load(OWN)


def test_an_unchanged_conf_lets_a_run_go_on(run):
  check_resumed(run, [], None)


def test_a_changed_conf_is_refused_by_name_with_both_values_and_the_way_out(run, edited):
  clip = load(OWN).algo.clip
  edited("algo/ppo.yaml", "\nclip: ", "\nclip: 0.1  # was ")
  edited("reward/walk.yaml", "  alive: {weight: 0.2}", "  alive: {weight: 0.2}\n  pose: {weight: 0.5}")
  with pytest.raises(UserError) as refused:
    check_resumed(run, [], None)
  assert f"algo.clip was {clip}, is 0.1" in str(refused.value) and "\n" not in str(refused.value)
  assert "resume_allow=[algo.clip,reward.terms.pose.weight" in str(refused.value)
  with pytest.raises(UserError, match=r"pose.weight was absent, is 0.5.*resume_allow=\[reward"):
    check_resumed(run, ["algo.clip"], None)
  check_resumed(run, ["algo", "reward"], None)


def test_what_may_change_anyway_is_not_compared(run, edited):
  edited("config.yaml", "\ntotal_steps: ", "\ntotal_steps: 64000000  # was ")
  check_resumed(run, [], None)
