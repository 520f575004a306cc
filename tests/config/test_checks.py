"""What is accepted, how sweeps expand, what hardware needs. What is refused: tests/test_bad_inputs.py."""

import argparse
import glob
import importlib.metadata

import pytest
from hydra._internal.utils import get_args_parser

from wildrobot_exp.config.compose import Composed, compose, load
from wildrobot_exp.config.schema import AMP_LOSSES
from wildrobot_exp.errors import UserError


def parse(*argv: str) -> argparse.Namespace:
  return get_args_parser().parse_args(list(argv))


def composed(*argv: str) -> Composed:
  return compose(parse(*argv))


@pytest.mark.parametrize(
  "typed",
  [
    "algo={clip:0.3}",
    "++reward.terms.pose={weight:0.1}",
    "+gates.survival.min=0.5",
    "+gates={survival:{min:0.5}}",
    "+gates={survival:{min:1}}",
    "experiment=verify ~gates",
    "reward.terms={alive:{weight:1}}",
    "~reward.terms.alive",
    "algo=ppo env.command.vx=[0.0,0.9]",
    "algo=ppo env.command.vx=[-0.3,0.3]",
    "reward.terms.alive.weight=0",
    "algo.final_learning_rate=0",
    "env.command.vx=[0.5,1.0] amp.uncovered=gate evaluation.long_walk.speed=0.5",
    "env.command.vx=[0.0,0.5] amp.uncovered=clamp",
    "amp.features=[contacts,joint_pos] amp.window=50",
    "amp.replay_keep=1 amp.slow_down.contrast=1",
  ],
)
def test_what_hydra_allows_and_makes_sense_is_accepted(typed: str):
  assert len(composed(*typed.split()).cells) == 1


def test_the_gates_of_an_experiment_can_be_taken_away_all_or_one_by_one():
  assert composed("experiment=verify", "~gates").cells[0].config.gates == {}
  left = composed("experiment=verify", "~gates.survival", "gates.env_steps.min=5").cells[0].config.gates
  assert "survival" not in left and left["env_steps"] == {"min": 5.0}


@pytest.mark.parametrize("loss, reward, side", [("bce", "sigmoid", "reference"), ("wgan", "linear", "both")])
def test_a_loss_is_chosen_with_its_reward_and_its_penalty(loss, reward, side):
  amp = load([f"amp/loss={loss}"]).amp
  assert (amp.loss.name, amp.loss.style_reward, amp.loss.penalty_on) == (loss, reward, side)
  assert amp.weight == load([]).amp.weight
  sweep = composed("-m", "amp/loss=lsgan,bce,wgan")
  assert [cell.config.amp.loss.name for cell in sweep.cells] == ["lsgan", "bce", "wgan"]


def test_every_style_reward_can_be_chosen():
  for loss, rewards in AMP_LOSSES.items():
    for reward in rewards:
      assert load([f"amp/loss={loss}", f"amp.loss.style_reward={reward}"]).amp.loss.style_reward == reward


def test_a_sweep_is_expanded_as_hydra_does():
  sweep = composed("-m", "amp.weight=0.1,0.5", "seed=range(0,3)", "num_envs=64")
  values = [(c.config.amp.weight, c.config.seed, c.config.num_envs) for c in sweep.cells]
  assert values == [(w, s, 64) for w in (0.1, 0.5) for s in (0, 1, 2)]
  assert {c.config.algo.name for c in composed("-m", "algo=glob(ppo*)").cells} == {"ppo", "ppo_amp"}


@pytest.mark.parametrize("bad", ["num_envs=64,100", "algo.clip=0.2,soft", "algo=ppo_amp,nobody"])
def test_the_refusal_of_a_sweep_names_the_job_and_what_was_typed_for_it(bad: str):
  last = f"{bad.partition('=')[0]}={bad.partition(',')[2]}"
  with pytest.raises(UserError) as refusal:
    composed("-m", bad, "seed=3")
  assert str(refusal.value).startswith(f"job 1 ({last} seed=3): ") and "\n" not in str(refusal.value)


@pytest.mark.parametrize("twice", ["seed=0,0", "amp.weight=1,1.0"])
def test_a_sweep_that_runs_an_experiment_twice_is_refused(twice: str):
  first, second = twice.split()[-1].partition("=")[2].split(",")
  with pytest.raises(UserError, match=f"jobs 0 .*={first}.* and 1 .*={second}.* are the same experiment"):
    composed("-m", *twice.split())


def test_groups_lists_and_numbers_are_axes_alike():
  sweep = composed(
    "-m", "algo=ppo,ppo_amp", "reward=walk,walk_shaped", "motion=gait,mocap", "algo.policy_hidden=[64,64],[32]"
  )
  settings = {
    (c.config.algo.name, str(c.config.reward), str(c.config.motion), str(c.config.algo.policy_hidden))
    for c in sweep.cells
  }
  assert len(sweep.cells) == len(settings) == 16


def test_a_sweep_in_an_experiment_needs_no_flag():
  sweep = composed("experiment=amp_weight_sweep")
  assert sweep.multirun
  assert [c.config.amp.weight for c in sweep.cells] == [0.1, 0.5, 1.0]


def test_a_sweep_may_use_several_platforms_since_each_job_has_its_own_process(monkeypatch: pytest.MonkeyPatch):
  monkeypatch.setattr("wildrobot_exp.config.composed.probe_devices", lambda config: None)
  sweep = composed("-m", "hardware=cpu,gpu")
  assert [cell.config.hardware.platform for cell in sweep.cells] == ["cpu", "gpu"]
  assert sweep.launcher == "processes"


def test_jobs_of_a_sweep_have_distinct_readable_folders():
  sweep = composed("-m", "amp.weight=0.1,0.5", "algo.policy_hidden=[64,64],[32]", "hydra.sweep.dir=sweep")
  folders = [c.folder for c in sweep.cells]
  assert folders[0] == "sweep/0_algo.policy_hidden--64-64-__amp.weight-0.1"
  assert len(set(folders)) == 4
  assert not any(bad in folder for folder in folders for bad in "=,[] ")


def test_long_overrides_still_give_distinct_folders():
  hidden = ",".join(["[" + ",".join(["64"] * 60) + "]", "[" + ",".join(["64"] * 61) + "]"])
  folders = [c.folder for c in composed("-m", f"algo.policy_hidden={hidden}", "hydra.sweep.dir=s").cells]
  assert len(set(folders)) == 2
  assert all(len(folder) < 200 for folder in folders)


def test_gpu_hardware_without_a_gpu_says_what_was_looked_for(monkeypatch: pytest.MonkeyPatch):
  monkeypatch.delenv("JAX_PLATFORMS", raising=False)
  monkeypatch.setattr(glob, "glob", lambda pattern: [])
  with pytest.raises(UserError, match="no /dev/nvidia.*use hardware=cpu"):
    load(["hardware=gpu"])


def test_gpu_hardware_without_a_gpu_build_of_jax_says_so(monkeypatch: pytest.MonkeyPatch):
  monkeypatch.delenv("JAX_PLATFORMS", raising=False)
  monkeypatch.setattr(glob, "glob", lambda pattern: ["/dev/nvidia0"])
  monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [])
  with pytest.raises(UserError, match="no GPU plugin"):
    load(["hardware=gpu"])


def test_gpu_hardware_with_jax_forced_to_the_cpu_is_refused(monkeypatch: pytest.MonkeyPatch):
  monkeypatch.setenv("JAX_PLATFORMS", "cpu")
  with pytest.raises(UserError, match="JAX_PLATFORMS=cpu: unset it"):
    load(["hardware=gpu"])
