"""versions.json, and a run read back from its folder."""

import json
import pathlib

import jax
import numpy as np
import pytest

from wildrobot_exp.building import build, make_update
from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.config.compose import load
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


TINY = [
  "num_envs=16",
  "algo.horizon=4",
  "algo.minibatches=2",
  "algo.policy_hidden=[16]",
  "algo.value_hidden=[16]",
  "total_steps=640",
  "motion.speeds=[0.0,0.3]",
  "env.reset.bank_size=8",
]
TINY_AMP = ["algo=ppo_amp", "amp.hidden=[16]", "amp.batch_size=32", "amp.replay_size=80"]


@pytest.fixture(scope="module")
def experiment():
  return build(load([*TINY, "algo=ppo"]))


@pytest.mark.parametrize(
  "settings",
  [
    ["algo=ppo"],
    TINY_AMP,
    [*TINY_AMP, "amp.mix=two_critics"],
    [*TINY_AMP, "amp.window=4", "amp.features=[joint_pos,contacts]", "amp.condition=none"],
    [*TINY_AMP, "amp/loss=wgan", "amp.uncovered=gate"],
  ],
  ids=["ppo", "ppo_amp", "two_critics", "window", "wgan"],
)
def test_the_policy_of_a_run_is_loaded_whatever_it_was_trained_with(tmp_path, experiment, settings):
  overrides = [*TINY, *settings]
  (tmp_path / ".hydra").mkdir()
  (tmp_path / ".hydra" / "overrides.yaml").write_text("".join(f"- {line}\n" for line in overrides))
  state = make_update(load(overrides), experiment).init(jax.random.PRNGKey(7))
  Checkpoints(tmp_path).save(64, state, metrics={}, config={})
  run = load_run(tmp_path)
  assert run.step == 64
  expected = state.normaliser, state.learner.params.policy
  for a, b in zip(*map(jax.tree.leaves, (run.params, expected)), strict=True):
    np.testing.assert_array_equal(a, b)
  assert jax.tree.structure(run.params) == jax.tree.structure(expected)
