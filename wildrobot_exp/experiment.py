"""One job: train, evaluate and report into its run folder."""

# isort: off
from wildrobot_exp.physics import quiet_mjx as _quiet_mjx  # noqa: F401  before Brax imports mujoco.mjx, aloud

# isort: on
import logging
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import OmegaConf

from wildrobot_exp.building import Experiment, build, make_update
from wildrobot_exp.built_check import check_built, check_update
from wildrobot_exp.compilation_cache import use_compilation_cache
from wildrobot_exp.config.folders import sweep_name
from wildrobot_exp.envs.standing import standing_line
from wildrobot_exp.evaluation.policies import make_actor
from wildrobot_exp.evaluation.quick import QuickEvaluation
from wildrobot_exp.interrupts import held, raise_held
from wildrobot_exp.learning.brax_ppo import train_with_brax
from wildrobot_exp.learning.hyperparameters import make_hyperparameters
from wildrobot_exp.learning.trainer import Trainer
from wildrobot_exp.prior import HealthCheck, clip_warnings, make_reference, with_discriminator
from wildrobot_exp.recording import Recording, recording


def run_job(cfg: Any, run_dir: Path) -> dict[str, Any]:
  """Train, evaluate and report into `run_dir`.

  Args:
    cfg: a checked config.
    run_dir: the run folder; exists.

  Returns:
    The numbers a sweep compares and gates test.

  Raises:
    UserError: the robot cannot perform the reference motion.
    RunFailed: training diverged, nothing could be saved, or what was built is not what the config says.
    Stopped: another process asked for it, see stop_request; the state is saved.
    KeyboardInterrupt: a signal arrived; what was trained is saved.
  """
  started = time.monotonic()
  prepare_process()
  with held():  # from here on JAX calls back into Python
    return _run_job(cfg, run_dir, started)


def _run_job(cfg: Any, run_dir: Path, started: float) -> dict[str, Any]:
  experiment = build(cfg)
  raise_held()
  check_built(cfg, experiment)
  hydra = HydraConfig.get() if HydraConfig.initialized() else None
  overrides = OmegaConf.to_container(hydra.overrides.task) if hydra else []
  group = sweep_name(run_dir.parent) if hydra and hydra.mode == RunMode.MULTIRUN else ""
  with recording(cfg, run_dir, overrides=overrides, group=group) as run:
    for warning in clip_warnings(cfg, experiment.robot, experiment.clips):
      run.tracker.say(warning)
    train = _train_with_brax if cfg.algo.name == "brax_ppo" else _train
    params, step, numbers = train(run, experiment)
    raise_held()
    run.conclude(experiment, params, step, numbers, started)
  return run.numbers


def prepare_process() -> None:
  """What the whole process needs before it compiles."""
  use_compilation_cache()
  logging.getLogger("absl").setLevel(logging.WARNING)  # orbax and brax narrate


def quick_evaluation(cfg: Any, experiment: Experiment) -> QuickEvaluation | None:
  """The evaluation during training that the config asks for."""
  during = cfg.evaluation.during_training
  return QuickEvaluation(cfg, make_actor(experiment.networks), during.episodes) if during.enabled else None


def _train(run: Recording, experiment: Experiment) -> tuple[Any, int, dict[str, float]]:
  """Our own loop, from the start or from the checkpoint to resume.

  Returns:
    The best policy's (normaliser, parameters), its step, and numbers about the training.
  """
  cfg = run.cfg
  reference = None if cfg.amp is None else make_reference(cfg, experiment.robot, experiment.clips)
  update = make_update(cfg, experiment, reference)
  health = None
  if reference is not None:
    health = HealthCheck(update.style, reference, run.run_dir, run.tracker.say)
  quick = quick_evaluation(cfg, experiment)
  books = run.books(update.steps_per_update, quick, health and health.columns, experiment.robot)
  hp = make_hyperparameters(cfg, experiment.env)
  state = update.init(jax.random.PRNGKey(cfg.seed))
  if run.resume_step is None:  # later it is in the checkpoint
    state = with_discriminator(cfg, state)
  check_update(cfg, update, state, hp)
  if run.resume_step is None and any(params["weight"] for params in cfg.reward.terms.values()):
    run.tracker.say(standing_line(experiment.env))
  if run.resume_step is not None:
    state = run.checkpoints.restore(run.resume_step, state)
    run.tracker.say(f"resumed at step {run.resume_step}")
  state, numbers = Trainer(update, hp, books, health and health.start).run(state)
  return *run.best(state), numbers


def _train_with_brax(run: Recording, experiment: Experiment) -> tuple[Any, int, dict[str, float]]:
  """algo=brax_ppo; the same returns as `_train`."""
  cfg, tracker = run.cfg, run.tracker
  started = time.monotonic()
  rows: list[tuple[int, dict[str, float]]] = []

  def progress(step: int, metrics: dict[str, Any]) -> None:
    rows.append((step, {_our_name(name): float(value) for name, value in metrics.items() if np.ndim(value) == 0}))
    tracker.log(*rows[-1])
    raise_held()

  tracker.say("Brax compiles its trainer, in silence")
  during = cfg.evaluation.during_training
  evaluations = 1 + max(1, cfg.total_steps // during.every_steps)
  params = train_with_brax(cfg, experiment.env, progress, evaluations=evaluations, evaluation_envs=during.episodes)
  steps, metrics = rows[-1]  # Brax makes whole iterations, total_steps or a little more
  run.checkpoints.save(steps, params, metrics=metrics, config=run.config)
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
