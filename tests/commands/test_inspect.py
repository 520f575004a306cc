"""wildrobot inspect: a checkpoint's parameters, normaliser and config, from its files alone."""

import re

import jax.numpy as jnp
import pytest

from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.commands.main import main


@pytest.fixture
def run(tmp_path):
  state = {
    "learner": {"params": {"kernel": jnp.full((3, 4), 2.0)}, "adam": jnp.ones(5)},
    "normaliser": {"mean": jnp.arange(3.0)},
    "history": jnp.zeros((0, 7)),
  }
  for step, score in ((100, 0.5), (200, 0.1)):
    Checkpoints(tmp_path).save(step, state, metrics={"eval/survival": 0.9}, config={"seed": 3}, score=score)
  return tmp_path


def test_names_shapes_norms_counts_metrics_and_config_are_shown(run, capsys):
  assert main(["inspect", str(run)]) == 0
  out = capsys.readouterr().out
  assert out.startswith(f"checkpoint 100 (the best) of {run}") and "checkpoints here: 100, 200; best 100\n" in out
  line = next(line for line in out.splitlines() if line.startswith("learner/params/kernel"))
  assert "[3, 4]" in line and "float32" in line and f"norm {(12 * 4) ** 0.5:.4g}" in line
  assert "normaliser/mean" in out and "12 parameters; 4 arrays" in out and "2 not shown" in out
  assert re.search(r"^[0-9.]+ MB on disk; robot not noted$", out, re.MULTILINE)
  assert "eval/survival = 0.9" in out and "seed: 3" in out and "adam" not in out


def test_all_shows_the_rest_and_another_checkpoint_can_be_named(run, capsys):
  assert main(["inspect", str(run / "checkpoints" / "100"), "--all"]) == 0
  out = capsys.readouterr().out
  assert out.startswith("checkpoint 100") and "learner/adam" in out and "[0, 7]" in out and "0 not shown" in out
  assert main(["inspect", str(run), "--checkpoint", "latest"]) == 0
  assert capsys.readouterr().out.startswith("checkpoint 200 (the latest) of")


def test_where_none_has_a_score_the_latest_is_shown(tmp_path, capsys):
  for step in (100, 200):
    Checkpoints(tmp_path).save(step, {"weight": jnp.ones(2)}, metrics={}, config={})
  assert main(["inspect", str(tmp_path)]) == 0
  assert capsys.readouterr().out.startswith(f"checkpoint 200 (the latest) of {tmp_path}")


def test_a_checkpoint_s_own_folder_and_another_step_contradict_each_other(run, capsys):
  assert main(["inspect", str(run / "checkpoints" / "100"), "--checkpoint", "200"]) == 2
  assert "leave out --checkpoint" in capsys.readouterr().err


def test_what_brax_trained_is_shown_by_the_same_names(tmp_path, capsys):
  state = ({"mean": jnp.arange(3.0)}, {"params": {"hidden_0": {"kernel": jnp.full((3, 4), 2.0)}}})
  Checkpoints(tmp_path).save(100, state, metrics={}, config={"algo": {"name": "brax_ppo"}})
  assert main(["inspect", str(tmp_path)]) == 0
  out = capsys.readouterr().out
  assert "learner/params/policy/params/hidden_0/kernel  [3, 4]" in out and "normaliser/mean" in out
  assert "12 parameters; 2 arrays" in out and "0 not shown" in out


@pytest.mark.parametrize("asked", [["--checkpoint", "newest"], ["--checkpoint", "150"]])
def test_a_checkpoint_that_is_not_there_is_one_line(run, asked, capsys):
  assert main(["inspect", str(run), *asked]) == 2
  assert capsys.readouterr().err.count("\n") == 1
