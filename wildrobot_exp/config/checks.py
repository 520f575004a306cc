"""Checks across keys, before anything heavy is imported. Each refusal is one line with the fix in it."""

import math
from collections.abc import Sequence
from pathlib import Path

from wildrobot_exp.config.derived import policy_observations, steps_per_iteration
from wildrobot_exp.config.keys import is_known, unknown_key
from wildrobot_exp.config.metrics import check_measured
from wildrobot_exp.config.motion import check_motion, clip_speeds, how_to_widen
from wildrobot_exp.config.ranges import check_ranges
from wildrobot_exp.config.resume import MODEL
from wildrobot_exp.config.schema import AMP_LOSSES, AmpConfig, Config
from wildrobot_exp.config.speeds import check_speeds
from wildrobot_exp.config.term_names import CLOCKED, FEATURES, OBSERVATIONS, REWARDS, TERMINATIONS
from wildrobot_exp.config.times import TOLERANCE, check_times
from wildrobot_exp.errors import UserError, unknown_name

CLOCK = "gait_clock"  # the observation that shows the phase of a clocked gait
MOST_STEPS = 2**31 - 1  # env steps are counted in 32 bits


def check(cfg: Config, *, trained: bool = False) -> None:
  """Refuse a config that cannot run or would mislead.

  Args:
    cfg: the config.
    trained: it is of a run that has begun already, and what only its start reads may be gone.

  Raises:
    UserError: the first problem found.
  """
  check_ranges(cfg)
  _check_resume(cfg)
  _check_sweep(cfg)
  _check_batch(cfg)
  _check_brax(cfg)
  check_times(cfg)
  _check_command(cfg)
  _check_rewards(cfg)
  _check_observations(cfg)
  _check_terminations(cfg)
  check_motion(cfg.motion)
  _check_amp(cfg)
  if not trained and cfg.resume is None:
    _check_source(cfg)
  _check_evaluation(cfg)
  _check_logger(cfg)
  _check_gates(cfg)


def _check_resume(cfg: Config) -> None:
  if cfg.resume is None and set(cfg.resume_allow) - {MODEL}:
    raise UserError(f"resume_allow={cfg.resume_allow} without a run to resume: add resume=<run folder>")
  if cfg.resume is not None and cfg.algo.name == "brax_ppo":
    raise UserError("algo=brax_ppo cannot be resumed: Brax keeps its state to itself; use algo=ppo")
  for key in cfg.resume_allow:
    if key != MODEL and not is_known(key):
      raise unknown_key(key)


def _check_batch(cfg: Config) -> None:
  envs, minibatches = cfg.num_envs, cfg.algo.minibatches
  if envs % minibatches:
    below, above = envs // minibatches * minibatches, (envs // minibatches + 1) * minibatches
    divisors = [d for d in range(1, envs + 1) if envs % d == 0]
    near = sorted(sorted(divisors, key=lambda d: abs(d - minibatches))[:2])
    raise UserError(
      f"num_envs={envs} is not divisible by algo.minibatches={minibatches} (minibatches are whole"
      f" trajectories): use num_envs={f'{below} or ' if below else ''}{above},"
      f" or algo.minibatches={' or '.join(map(str, near))}"
    )
  least = steps_per_iteration(cfg)
  if cfg.total_steps < least:
    raise UserError(
      f"total_steps={cfg.total_steps} is less than one iteration"
      f" (num_envs x algo.horizon = {least}): use at least {least}"
    )
  if cfg.total_steps > MOST_STEPS - least:  # the last iteration may run past it
    raise UserError(
      f"total_steps={cfg.total_steps} cannot be counted in 32 bits: use at most {MOST_STEPS - least}"
    )


def _check_brax(cfg: Config) -> None:
  algo = cfg.algo
  if algo.name == "brax_ppo" and algo.final_learning_rate != algo.learning_rate:
    raise UserError(
      f"algo.final_learning_rate={algo.final_learning_rate} has no meaning with algo=brax_ppo, whose rate stays"
      f" {algo.learning_rate}: drop it, or use algo=ppo"
    )


def _check_sweep(cfg: Config) -> None:
  if cfg.sweep.resume is not None:
    raise UserError("sweep.resume is for the command line of a sweep: python run.py -m ... sweep.resume=FOLDER")


def _check_command(cfg: Config) -> None:
  vx = cfg.env.command.vx
  if len(vx) != 2:
    raise UserError(f"env.command.vx={vx} needs two numbers: [lowest, highest]")
  if vx[0] > vx[1]:
    raise UserError(f"env.command.vx={vx} is not ordered: use [{vx[1]},{vx[0]}]")
  fastest = max(map(abs, vx))
  if cfg.env.command.slowest > fastest:
    raise UserError(
      f"env.command.slowest={cfg.env.command.slowest} is faster than every command of {vx}: use at most {fastest}"
    )


def _check_params(key: str, params: dict[str, float], known: dict[str, float | None]) -> None:
  """`known` maps a parameter to its default, None where conf/ has to give it."""
  for param, value in params.items():
    if param not in known:
      raise unknown_name(f"{key} parameter", param, known)
    if not math.isfinite(value):
      raise UserError(f"{key}.{param}={value} has to be a finite number")
  for param, default in known.items():
    if default is None and param not in params:
      raise UserError(f"{key} needs {param}: add {key}.{param}=...")


def _check_rewards(cfg: Config) -> None:
  terms = cfg.reward.terms
  if not any(params.get("weight") for params in terms.values()) and not (cfg.amp and cfg.amp.weight):
    raise UserError("reward.terms has no term with a weight above 0: choose one, for example reward=walk")
  for name, params in terms.items():
    if name not in REWARDS:
      raise unknown_name("reward term", name, REWARDS)
    key = f"reward.terms.{name}"
    _check_params(key, params, {"weight": None, **REWARDS[name]})
    if params["weight"] < 0:
      raise UserError(f"{key}.weight={params['weight']} has to be 0 or greater: a cost's code subtracts it")
    for param, value in params.items():
      if param != "weight" and value <= 0:
        raise UserError(f"{key}.{param}={value} has to be greater than 0")
    if name in CLOCKED and CLOCK not in policy_observations(cfg):
      raise UserError(f"{key} follows a clock the policy cannot see: add reward.observations=[{CLOCK}]")


def _check_observations(cfg: Config) -> None:
  lists = {
    "env.observations.policy": cfg.env.observations.policy,
    "env.observations.privileged": cfg.env.observations.privileged,
    "reward.observations": cfg.reward.observations,
  }
  for key, listed in lists.items():
    _check_names(key, listed, OBSERVATIONS, may_be_empty=key != "env.observations.policy")
  for name in cfg.env.observations.privileged:
    if name in policy_observations(cfg):
      raise UserError(f"env.observations.privileged names {name!r}, which the policy sees anyway: drop it there")


def _check_names(key: str, listed: list[str], known: Sequence[str], *, may_be_empty: bool = False) -> None:
  for i, name in enumerate(listed):
    if name not in known:
      raise unknown_name(f"{key} entry", name, known)
    if name in listed[:i]:
      raise UserError(f"{key} names {name!r} twice: keep one")
  if not listed and not may_be_empty:
    raise UserError(f"{key} is empty: name at least one of {', '.join(known)}")


def _check_terminations(cfg: Config) -> None:
  for name, params in cfg.env.terminations.items():
    if name not in TERMINATIONS:
      raise unknown_name("termination", name, TERMINATIONS)
    _check_params(f"env.terminations.{name}", params, TERMINATIONS[name])


def _check_amp(cfg: Config) -> None:
  speeds = clip_speeds(cfg.motion)
  if cfg.amp is None:
    return
  _check_discriminator(cfg.amp)
  low, high = cfg.env.command.vx
  if cfg.env.command.zero_share > 0 or low < cfg.env.command.slowest:
    low, high = min(low, 0.0), max(high, 0.0)
  if cfg.amp.uncovered == "refuse" and (speeds[0] > low + TOLERANCE or speeds[-1] < high - TOLERANCE):
    raise UserError(
      f"the clips cover {speeds[0]:.6g} to {speeds[-1]:.6g} m/s but commands go from {low} to {high} m/s, so style"
      f" would punish obeying: {how_to_widen(cfg.motion)}, narrow env.command.vx, or set amp.uncovered=clamp or gate"
    )


def _check_discriminator(amp: AmpConfig) -> None:
  if amp.replay_size < amp.batch_size:
    raise UserError(
      f"amp.replay_size={amp.replay_size} is smaller than amp.batch_size={amp.batch_size}:"
      f" use at least {amp.batch_size}"
    )
  rewards = AMP_LOSSES[amp.loss.name]
  if amp.loss.style_reward not in rewards:
    raise UserError(
      f"amp.loss.style_reward={amp.loss.style_reward} does not belong to amp/loss={amp.loss.name}:"
      f" use {' or '.join(rewards)}, or choose both with amp/loss=..."
    )
  _check_names("amp.features", amp.features, FEATURES)
  if amp.uncovered == "clamp" and amp.condition != "command":
    raise UserError("amp.uncovered=clamp changes the speed the discriminator is told: add amp.condition=command")
  if amp.freeze and amp.discriminator is None:
    raise UserError("amp.freeze=true never trains the discriminator: add amp.discriminator=<a ppo_amp run folder>")


def _check_source(cfg: Config) -> None:
  source = cfg.amp.discriminator if cfg.amp else None
  if source is not None and not (Path(source) / "checkpoints").is_dir():
    raise UserError(f"amp.discriminator={source} is not a run folder with checkpoints")


def _check_evaluation(cfg: Config) -> None:
  check_speeds(cfg)
  video = cfg.evaluation.video
  for key in ("width", "height"):
    pixels = getattr(video, key)
    if pixels % 2:
      raise UserError(f"evaluation.video.{key}={pixels} has to be even: use {pixels + 1}")
  rate = 1 / cfg.env.control_dt
  if video.fps > rate + TOLERANCE:
    most = int(rate + TOLERANCE)
    raise UserError(f"evaluation.video.fps={video.fps} is above the control rate: use at most {most}")


def _check_logger(cfg: Config) -> None:
  wandb = cfg.logger.wandb
  if wandb.mode != "disabled" and not wandb.project.strip():
    raise UserError("logger.wandb.project is empty: name one, logger.wandb.project=wildrobot_exp")


def _check_gates(cfg: Config) -> None:
  for name, bounds in cfg.gates.items():
    check_measured("gate", name, cfg)
    _check_params(f"gates.{name}", bounds, {"min": 0.0, "max": 0.0})
    if not bounds:
      raise UserError(f"gates.{name} has no bound: write gates.{name}={{min: ...}} or {{max: ...}}")
    if bounds.get("min", -math.inf) > bounds.get("max", math.inf):
      raise UserError(f"gates.{name}: min={bounds['min']} is above max={bounds['max']}: swap them")
