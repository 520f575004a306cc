"""One job: config -> objects -> training -> run folder."""

# isort: off
from wildrobot_exp.physics import quiet_mjx as _quiet_mjx  # noqa: F401  before Brax imports mujoco.mjx, aloud

# isort: on
import contextlib
import dataclasses
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from brax.training.agents.ppo import networks as ppo_networks
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import OmegaConf

from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.compilation_cache import use_compilation_cache
from wildrobot_exp.envs.walk import WalkEnv, make_walk_env
from wildrobot_exp.errors import UserError
from wildrobot_exp.evaluation.policies import make_actor
from wildrobot_exp.evaluation.quick import QuickEvaluation
from wildrobot_exp.evaluation.report import write_report
from wildrobot_exp.evaluation.run_folder import evaluate_into, summary
from wildrobot_exp.learning.brax_ppo import train_with_brax
from wildrobot_exp.learning.hyperparameters import make_hyperparameters
from wildrobot_exp.learning.networks import make_networks
from wildrobot_exp.learning.trainer import Trainer
from wildrobot_exp.learning.update import TrainState, Update
from wildrobot_exp.motions import Clip
from wildrobot_exp.motions.reference import AmpReference, make_clips, reference_frames
from wildrobot_exp.physics import make_physics
from wildrobot_exp.prior import HealthCheck, clip_warnings, make_reference, make_style, with_discriminator
from wildrobot_exp.robots import Robot, load_robot
from wildrobot_exp.stop_request import StopRequest
from wildrobot_exp.tracking import Tracker, make_tracker
from wildrobot_exp.versions import write_versions


@dataclasses.dataclass(frozen=True)
class Experiment:
  """What a config builds."""

  robot: Robot
  clips: list[Clip]
  env: WalkEnv
  networks: ppo_networks.PPONetworks


def build(cfg: Any) -> Experiment:
  """Robot, reference motion, env and networks of a composed config.

  Raises:
    UserError: a name is unknown, or the robot cannot perform the reference motion.
  """
  robot = load_robot(cfg.env.control_dt, cfg.env.timestep)
  clips = make_clips(cfg.motion, robot)
  env = make_walk_env(cfg, make_physics(cfg.physics, robot), reference_frames(robot, clips))
  networks = make_networks(
    env.observation_size,
    env.action_size,
    policy_hidden=cfg.algo.policy_hidden,
    value_hidden=cfg.algo.value_hidden,
    activation=cfg.algo.activation,
    init_std=cfg.algo.init_std,
  )
  return Experiment(robot, clips, env, networks)


def make_update(cfg: Any, experiment: Experiment, reference: AmpReference | None = None) -> Update:
  """The update of algo=ppo or algo=ppo_amp; `reference` is AMP's, where it is made already."""
  return Update(
    experiment.env,
    experiment.networks,
    make_style(cfg, experiment.robot, experiment.clips, reference) if cfg.amp is not None else None,
    mix="sum" if cfg.amp is None else cfg.amp.mix,
    num_envs=cfg.num_envs,
    horizon=cfg.algo.horizon,
    minibatches=cfg.algo.minibatches,
    epochs=cfg.algo.epochs,
    max_steps=round(cfg.env.episode_seconds / cfg.env.control_dt),
  )


def run_job(cfg: Any, run_dir: Path) -> dict[str, Any]:
  """Train, evaluate and report into `run_dir`.

  Args:
    cfg: a checked config.
    run_dir: the run folder; exists.

  Returns:
    The numbers a sweep compares and gates test.

  Raises:
    UserError: the robot cannot perform the reference motion.
    RunFailed: training diverged or nothing could be saved.
    Stopped: another process asked for it, see stop_request; the state is saved.
  """
  started = time.monotonic()
  if cfg.resume and cfg.algo.name == "brax_ppo":
    raise UserError("algo=brax_ppo cannot be resumed: Brax keeps its state to itself; use algo=ppo")
  use_compilation_cache()
  logging.getLogger("absl").setLevel(logging.WARNING)  # orbax and brax narrate
  config = OmegaConf.to_container(cfg, resolve=True)
  hydra = HydraConfig.get() if HydraConfig.initialized() else None
  facts: dict[str, Any] = {"run": run_dir.name, "total_steps": cfg.total_steps}
  overrides = OmegaConf.to_container(hydra.overrides.task) if hydra else []
  write_versions(run_dir / "versions.json", overrides=overrides, facts=facts)
  experiment = build(cfg)
  checkpoints = Checkpoints(run_dir, keep=cfg.checkpoints.keep)
  resume_step = checkpoints.resolve("latest") if cfg.resume else None
  with _tracking(cfg, run_dir, config, resume_step) as tracker:
    for warning in clip_warnings(cfg, experiment.robot, experiment.clips):
      tracker.say(warning)
    if cfg.algo.name == "brax_ppo":
      params, step, numbers = _train_with_brax(cfg, experiment, tracker, checkpoints, config)
    else:
      params, step, numbers = _train(cfg, experiment, run_dir, tracker, checkpoints, config, resume_step)
    tracker.say(f"evaluating the policy of step {step}")
    result = evaluate_into(
      run_dir, cfg, experiment.networks, params, step=step, clips=experiment.clips, say=tracker.say
    )
    numbers |= summary(result)
    numbers["wall_s"] = time.monotonic() - started
    tracker.log(int(numbers["env_steps"]), {f"final/{name}": value for name, value in numbers.items()})
  facts |= {"wall_s": numbers["wall_s"]}
  write_versions(run_dir / "versions.json", overrides=overrides, facts=facts)
  write_report(run_dir)
  return numbers


def _train(
  cfg: Any,
  experiment: Experiment,
  run_dir: Path,
  tracker: Tracker,
  checkpoints: Checkpoints,
  config: dict[str, Any],
  resume_step: int | None,
) -> tuple[Any, int, dict[str, float]]:
  """Our own loop, from the start or from the checkpoint of `resume_step`.

  Returns:
    The best policy's (normaliser, parameters), its step, and numbers about the training.
  """
  reference = None if cfg.amp is None else make_reference(cfg, experiment.robot, experiment.clips)
  update = make_update(cfg, experiment, reference)
  health = None
  if reference is not None:
    health = HealthCheck(update.style, reference, run_dir, tracker.say)
  during = cfg.evaluation.during_training
  quick = QuickEvaluation(cfg, make_actor(experiment.networks), during.episodes) if during.enabled else None
  trainer = Trainer(
    update,
    make_hyperparameters(cfg, experiment.env),
    tracker,
    checkpoints,
    total_steps=cfg.total_steps,
    log_every=cfg.logger.every,
    save_every=cfg.checkpoints.every_steps,
    evaluate_every=during.every_steps,
    config=config,
    quick_evaluation=None if quick is None else lambda state: quick(policy_params(state)),
    inspect=health and health.start,
    columns=health and health.columns,
    obey=StopRequest(run_dir).obey,
  )
  state = with_discriminator(cfg, update.init(jax.random.PRNGKey(cfg.seed)))
  if resume_step is not None:
    state = checkpoints.restore(resume_step, state)
    tracker.say(f"resumed at step {resume_step}")
  state, numbers = trainer.run(state)
  step = int(numbers["env_steps"])
  best = checkpoints.best_step()
  if best not in (None, step):
    step, state = best, checkpoints.restore(best, state)
  return policy_params(state), step, numbers


def _train_with_brax(
  cfg: Any, experiment: Experiment, tracker: Tracker, checkpoints: Checkpoints, config: dict[str, Any]
) -> tuple[Any, int, dict[str, float]]:
  """algo=brax_ppo; the same returns as `_train`."""
  started = time.monotonic()
  rows: list[tuple[int, dict[str, float]]] = []

  def progress(step: int, metrics: dict[str, Any]) -> None:
    rows.append((step, {_our_name(name): float(value) for name, value in metrics.items() if np.ndim(value) == 0}))
    tracker.log(*rows[-1])

  tracker.say("Brax compiles its trainer, in silence")
  evaluations = 1 + max(1, cfg.total_steps // cfg.evaluation.during_training.every_steps)
  params = train_with_brax(cfg, experiment.env, progress, evaluations=evaluations)
  steps, metrics = rows[-1]  # Brax makes whole iterations, total_steps or a little more
  checkpoints.save(steps, params, metrics=metrics, config=config)
  numbers = {
    "env_steps": steps,
    "train_wall_s": time.monotonic() - started,
    "steps_per_s": metrics["perf/steps_per_s"],
  }
  return params, steps, numbers


def _our_name(brax_name: str) -> str:
  """Brax's metric names in ours, so that both algorithms' curves lie in the same place."""
  known = {
    "training/sps": "perf/steps_per_s",
    "eval/episode_reward": "eval/return",
    "eval/avg_episode_length": "eval/episode_steps",
  }
  return known.get(brax_name, brax_name.replace("training/", "train/"))


def policy_params(state: TrainState) -> Any:
  """(normaliser, policy parameters) of a training state."""
  return state.normaliser, state.learner.params.policy


@contextlib.contextmanager
def _tracking(cfg: Any, run_dir: Path, config: dict[str, Any], resume_step: int | None) -> Iterator[Tracker]:
  """A tracker that is closed however the run ends."""
  hydra = HydraConfig.get() if HydraConfig.initialized() else None
  sweep = run_dir.parent.name if hydra and hydra.mode == RunMode.MULTIRUN else ""
  tracker = make_tracker(
    cfg.logger,
    run_dir,
    run_name=run_dir.name,
    group=sweep,
    config_dict=config,
    total_steps=cfg.total_steps,
    resume_step=resume_step,
  )
  exit_code = 1
  try:
    yield tracker
    exit_code = 0
  finally:
    tracker.close(exit_code)
