"""One whole job, tiny: every file of the run folder, the best policy evaluated, nothing pickled."""

import csv
import json
import logging
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from hydra.core.hydra_config import HydraConfig
from jax.experimental.compilation_cache import compilation_cache

from wildrobot_exp import building, experiment, recording
from wildrobot_exp import compilation_cache as our_cache
from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.config.compose import load
from wildrobot_exp.errors import UserError

STEPS = 16 * 4  # of one iteration
TINY = (
  "num_envs=16",
  f"total_steps={6 * STEPS}",
  "algo.horizon=4",
  "algo.minibatches=2",
  "algo.epochs=1",
  "algo.policy_hidden=[16]",
  "algo.value_hidden=[16]",
  "motion.speeds=[0.0,0.3]",
  "env.episode_seconds=0.1",
  "env.reset.bank_size=8",
  "evaluation.episodes=7",
  "evaluation.episode_seconds=2.0",
  f"evaluation.during_training.every_steps={2 * STEPS}",
  "evaluation.during_training.episodes=7",
  "evaluation.pushes.enabled=false",
  "evaluation.long_walk.distance_m=0.1",
  "evaluation.long_walk.rollouts=2",
  "evaluation.video.seconds=0.2",
  "evaluation.video.width=96",
  "evaluation.video.height=64",
  f"checkpoints.every_steps={3 * STEPS}",
  "logger.every=2",
  "logger.progress=false",
)
TINY_AMP = ("algo=ppo_amp", "amp.hidden=[16]", "amp.batch_size=32", "amp.replay_size=96")


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory):
  """The compilation cache of these jobs, and none for the tests after them."""
  names = (
    "jax_compilation_cache_dir",
    "jax_persistent_cache_min_compile_time_secs",
    "jax_persistent_cache_min_entry_size_bytes",
  )
  before = {name: getattr(jax.config, name) for name in names}
  absl_level = logging.getLogger("absl").level
  with pytest.MonkeyPatch.context() as patch:
    patch.setenv(our_cache.VARIABLE, str(tmp_path_factory.mktemp("cache")))
    patch.setattr(HydraConfig.instance(), "cfg", None)
    yield
  for name, value in before.items():
    jax.config.update(name, value)
  compilation_cache.reset_cache()
  logging.getLogger("absl").setLevel(absl_level)


@pytest.fixture(scope="module")
def run(tmp_path_factory, own_cache) -> SimpleNamespace:
  """A finished run. Its quick evaluations rank the policies in the order 2nd, 3rd, 1st."""
  folder = tmp_path_factory.mktemp("run")
  ranked, seen = iter([0.1, 0.9, 0.5]), SimpleNamespace(quick=[], final=None)

  class Ranked(experiment.QuickEvaluation):
    def __call__(self, params):
      seen.quick.append(jax.tree.map(np.array, params))
      return super().__call__(params) | {"score": next(ranked)}

  def evaluate_into(run_dir, cfg, networks, params, **more):
    seen.final = jax.tree.map(np.array, params)
    return real_evaluate(run_dir, cfg, networks, params, **more)

  real_evaluate = recording.evaluate_into
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(experiment, "QuickEvaluation", Ranked)
    patch.setattr(recording, "evaluate_into", evaluate_into)
    numbers = experiment.run_job(load([*TINY, *TINY_AMP]), folder)
  with open(folder / "metrics.csv", newline="") as file:
    rows = list(csv.DictReader(file))
  evaluation = json.loads((folder / "evaluation.json").read_text())
  return SimpleNamespace(folder=folder, numbers=numbers, rows=rows, evaluation=evaluation, seen=seen)


def test_the_run_folder_holds_every_file_promised(run):
  for name in (
    "metrics.csv",
    "evaluation.json",
    "report.html",
    "versions.json",
    "checkpoints/index.json",
    "gait.npz",
    "amp_start.csv",
  ):
    assert (run.folder / name).stat().st_size > 0, name
  assert list(run.folder.glob("tensorboard/events_*"))
  assert list(run.folder.glob("wandb/offline-run-*/*.wandb"))


def test_metrics_have_a_row_per_logged_iteration_and_no_made_up_values(run):
  steps = [int(row["step"]) for row in run.rows]
  assert sorted(set(steps)) == [STEPS * i for i in (1, 2, 4, 6)]
  assert all(float(row["wall_s"]) > 0 for row in run.rows)
  columns = set(run.rows[0])
  terms = load([*TINY, *TINY_AMP]).reward.terms
  assert {f"reward/{name}" for name in terms} == {name for name in columns if name.startswith("reward/")}
  assert {"train/return", "train/policy_loss", "train/value_loss", "train/learning_rate"} <= columns
  assert {"amp/style_reward", "amp/accuracy_reference", "amp/accuracy_policy", "amp/loss"} <= columns
  assert {
    "amp/saturation",
    "amp/slowed",
    "amp/command_covered",
    "giveaway/root_height/z",
    "giveaway/command/vx",
  } <= columns
  shares = [sum(float(row[name]) for name in columns if name.startswith("giveaway/")) for row in run.rows[:4]]
  assert shares == pytest.approx([1.0] * 4, abs=1e-3)
  assert {"perf/steps_per_s", "perf/compile_s", "eval/survival", "eval/vx_error", "eval/score"} <= columns
  filled = {name: [row["step"] for row in run.rows if row[name]] for name in columns}
  assert filled["eval/score"] == [str(STEPS * i) for i in (2, 4, 6)]  # empty where nobody evaluated
  assert all(row["train/return"] == "" or np.isfinite(float(row["train/return"])) for row in run.rows)


def test_the_best_policy_by_score_is_the_one_that_is_evaluated(run):
  assert Checkpoints(run.folder).best_step() == run.evaluation["checkpoint_step"] == 4 * STEPS
  assert len(run.seen.quick) == 3
  same = [
    all(np.array_equal(a, b) for a, b in zip(*map(jax.tree.leaves, (params, run.seen.final)), strict=True))
    for params in run.seen.quick
  ]
  assert same == [False, True, False]


def test_checkpoints_are_those_evaluated_or_due(run):
  assert Checkpoints(run.folder, keep=3).steps() == [STEPS * i for i in (3, 4, 6)]  # of 2, 3, 4, 6 the newest three


def test_the_evaluation_says_how_doing_nothing_and_chance_do(run):
  assert run.evaluation["run"] == run.folder.name and run.evaluation["physics"] == "native"
  for name in ("zero_action", "random_policy"):
    assert np.isfinite(run.evaluation["baselines"][name]["return"])
    assert 0.0 <= run.evaluation["baselines"][name]["survival"] <= 1.0
  assert len(run.evaluation["commands"]) == 7


def test_the_numbers_returned_are_those_written(run):
  assert run.numbers["env_steps"] == 6 * STEPS
  assert run.numbers["survival"] == run.evaluation["survival"]
  assert run.numbers["steps_per_s"] > 0 and run.numbers["wall_s"] > run.numbers["train_wall_s"]
  last = run.rows[-1]
  assert float(last["final/survival"]) == pytest.approx(run.numbers["survival"], rel=1e-5)


def test_versions_say_what_ran_where(run):
  versions = json.loads((run.folder / "versions.json").read_text())
  assert versions["total_steps"] == 6 * STEPS and versions["wall_s"] > 0
  assert {"jax", "mujoco", "brax", "python"} <= set(versions["versions"])


def test_the_report_is_one_file_that_names_the_run(run):
  page = (run.folder / "report.html").read_text()
  assert run.folder.name in page
  assert 'src="http' not in page and "<script src" not in page


def test_nothing_in_the_run_folder_is_a_pickle(run):
  files = [path for path in run.folder.rglob("*") if path.is_file()]
  assert not [path for path in files if path.suffix in (".pkl", ".pickle", ".pt", ".joblib")]
  starts = {path: path.read_bytes()[:2] for path in files}
  assert not [path for path, start in starts.items() if start[:1] == b"\x80" and start[1:] in b"\x02\x03\x04\x05"]
  for path in run.folder.rglob("*.npz"):
    with np.load(path, allow_pickle=False) as arrays:
      assert [arrays[name] for name in arrays.files]


def test_built_networks_have_the_sizes_of_the_config(own_cache):
  cfg = load([*TINY, "algo=ppo", "algo.policy_hidden=[12,10]", "algo.value_hidden=[9]"])
  built = building.build(cfg)

  def widths(network) -> set[int]:
    shapes = jax.eval_shape(network.init, jax.random.PRNGKey(0))
    return {leaf.shape[0] for leaf in jax.tree.leaves(shapes)}

  size = built.env.observation_size
  joints = built.robot.num_joints
  assert widths(built.networks.policy_network) == {size["state"], 12, 10, joints}
  assert widths(built.networks.value_network) == {size["privileged_state"], 9, 1}


def test_the_update_and_its_amp_are_built_as_the_config_says(own_cache):
  cfg = load([*TINY, *TINY_AMP])
  built = building.build(cfg)
  update = building.make_update(cfg, built)
  assert (update.num_envs, update.horizon, update.steps_per_update) == (16, 4, STEPS)
  state = jax.eval_shape(update.init, jax.random.PRNGKey(0))
  assert state.amp.replay.features.shape == (96, 77)  # 76 features and the command
  assert state.amp.params["params"]["hidden_0"]["kernel"].shape == (77, 16)
  assert update.style.amp.conditioned
  without = load([*TINY, *TINY_AMP, "amp.condition=none"])
  assert not building.make_style(without, built.robot, built.clips).amp.conditioned
  assert building.make_update(load([*TINY, "algo=ppo"]), built).style is None


def test_a_motion_the_robot_cannot_perform_is_the_user_s_to_fix(own_cache):
  with pytest.raises(UserError, match="lift"):
    building.build(load([*TINY, "algo=ppo", "motion.lift=0.2"]))


@pytest.mark.slow
def test_brax_leaves_the_same_run_folder(tmp_path: Path, own_cache):
  overrides = ["algo=brax_ppo", "logger=csv", "logger.progress=false", "evaluation.long_walk.enabled=false"]
  numbers = experiment.run_job(load([*TINY, *overrides, "evaluation.video.enabled=false"]), tmp_path)
  assert numbers["env_steps"] >= 6 * STEPS
  assert Checkpoints(tmp_path).steps() == [numbers["env_steps"]]
  result = json.loads((tmp_path / "evaluation.json").read_text())
  assert result["checkpoint_step"] == numbers["env_steps"]
  assert (tmp_path / "report.html").exists()
