"""Every key of conf/, changed, changes what the part is given that acts on it. A new key without a proof fails here.

Hydra's part, from the command line to the config, is tested in tests/config; what the parts make of what they are
given, in built_check and in their own tests.
"""

from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf
from wiring import Wiring

from wildrobot_exp import experiment
from wildrobot_exp.config.compose import CONF_DIR, load
from wildrobot_exp.config.keys import TYPES
from wildrobot_exp.config.plan import NOT_BRAX, plan
from wildrobot_exp.config.term_names import REWARDS, TERMINATIONS
from wildrobot_exp.evaluation.worlds import World

ELSEWHERE = {  # keys that act before or after the part of a run that is built, and the tests that show it
  "dry_run": "tests/test_run.py::test_dry_run_prints_the_plan_and_writes_nothing",
  "resume": "tests/test_whole_runs.py, tests/config/test_resume.py",
  "resume_allow": "tests/config/test_resume.py",
  "sweep.resume": "tests/sweeps/test_sweep_resume.py",
  "gates": "tests/test_run.py::test_a_missed_gate_fails_the_run",
  "algo.name": "chooses the wiring: below, amp and Brax",
  "env.name": "has one value",
  "hardware.name": "names the option in messages: tests/config/test_devices.py",
  "hardware.platform": "tests/config/test_devices.py",
  "amp.loss.name": "below, as Amp.loss, with its own rewards",
}
HARDWARE = {  # of hardware, through the interpolations that use it
  "physics": ("mjx", "make_physics.engine"),
  "num_envs": (24, "Update.num_envs"),
  "horizon": (7, "Update.horizon"),
  "minibatches": (3, "Update.minibatches"),
  "policy_hidden": ([3], "make_networks.policy_hidden"),
  "value_hidden": ([4], "make_networks.value_hidden"),
  "discriminator_hidden": ([5], "Amp.hidden"),
}
ACTS: dict[str, tuple] = {  # key: (another value, what is given to whom, and what that is, where not the value itself)
  "seed": (3, "make_start_bank.seed"),
  "num_envs": (24, "Update.num_envs"),
  "total_steps": (999, "hp.total_steps"),
  "physics": ("mjx", "make_physics.engine"),
  "env.control_dt": (0.04, "load_robot.control_dt"),
  "env.timestep": (0.002, "load_robot.timestep"),
  "env.episode_seconds": (8.0, "Update.max_steps", 400),
  "env.gait_period": (0.9, "WalkEnv.gait_period"),
  "env.action_scale": (0.1, "WalkEnv.action_scale"),
  "env.command.vx": ([0.1, 0.2], "WalkEnv.command_range"),
  "env.command.zero_share": (0.3, "WalkEnv.command_zero_share"),
  "env.command.slowest": (0.02, "WalkEnv.command_slowest"),
  "env.command.resample_seconds": (2.0, "WalkEnv.command_seconds"),
  "env.observations.policy": (["gyro"], "WalkEnv.observations"),
  "env.observations.privileged": (
    ["root_height"],
    "WalkEnv.privileged",
    ["gyro", "gravity", "command", "stand", "joint_pos", "joint_vel", "last_action", "root_height"],
  ),
  "env.reset.joint_noise": (0.3, "make_start_bank.joint_noise"),
  "env.reset.velocity_noise": (0.3, "make_start_bank.velocity_noise"),
  "env.reset.bank_size": (7, "make_start_bank.count"),
  "env.reset.reference_share": (0.7, "make_start_bank.reference_share"),
  "reward.observations": (
    ["gait_clock"],
    "WalkEnv.observations",
    ["gyro", "gravity", "command", "stand", "joint_pos", "joint_vel", "last_action", "gait_clock"],
  ),
  **{
    f"algo.{name}": (0.125, f"hp.{name}")
    for name in (
      "learning_rate final_learning_rate discount gae_lambda clip entropy value_coef max_grad_norm reward_scale"
    ).split()
  },
  "algo.horizon": (7, "Update.horizon"),
  "algo.minibatches": (2, "Update.minibatches"),
  "algo.epochs": (9, "Update.epochs"),
  "algo.policy_hidden": ([6], "make_networks.policy_hidden"),
  "algo.value_hidden": ([6], "make_networks.value_hidden"),
  "algo.activation": ("relu", "make_networks.activation"),
  "algo.init_std": (0.5, "make_networks.init_std"),
  **{f"amp.{name}": (0.125, f"hp.amp.{name}") for name in "weight style_scale weight_decay learning_rate".split()},
  **{f"amp.loss.{name}": (0.125, f"hp.amp.{name}") for name in "gradient_penalty logit_regulariser".split()},
  **{f"amp.slow_down.{name}": (0.125, f"hp.amp.slow_{name}") for name in "accuracy contrast factor".split()},
  "amp.mix": ("two_critics", "Update.mix"),
  "amp.loss.style_reward": ("linear", "Amp.style_reward"),
  "amp.loss.penalty_on": ("both", "Amp.penalty_on"),
  "amp.features": (["gravity"], "Style.names"),
  "amp.window": (4, "Style.window"),
  "amp.condition": ("none", "Amp.condition"),
  "amp.uncovered": ("gate", "Style.uncovered"),
  "amp.hidden": ([6], "Amp.hidden"),
  "amp.updates": (7, "Amp.updates"),
  "amp.batch_size": (7, "Amp.batch_size"),
  "amp.replay_size": (7, "Amp.replay_size"),
  "amp.replay_share": (0.25, "Amp.replay_share"),
  "amp.replay_keep": (0.25, "Amp.replay_keep"),
  "amp.freeze": (True, "Amp.freeze"),
  "amp.discriminator": ("run", "Checkpoints.run_dir"),
  "motion.name": ("mocap", "make_mocap_grid", True),
  "motion.speeds": ([0.1], "make_gait_grid.speeds"),
  **{
    f"motion.{name}": (0.123, f"make_gait_grid.{name}")
    for name in "stride_seconds lift crouch double_support".split()
  },
  "motion.stand_at_zero": (False, "make_gait_grid.stand_at_zero"),
  "motion.mirror": (True, "mirror_clip", True),
  "logger.tensorboard": (False, "TensorBoardEvents", None),
  "logger.wandb.mode": ("online", "WandbRun.mode"),
  "logger.wandb.project": ("other", "WandbRun.project"),
  "logger.progress": (False, "Console", None),
  "logger.every": (7, "Bookkeeper.log_every"),
  "checkpoints.every_steps": (7, "Bookkeeper.save_every"),
  "checkpoints.keep": (7, "Checkpoints.keep"),
  "checkpoints.rollback_after": (7, "Rollbacks.after"),
  "evaluation.episodes": (9, "spread_commands.count"),
  "evaluation.episode_seconds": (3.0, "Roller.steps", 150),
  "evaluation.fine_timestep": (0.001, "make_evaluation_env.timestep"),
  "evaluation.during_training.enabled": (False, "QuickEvaluation", None),
  "evaluation.during_training.every_steps": (7, "Bookkeeper.evaluate_every"),
  "evaluation.during_training.episodes": (7, "QuickEvaluation.episodes"),
  "evaluation.long_walk.enabled": (False, "long_walk.speed", None),
  "evaluation.long_walk.distance_m": (7.0, "long_walk.distance_goal_m"),
  "evaluation.long_walk.rollouts": (7, "long_walk.rollouts"),
  "evaluation.long_walk.speed": (0.1, "long_walk.speed"),
  "evaluation.pushes.enabled": (False, "push_recovery", None),
  "evaluation.pushes.trials": (7, "push_recovery.trials"),
  "evaluation.worlds.enabled": (False, "worlds", None),
  "evaluation.worlds.friction": ([0.4], "worlds", World("friction x 0.4", friction=0.4)),
  "evaluation.worlds.trunk_mass": ([0.4], "worlds", World("trunk mass x 0.4", trunk_mass=0.4)),
  "evaluation.worlds.latency_steps": ([3], "worlds", World("latency 60 ms", latency_steps=3)),
  "evaluation.worlds.slope_deg": ([7.0], "worlds", World("slope +7 deg", slope_deg=7.0)),
  "evaluation.worlds.sim2sim": (False, "worlds", World("engine mjx", engine="mjx")),
  "evaluation.video.enabled": (False, "write_video", None),
  "evaluation.video.seconds": (2.0, "video frames", 100),
  "evaluation.video.width": (64, "write_video.width"),
  "evaluation.video.height": (64, "write_video.height"),
  "evaluation.video.fps": (7, "write_video.fps"),
}
OF_ANOTHER_MOTION = {
  "motion.amplitude": ("mocap", 0.3, "make_mocap_grid.amplitude"),
  "motion.path": ("file", "clips", "load_clips.path"),
}
BRAX = {  # what algo=brax_ppo takes from the config in place of Update and the traced numbers
  "seed": (3, "brax.seed"),
  "num_envs": (24, "brax.num_envs"),
  "total_steps": (999, "brax.num_timesteps"),
  "env.episode_seconds": (8.0, "brax.episode_length", 400),
  "algo.learning_rate": (0.125, "brax.learning_rate"),
  "algo.entropy": (0.125, "brax.entropy_cost"),
  "algo.discount": (0.125, "brax.discounting"),
  "algo.horizon": (7, "brax.unroll_length"),
  "algo.minibatches": (2, "brax.num_minibatches"),
  "algo.epochs": (9, "brax.num_updates_per_batch"),
  "algo.reward_scale": (0.125, "brax.reward_scaling"),
  "algo.clip": (0.125, "brax.clipping_epsilon"),
  "algo.gae_lambda": (0.125, "brax.gae_lambda"),
  "algo.max_grad_norm": (0.125, "brax.max_grad_norm"),
  "algo.value_coef": (0.125, "brax.vf_loss_coefficient"),
  "algo.policy_hidden": ([6], "make_networks.policy_hidden"),
  "algo.init_std": (0.5, "make_networks.init_std"),
  "evaluation.during_training.episodes": (14, "brax.num_eval_envs"),
}


@pytest.fixture(scope="module")
def base():
  return load(["evaluation.worlds.enabled=true"])


@pytest.fixture(scope="module")
def brax():
  return load(["algo=brax_ppo"])


@pytest.fixture(scope="module")
def given(tmp_path_factory):
  """given(cfg, key=value ...): what the parts of that run are given."""

  def run(cfg: Any, changes: dict[str, Any]) -> dict[str, Any]:
    cfg = cfg.copy()
    OmegaConf.set_readonly(cfg, False)
    for key, value in changes.items():
      OmegaConf.update(cfg, key, value, merge=False)
    seen = Wiring(tmp_path_factory.getbasetemp()).run(cfg)
    if "write_video.qpos" in seen:
      seen["video frames"] = len(seen["write_video.qpos"])
    return seen

  return run


@pytest.fixture(scope="module")
def unchanged(base, given) -> dict[str, Any]:
  return given(base, {})


def leaves() -> set[str]:
  """Dotted keys of the schema; terms and terminations, whose names are free, are proved all at once below."""
  ends = {key for key in TYPES if not any(other.startswith(f"{key}.") for other in TYPES)}
  return ends - {"reward.terms", "env.terminations"}


def test_every_key_has_a_proof_or_a_reason():
  keys = leaves()
  proved = {*ACTS, *ELSEWHERE, *OF_ANOTHER_MOTION, *(f"hardware.{name}" for name in HARDWARE)}
  assert keys - proved == set()
  assert proved - keys == set()
  assert not set(ACTS) & set(ELSEWHERE)


@pytest.mark.parametrize("key", ACTS)
def test_a_changed_key_arrives_where_it_acts(key: str, base, given, unchanged):
  value, place, *expected = ACTS[key]
  before, after = unchanged.get(place), given(base, {key: value}).get(place)
  wanted = expected[0] if expected else value
  assert before != after
  if isinstance(wanted, World):
    assert (wanted in after) != (wanted in before)
  else:
    assert after == wanted


@pytest.mark.parametrize("key", OF_ANOTHER_MOTION)
def test_a_key_of_another_motion_arrives_there(key: str, base, given):
  motion, value, place = OF_ANOTHER_MOTION[key]
  assert given(base, {"motion.name": motion, key: value})[place] == value


@pytest.mark.parametrize("key", BRAX)
def test_a_changed_key_arrives_at_brax(key: str, brax, given):
  value, place, *expected = BRAX[key]
  before, after = given(brax, {}), given(brax, {key: value})
  assert before[place] != after[place] == (expected[0] if expected else value)


def test_the_plan_says_which_keys_brax_has_no_use_for(brax, given):
  seen = given(brax, {})
  assert all(ACTS[key][1] not in seen and key in plan(brax, "RUN") for key in NOT_BRAX)
  loop = {key for key, (_, place, *_) in ACTS.items() if place.startswith("Bookkeeper.") and place not in seen}
  assert loop - set(NOT_BRAX) == {"evaluation.during_training.every_steps"}  # sets how often Brax evaluates


def test_the_seed_and_the_loss_arrive_too(base, given):
  assert given(base, {"seed": 3})["Update.init.rng"] != given(base, {})["Update.init.rng"]
  assert given(base, {"amp.loss.name": "wgan"})["Amp.loss"] == "wgan"
  assert "Amp" in given(base, {}) and "Amp" not in given(load(["algo=ppo"]), {})


def test_hardware_arrives_through_the_keys_that_use_it(given):
  seen = given(load([f"hardware.{name}={value}".replace(" ", "") for name, (value, _) in HARDWARE.items()]), {})
  assert {place: seen[place] for _, place in HARDWARE.values()} == {place: value for value, place in HARDWARE.values()}


def test_every_reward_and_termination_arrives_with_its_parameters(base, given):
  terms = {name: {"weight": 0.3} | {key: 0.7 for key in known} for name, known in REWARDS.items()}
  conditions = {name: dict.fromkeys(known, 0.7) for name, known in TERMINATIONS.items()}
  seen = given(base, {"reward.terms": terms, "env.terminations": conditions})
  assert seen["WalkEnv.rewards"] == terms and seen["WalkEnv.terminations"] == conditions
  assert {name: seen[f"hp.reward_weights.{name}"] for name in terms} == pytest.approx(dict.fromkeys(terms, 0.3))
  assert given(base, {})["WalkEnv.rewards"] != terms


def test_what_terms_conf_names_are_known_with_their_parameters():
  named = [yaml.safe_load(path.read_text())["terms"] for path in (CONF_DIR / "reward").glob("*.yaml")]
  for terms in named:
    for name, params in terms.items():
      assert set(params) - {"weight"} <= set(REWARDS[name])


def test_a_key_that_somebody_ignores_is_caught(base, given, monkeypatch):
  real = experiment.make_update
  deaf = lambda cfg, *more: real(OmegaConf.merge(cfg, {"num_envs": 1}), *more)  # noqa: E731
  monkeypatch.setattr(experiment, "make_update", deaf)
  assert [given(base, {"num_envs": number})["Update.num_envs"] for number in (8, 16)] == [1, 1]
