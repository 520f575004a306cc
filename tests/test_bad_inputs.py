"""Every kind of bad input in one place: one line on stderr with the fix, exit code 2, nothing written or compiled.

The tables are what is typed -> a part of the answer. They run in this process through the real entries; a few of
them also in a process of their own in tests/test_run.py, where the time (under 5 s) and the imports are measured.
"""

import pathlib
import shlex
import sys

import numpy as np
import pytest
from omegaconf import OmegaConf

from wildrobot_exp import cli
from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.commands import main as commands
from wildrobot_exp.config.compose import load
from wildrobot_exp.motions.files import clips_hash
from wildrobot_exp.motions.gait import make_gait

OVERRIDES = {
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
  "total_steps=2147483000": "use at most 2147478527",
  # do not fit together
  "algo=ppo amp.weight=1": "amp.* has no meaning with algo=ppo",
  "algo=brax_ppo algo.final_learning_rate=0": "drop it, or use algo=ppo",
  "algo=ppo +amp.weight=1": "drop the +",
  "algo=ppo amp=default": "amp.* has no meaning with algo=ppo",
  "algo.name=ppo": "amp.* has no meaning with algo=ppo",
  "experiment=faster algo=ppo": "amp.* has no meaning with algo=ppo",
  "experiment=walk experiment=verify": "experiment=walk is chosen already",
  "algo=ppo algo=ppo_amp": "algo=ppo is chosen already",
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
  "env.command.vx=[0.0,0.2]": "env.command.vx=[0.0, 0.2] (0 and 0.05 to 0.2 m/s): use evaluation.long_walk.speed=0.2",
  "evaluation.episodes=6": "use at least 7",
  "env.terminations.fallen.min_height=3": "below the base of the home pose, 0.4864 m",
  "+reward.terms.swing_clearance={weight:1,duty:1} reward.observations=[gait_clock]": "has to be in (0, 1)",
  "evaluation.worlds.friction=[0.5,0]": "greater than 0",
  "evaluation.worlds.latency_steps=[51]": "use at most 50",
  "evaluation.worlds.slope_deg=[3,-40]": "-30 to 30 degrees",
  "evaluation.video.width=161": "use 162",
  "evaluation.video.fps=100": "at most 50",
  "+gates.survival.mn=1": "did you mean 'min'",
  "+gates.survival={min:1,max:0}": "swap",
  "+gates.survvial.min=1": "unknown gate 'survvial': did you mean 'survival'",
  "+gates.worst_world_survival.min=1": "set evaluation.worlds.enabled=true",
  # beyond all measure
  "env.episode_seconds=1e8": "use at most 10000 s",
  "env.reset.bank_size=100000000000": "use at most 1000000 states",
  "env.timestep=1e-12": "use at least 2e-05",
  "evaluation.fine_timestep=1e-12": "use at least 2e-05",
  "evaluation.episodes=100000000000": "use at most 100000 episodes",
  "evaluation.pushes.trials=100000000000": "use at most 100000 trials",
  "evaluation.video.width=100000000": "use at most 4096 px",
  "evaluation.video.seconds=1e9": "use at most 600 s",
  "motion.stride_seconds=1000": "use at most 5 s",
  "amp.replay_size=100000000000": "or less",
  "num_envs=20000000 total_steps=400000000": "lower num_envs or algo.horizon",
  # what the robot cannot do
  "motion.lift=0.5": "misses its step",
  "motion.crouch=0.5": "crouch 0.5 m is more than the robot's height allows",
  "-m motion.lift=0.03,0.5": "misses its step",
  "dry_run=true motion.lift=0.5": "misses its step",
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
  "sweep.resume=x": "is for a sweep: give its command, with -m",
  # sections with free names
  "experiment=verify gates={}": "~gates clears it",
  "gates=null": "~gates clears it",
  "gates=3": "a section of keys",
  "gates={survival:{min:1}}": "+gates.survival={min:...}",
  "+gates.survival=0.5": "a section of keys",
  "+gates={survival:{min:a}}": "expected a number",
  "reward.terms={}": "~reward.terms.<name> takes one away",
  "~env.terminations": "~env.terminations.<name> takes one away",
  "reward.terms={alive:{weight:{a:1}}}": "expected a number",
  "reward.terms.track_vx={weight:1,foo:2}": "foo",
  # Hydra's own
  "hydra.run.dirr=x": "did you mean 'hydra.run.dir'",
  "hydra.swep.dir=x": "did you mean 'hydra.sweep.dir'",
  "hydra.output_subdir=null": "'hydra.output_subdir' cannot be set here",
  "hydra.output_subdir=other": "'hydra.output_subdir' cannot be set here",
  "hydra.runtime.output_dir=": "'hydra.runtime.output_dir' cannot be set here",
  "hydra.job.name=x/y": "'hydra.job.name' cannot be set here",
  "hydra.job_logging.root.level=FOO": "'hydra.job_logging.root.level' cannot be set here",
  "hydra/job_logging=nope": "known: default, disabled, none, stdout",
  "hydra/job_logging=null": "name one option",
  "hydra.run.dir=": "name a folder",
  "hydra.run.dir=null": "name a folder",
  "-m seed=0,1 hydra.sweep.dir=": "name a folder",
  "~hydra.run.dir": "cannot be removed",
  "hydra.mode=FOO": "known: MULTIRUN, RUN",
  "hydra.searchpath=[foo]": "hydra.searchpath=[foo]: foo: no such folder",
  "+hydra.sweeper.params=3": "python run.py -m seed=...",
  "+hydra.sweeper.params.seed=1": "python run.py -m seed=...",
  "-m +hydra.sweeper.params={seed:abc}": "name what is swept itself",
  "--config-dir /nope": "--config-dir /nope: no such folder",
  "--experimental-rerun evil.pickle": "runs what a pickle says",
  "--cfg job -p algoo": "did you mean 'algo'",
  "--resolve seed=1": "--resolve belongs to --cfg",
  "-p algo": "--package belongs to --cfg",
  "~resume": "set resume=",
  "resume=": "names no run folder",
  "logger.wandb.project=": "logger.wandb.project is empty",
  "resume=nowhere": "not a run folder",
  "motion=file motion.path=nowhere.npz": "nowhere.npz: no such file",
}
EXPERIMENTS = {  # a user's own YAML file, chosen with --config-dir mine experiment=own -> the answer
  "seed: [": "is not YAML",
  "seed: 1\n  num_envs: 2": "is not YAML",
  "seed: abc": "experiment/own: seed: expected a whole number",
  "algo:\n  clipp: 0.1": "experiment/own: unknown key 'algo.clipp': did you mean 'algo.clip'",
  "algoo:\n  clip: 0.1": "experiment/own: unknown key 'algoo': did you mean 'algo'",
  "algo: 3": "experiment/own: Merge error",
  "algo:\n  policy_hidden: 5": "algo.policy_hidden: expected a list like [64,64]",
  "num_envs: 100": "not divisible",
  "reward:\n  terms:\n    aliv: {weight: 1}": "did you mean 'alive'",
  "reward:\n  terms:\n    alive: {weight: -1}": "0 or greater",
  "gates:\n  survival: {mn: 1}": "did you mean 'min'",
  "defaults:\n  - override /algo: pp": "did you mean 'ppo'",
  "defaults:\n  - override /algoo: ppo": "algoo",
}
WHOLE_FILES = {  # the same with its first line
  b"seed: 3\n": "experiment/own: its first line has to be '# @package _global_'",
  b"": "experiment/own: its first line has to be '# @package _global_'",
  b"# @package _global_\n- a\n- b\n": "experiment/own: it holds a list",
  b"\x7fELF\x02\xd0\x00": "not text in UTF-8",
  b"# @package _global_\nenv:\n  command:\n    vx: [0.0, a]\n": "experiment/own: env.command.vx[1]: expected a list",
  b"# @package _global_\nseed: [\n": "mine/experiment/own.yaml is not YAML",
}
CLIPS = (b"", b"not a clip", b"PK\x03\x04 half a zip")  # content of the file that motion.path names
COMMANDS = {  # of wildrobot
  "report nowhere": "nowhere",
  "eval nowhere": "not a run folder",
  "eval nowhere --checkpoint newest": "use best, latest, or a step",
  "eval nowhere --out missing": "no such folder",
  "eval nowhere --checkpoint latest physics=mjx": "not a run folder",
  "bench --num-envs 100": "multiple of 8",
  "export nowhere": "nowhere",
  "play nowhere --video x.mp4": "nowhere",
  "play nowhere --video x.gif": "x.gif",
  "play nowhere --video missing/x.mp4": "missing",
  "play nowhere --video x.mp4 --seconds 0": "--seconds",
  "play nowhere --video x.mp4 --speed nan": "use a finite number",
  "inspect nowhere": "nowhere",
  "config explain amp.wieght": "did you mean 'amp.weight'",
  "motion lint nowhere.npz": "nowhere.npz",
}
ENVIRONMENT = {  # variable=value, what is typed -> the answer
  ("JAX_PLATFORMS=cpu", "hardware=gpu"): "JAX_PLATFORMS=cpu: unset it",
  ("JAX_PLATFORMS=tpu", "seed=1"): "hardware=cpu but JAX_PLATFORMS=tpu: unset it",
  ("JAX_PLATFORMS=cuda", "dry_run=true"): "hardware=cpu but JAX_PLATFORMS=cuda: unset it",
}


@pytest.fixture
def place(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
  """An empty folder to stand in, beside one for the inputs."""
  (tmp_path / "here").mkdir()
  monkeypatch.chdir(tmp_path / "here")
  return tmp_path


def never() -> None:
  raise AssertionError("the run was started")


def refused(argv: list[str], words: str, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
  """The command line ends with code 2 and one line that has `words` in it, before anything is written."""
  monkeypatch.setattr(sys, "argv", ["run.py", *argv])
  assert cli.launch(never) == 2
  answered(words, capsys)


def answered(words: str, capsys: pytest.CaptureFixture) -> None:
  out, err = capsys.readouterr()
  assert err.startswith("error: ") and err.count("\n") == 1 and err.endswith("\n")
  assert words in err and out == ""
  assert list(pathlib.Path.cwd().iterdir()) == []


@pytest.mark.parametrize("typed", OVERRIDES)
def test_a_command_line(typed: str, place, capsys, monkeypatch):
  refused(typed.split(), OVERRIDES[typed], capsys, monkeypatch)


@pytest.mark.parametrize("text", EXPERIMENTS)
def test_a_yaml_file(text: str, place: pathlib.Path, capsys, monkeypatch):
  own = place / "mine" / "experiment" / "own.yaml"
  own.parent.mkdir(parents=True)
  own.write_text(f"# @package _global_\n{text}\n")
  refused(["--config-dir", str(place / "mine"), "experiment=own"], EXPERIMENTS[text], capsys, monkeypatch)


@pytest.mark.parametrize("content", WHOLE_FILES)
def test_a_file_that_is_no_experiment(content: bytes, place: pathlib.Path, capsys, monkeypatch):
  own = place / "mine" / "experiment" / "own.yaml"
  own.parent.mkdir(parents=True)
  own.write_bytes(content)
  refused(["--config-dir", str(place / "mine"), "experiment=own"], WHOLE_FILES[content], capsys, monkeypatch)


@pytest.mark.parametrize("content", CLIPS)
def test_a_clip(content: bytes, place: pathlib.Path, capsys, monkeypatch):
  (place / "walk.npz").write_bytes(content)
  refused(["motion=file", f"motion.path={place / 'walk.npz'}"], "walk.npz", capsys, monkeypatch)


@pytest.mark.parametrize("missing", ["dof_pos", "joint_names", "fps", "root_pos", "pickle"])
def test_a_clip_without_what_a_clip_needs(missing: str, place: pathlib.Path, capsys, monkeypatch):
  arrays = {
    "schema": np.array(1),
    "fps": np.array(50.0),
    "joint_names": np.array(["a"]),
    "dof_pos": np.zeros((2, 1)),
    "root_pos": np.zeros((2, 3)),
    "root_quat_wxyz": np.tile([1.0, 0.0, 0.0, 0.0], (2, 1)),
  }
  if missing == "pickle":
    arrays["dof_pos"] = np.array([{}], dtype=object)
  else:
    del arrays[missing]
  np.savez(place / "walk.npz", **arrays)
  refused(["motion=file", f"motion.path={place / 'walk.npz'}"], "walk.npz", capsys, monkeypatch)


@pytest.mark.parametrize("kind", ["file in the way", "a run already", "read-only"])
def test_a_folder_that_cannot_be_used(kind: str, place: pathlib.Path, capsys, monkeypatch):
  target = place / "taken"
  if kind == "file in the way":
    target.write_text("")
    refused([f"hydra.run.dir={target}/run"], "is a file; choose another folder", capsys, monkeypatch)
  elif kind == "a run already":
    (target / ".hydra").mkdir(parents=True)
    refused([f"hydra.run.dir={target}"], "already holds a run: choose another folder", capsys, monkeypatch)
  else:
    refused(["hydra.run.dir=/proc/run"], "cannot write to /proc/run", capsys, monkeypatch)


@pytest.mark.parametrize("typed", ["resume={run}", "amp.discriminator={run}", "algo=ppo resume={run}"])
def test_a_checkpoint_that_is_not_there(typed: str, place: pathlib.Path, capsys, monkeypatch):
  run = place / "run"
  (run / ".hydra").mkdir(parents=True)
  (run / ".hydra" / "overrides.yaml").write_text("- algo=ppo\n")
  refused(typed.format(run=run).split(), "checkpoint", capsys, monkeypatch)


def test_a_resumed_run_that_would_be_another_one(place: pathlib.Path, capsys, monkeypatch):
  run = place / "run"
  (run / ".hydra").mkdir(parents=True)
  (run / "checkpoints" / "1280").mkdir(parents=True)
  (run / ".hydra" / "overrides.yaml").write_text("- algo=ppo\n")
  refused([f"resume={run}", "seed=4"], "would change seed: start a new run", capsys, monkeypatch)


def written_run(
  folder: pathlib.Path, algo: str, *typed: str, model: str | None = None, motion: str | None = None
) -> pathlib.Path:
  """A run that has saved once, as far as its config goes."""
  (folder / ".hydra").mkdir(parents=True)
  (folder / ".hydra" / "overrides.yaml").write_text("".join(f"- {line}\n" for line in (f"algo={algo}", *typed)))
  config = OmegaConf.to_container(load([f"algo={algo}", *typed], probe=False), resolve=True)
  Checkpoints(folder, model_hash=model, motion_hash=motion).save(1280, {"w": np.ones(3)}, metrics={}, config=config)
  return folder


CANNOT_GO_ON = {("brax_ppo", None): "brax_ppo cannot be resumed", ("ppo", "a" * 64): "wildrobot.xml was aaaaaaaaaaaa"}


@pytest.mark.parametrize("algo, model", CANNOT_GO_ON)
@pytest.mark.parametrize("more", ["", "dry_run=true"])
def test_a_run_that_cannot_go_on(algo: str, model: str | None, more: str, place, capsys, monkeypatch):
  run = written_run(place / "run", algo, model=model)
  before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
  refused([f"resume={run}", *more.split()], CANNOT_GO_ON[algo, model], capsys, monkeypatch)
  assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


def walk(robot, lift: float):
  return make_gait(robot, 0.25, stride_seconds=0.8, lift=lift, crouch=0.02, double_support=0.2)


def test_a_run_whose_clips_have_changed(place, capsys, monkeypatch, robot):
  clip = place / "walk.npz"
  walk(robot, 0.035).save(clip)
  monkeypatch.chdir(place)
  typed = ["motion=file", "motion.path=walk.npz", "env.command.vx=[0.25,0.25]", "env.command.zero_share=0.0"]
  run = written_run(place / "run", "ppo", *typed, motion=clips_hash(str(clip)))
  (run / ".hydra" / "hydra.yaml").write_text(f"hydra: {{runtime: {{cwd: {place}, config_sources: []}}}}\n")
  monkeypatch.chdir(place / "here")
  monkeypatch.setattr(sys, "argv", ["run.py", f"resume={run}", "dry_run=true"])
  assert cli.launch(never) == 0  # the clip is found from here too
  capsys.readouterr()
  walk(robot, 0.03).save(clip)
  refused([f"resume={run}"], "clips of motion.path have changed since checkpoint 1280", capsys, monkeypatch)
  monkeypatch.setattr(sys, "argv", ["run.py", f"resume={run}", "resume_allow=[motion.path]", "dry_run=true"])
  assert cli.launch(never) == 0


DISCRIMINATORS = {
  ("ppo",): "has no discriminator: name a run of algo=ppo_amp",
  ("ppo_amp", "amp.features=[joint_pos]"): "was trained with amp.features=['joint_pos']",
  ("ppo_amp", "amp.hidden=[16]"): "was trained with amp.hidden=[16]",
  ("ppo_amp", "amp/loss=bce"): "was trained with amp/loss=bce",
}


@pytest.mark.parametrize("theirs", DISCRIMINATORS)
def test_a_discriminator_of_something_else(theirs: tuple[str, ...], place, capsys, monkeypatch):
  run = written_run(place / "run", *theirs)
  refused(["dry_run=true", f"amp.discriminator={run}"], DISCRIMINATORS[theirs], capsys, monkeypatch)


@pytest.mark.parametrize("setting, typed", ENVIRONMENT)
def test_an_environment(setting: str, typed: str, place, capsys, monkeypatch):
  monkeypatch.setenv(*setting.split("="))
  refused(typed.split(), ENVIRONMENT[setting, typed], capsys, monkeypatch)


@pytest.mark.parametrize("typed", COMMANDS)
def test_a_command(typed: str, place, capsys):
  assert commands.main(shlex.split(typed)) == 2
  answered(COMMANDS[typed], capsys)


def test_there_are_many_of_every_kind():
  assert [len(table) >= 3 for table in (OVERRIDES, EXPERIMENTS, CLIPS, COMMANDS)] == [True] * 4
  assert sum(map(len, (OVERRIDES, EXPERIMENTS, CLIPS, COMMANDS, ENVIRONMENT))) >= 150
