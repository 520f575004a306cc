"""Bad input is refused in one line that says what to change."""

import argparse
import glob
import importlib.metadata

import pytest
from hydra._internal.utils import get_args_parser

from wildrobot_exp.config.compose import Composed, compose, load
from wildrobot_exp.config.schema import AMP_LOSSES
from wildrobot_exp.errors import UserError

BAD = {
  # misspelled
  "algo=pp": "did you mean 'ppo'",
  "experiment=wal": "did you mean 'walk'",
  "algoo=ppo": "did you mean 'algo'",
  "algo.learning_rat=1": "did you mean 'algo.learning_rate'",
  "learning_rate=1": "'algo.learning_rate' or 'amp.learning_rate'",
  "num_env=64": "did you mean 'num_envs'",
  "reward.terms.aliv.weight=1": "did you mean 'alive'",
  "reward.terms.track_vx.sigm=1": "did you mean 'sigma'",
  "+reward.terms.aliv={weight:1}": "did you mean 'alive'",
  "+env.terminations.falen={min_height:1}": "did you mean 'fallen'",
  "env.observations.policy=[gyroo]": "did you mean 'gyro'",
  "physics=warp": "known: mjx, native",
  "algo.activation=swich": "did you mean 'swish'",
  "logger.wandb.mode=off": "offline",
  "amp/loss=lsgann": "did you mean 'lsgan'",
  "amp.loss=bce": "write amp/loss=bce",
  "amp.loss=lsgann": "write amp/loss=lsgann",
  "amp.loss.name=lsgann": "did you mean 'lsgan'",
  "amp.loss.name=bce": "amp.loss.style_reward=quadratic does not belong to amp/loss=bce: use sigmoid or log",
  "amp/loss=wgan amp.loss.style_reward=log": "use linear or exponential",
  "amp.loss.penalty_on=real": "known: both, policy, reference",
  "amp.mix=two_critic": "did you mean 'two_critics'",
  "amp.uncovered=clam": "did you mean 'clamp'",
  "amp.condition=speed": "known: command, none",
  "amp.features=[joint_po]": "did you mean 'joint_pos'",
  "hydra/launcher=basik": "did you mean 'basic'",
  "hydra.launcher=joblib": "write hydra/launcher=joblib",
  # smuggled in
  "+foo=1": "unknown key 'foo'",
  "++foo.bar=1": "unknown key 'foo.bar'",
  "algo={foo:1}": "unknown key 'algo.foo'",
  "+algo={foo:1}": "unknown key 'algo.foo'",
  "env={command:{vxx:[0,1]}}": "did you mean 'env.command.vx'",
  "+experiment=walk": "drop the +",
  "+algo.clip=0.1": "drop the +",
  # taken away
  "~algo": "cannot be removed",
  "~seed": "set seed=",
  "~reward.terms.track_vx.sigma": "needs sigma",
  # wrong type or form
  "seed=abc": "seed=abc: expected a whole number",
  "total_steps=1e6": "write 1000000",
  "algo.clip=abc": "expected a number",
  "algo.clip=true": "expected a number",
  "dry_run=maybe": "true or false",
  "seed=null": "expected a whole number",
  "algo.policy_hidden=64": "a list like [64,64]",
  "algo.policy_hidden=64,64": "algo.policy_hidden=[64,64]",
  "reward.terms.alive.weight=abc": "expected a number",
  "reward.terms.alive=3": "reward.terms.alive=3",
  "num_envs=${nope}": "'nope' not found",
  "num_envs=${algo.clip}": "expected a whole number",
  "seed": "write key=value",
  "algo=[ppo,ppo_amp]": "name one option",
  "amp.weight=0.1,0.5": "add -m",
  # out of range
  "algo.discount=0": "(0, 1]",
  "algo.discount=nan": "(0, 1]",
  "algo.gae_lambda=1.5": "0 to 1",
  "amp.replay_share=-0.1": "0 to 1",
  "amp.replay_keep=0": "(0, 1]",
  "amp.replay_keep=1.1": "(0, 1]",
  "amp.window=1": "2 to 50 frames",
  "amp.window=51": "2 to 50 frames",
  "amp.slow_down.accuracy=1.5": "0 to 1",
  "amp.slow_down.contrast=-0.1": "0 to 1",
  "amp.slow_down.factor=2": "0 to 1",
  "amp.loss.gradient_penalty=-1": "0 or greater",
  "amp.loss.logit_regulariser=-1": "0 or greater",
  "algo.learning_rate=0": "greater than 0",
  "algo.policy_hidden=[64,0]": "greater than 0",
  "seed=-1": "0 or greater",
  "seed=3000000000": "at most",
  "reward.terms.alive.weight=-1": "0 or greater",
  "reward.terms.track_vx.sigma=0": "greater than 0",
  "reward.terms.alive.weight=nan": "finite",
  "total_steps=10": "at least 5120",
  # do not fit together
  "algo=ppo amp.weight=1": "amp.* has no meaning with algo=ppo",
  "algo=ppo +amp.weight=1": "drop the +",
  "algo=ppo amp=default": "amp.* has no meaning with algo=ppo",
  "algo.name=ppo": "amp.* has no meaning with algo=ppo",
  "num_envs=100": "num_envs=96 or 104, or algo.minibatches=5 or 10",
  "num_envs=3": "num_envs=8, or algo.minibatches=1 or 3",
  "env.timestep=0.003": "use 0.0025",
  "evaluation.fine_timestep=0.01": "coarser",
  "env.command.vx=[0.3,0.0]": "[0.0,0.3]",
  "env.command.vx=[0.1]": "[lowest, highest]",
  "env.command.vx=[0.0,0.5]": "widen motion.speeds, narrow env.command.vx, or set amp.uncovered=clamp or gate",
  "motion.speeds=[0.1,0.2,0.3]": "widen motion.speeds",
  "motion.speeds=[0.0,0.3,0.2]": "use [0.0, 0.2, 0.3]",
  "amp.replay_size=100": "at least 1024",
  "amp.features=[]": "amp.features is empty: name at least one of joint_pos",
  "amp.features=[gravity,gravity]": "amp.features names 'gravity' twice",
  "amp.uncovered=clamp amp.condition=none": "add amp.condition=command",
  "amp.freeze=true": "add amp.discriminator=",
  "amp.discriminator=nowhere": "amp.discriminator=nowhere is not a run folder with checkpoints",
  "algo=ppo amp/loss=bce": "amp.* has no meaning with algo=ppo",
  "+reward.terms.gait_contact={weight:1}": "reward.observations=[gait_clock]",
  "env.observations.policy=[gyro,gyro]": "twice",
  "env.observations.privileged=[gyro]": "the policy sees anyway",
  "evaluation.pushes.trials=0": "greater than 0",
  "evaluation.worlds.friction=[0.5,0]": "greater than 0",
  "evaluation.worlds.latency_steps=[51]": "use at most 50",
  "evaluation.worlds.slope_deg=[3,-40]": "-30 to 30 degrees",
  "evaluation.video.width=161": "use 162",
  "evaluation.video.fps=100": "at most 50",
  "+gates.survival.mn=1": "did you mean 'min'",
  "+gates.survival={min:1,max:0}": "swap",
  # sweeps
  "-m seed=1,a": "seed=a: expected a whole number",
  "-m num_envs=64,100": "num_envs=100 is not divisible",
  "-m algo=ppo,ppo_amp amp.weight=1": "amp.* has no meaning with algo=ppo",
  "-m algo=glob(x*)": "no jobs",
  "-m seed=interval(0,1)": "range(a,b)",
  "-m hardware=cpu,gpu hydra/launcher=basic": "hydra/launcher=processes",
  "-m hydra.launcher.n_jobs=0": "has to be 1 or greater",
  "-m hydra.launcher.n_jobs=two": "hydra.launcher.n_jobs",
  "-m hydra.launcher.n_job=2": "n_job",
  "-m hydra.launcher.retries=-1": "has to be 0 or greater",
  "-m hydra.launcher.timeout_minutes=0": "has to be greater than 0",
  "-m seed=0,1 hydra.sweep.subdir=same": "another folder for each job",
  "-m seed=0,1 hydra.sweep.subdir=a/${hydra.job.num}": "directly in the sweep folder",
  "-m seed=0 hydra.sweep.subdir=.": "directly in the sweep folder",
  "sweep.resume=x": "command line of a sweep",
}


def parse(*argv: str) -> argparse.Namespace:
  return get_args_parser().parse_args(list(argv))


def composed(*argv: str) -> Composed:
  return compose(parse(*argv))


@pytest.mark.parametrize("typed", BAD)
def test_bad_input_is_refused_in_one_line_with_the_fix(typed: str):
  with pytest.raises(UserError) as refusal:
    composed(*typed.split())
  message = str(refusal.value)
  assert BAD[typed] in message
  assert "\n" not in message


@pytest.mark.parametrize(
  "typed",
  [
    "algo={clip:0.3}",
    "++reward.terms.pose={weight:0.1}",
    "+gates.survival.min=0.5",
    "+gates={survival:{min:0.5}}",
    "~reward.terms.alive",
    "algo=ppo env.command.vx=[0.0,0.9]",
    "reward.terms.alive.weight=0",
    "algo.final_learning_rate=0",
    "env.command.vx=[0.5,1.0] amp.uncovered=gate",
    "env.command.vx=[0.0,0.5] amp.uncovered=clamp",
    "amp.features=[contacts,joint_pos] amp.window=50",
    "amp.replay_keep=1 amp.slow_down.contrast=1",
  ],
)
def test_what_hydra_allows_and_makes_sense_is_accepted(typed: str):
  assert len(composed(*typed.split()).cells) == 1


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


def test_a_sweep_in_an_experiment_needs_no_flag():
  sweep = composed("experiment=amp_weight_sweep")
  assert sweep.multirun
  assert [c.config.amp.weight for c in sweep.cells] == [0.1, 0.5, 1.0]


def test_a_sweep_may_use_several_platforms_since_each_job_has_its_own_process(monkeypatch: pytest.MonkeyPatch):
  monkeypatch.setattr("wildrobot_exp.config.compose.probe_devices", lambda config: None)
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
