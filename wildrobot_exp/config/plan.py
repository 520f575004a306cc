"""The plan: what will be computed, in numbers, on one screen before anything is compiled."""

import os
from pathlib import Path

from wildrobot_exp import cpus
from wildrobot_exp.compilation_cache import cache_folder
from wildrobot_exp.config.derived import iterations, steps_per_iteration, substeps
from wildrobot_exp.config.memory import machine_memory, memory_parts
from wildrobot_exp.config.schema import Config
from wildrobot_exp.config.sizes import parameters
from wildrobot_exp.config.throughput import measured_speed

NOT_BRAX = (  # keys of our loop, which algo=brax_ppo does not run
  "logger.every",
  "checkpoints.every_steps",
  "checkpoints.rollback_after",
  "evaluation.during_training.enabled",
)


def plan(cfg: Config, folder: str) -> str:
  """Several lines of text. `folder` is where the run goes; nothing is written."""
  per_iteration, done = steps_per_iteration(cfg), _done(cfg)
  count = iterations(cfg, done)
  algo = cfg.algo
  robots = cfg.num_envs // algo.minibatches
  hidden = {"policy": algo.policy_hidden, "value": algo.value_hidden}
  if cfg.amp is not None:
    hidden["discriminator"] = cfg.amp.hidden
  networks = ", ".join(
    f"{name} {list(hidden[name])} = {number:,}" for name, number in parameters(cfg).items()
  )
  lines = [
    f"plan: algo={algo.name} env={cfg.env.name} hardware={cfg.hardware.name} seed={cfg.seed}",
    f"  data: {cfg.num_envs} robots x {algo.horizon} steps x {count} iterations"
    f" = {per_iteration * count} env steps (total_steps={cfg.total_steps}{f', {done} are made' if done else ''})",
    f"  update: {per_iteration} steps / {algo.minibatches} minibatches = {robots} trajectories of"
    f" {algo.horizon} = {robots * algo.horizon} steps; x {algo.epochs} epochs"
    f" = {algo.minibatches * algo.epochs} policy steps per iteration",
    f"  engine: {cfg.physics}, {substeps(cfg)} x {cfg.env.timestep} s per control step",
    f"  parameters: {networks}; {algo.activation}",
  ]
  if cfg.amp is not None:
    lines.append(
      f"  amp: weight {cfg.amp.weight}, {cfg.amp.updates} discriminator steps of"
      f" {cfg.amp.batch_size} + {cfg.amp.batch_size} transitions per iteration"
    )
  if algo.name == "brax_ppo":
    lines.append(f"  brax: its own loop has no use for {', '.join(NOT_BRAX)}")
  lines += [
    f"  memory: {_memory(cfg)}",
    f"  devices: JAX on {cfg.hardware.platform}, {len(cpus.available())} CPUs",
    f"  time: {_time(cfg, folder, per_iteration * count)}",
    f"  compilation cache: {_cache(cache_folder())}",
    f"  run folder{' (not created)' if cfg.dry_run else ''}: {folder}",
  ]
  return "\n".join(lines)


def _memory(cfg: Config) -> str:
  parts = memory_parts(cfg)
  shown = ", ".join(f"{name} {size / 1e6:.1f}" for name, size in parts.items())
  there = f", of {machine_memory() / 1e9:.1f} GB here" if cfg.hardware.platform == "cpu" else ""
  return f"at least {sum(parts.values()) / 1e6:.0f} MB{there}, beside programs and temporaries ({shown})"


def _done(cfg: Config) -> int:
  """Env steps that the run to resume has made, by its last checkpoint."""
  if cfg.resume is None:
    return 0
  names = [path.name for path in (Path(cfg.resume) / "checkpoints").glob("[0-9]*")]
  return max((int(name) for name in names if name.isdecimal()), default=0)


def _time(cfg: Config, folder: str, steps: int) -> str:
  known = measured_speed(cfg, folder)
  if known is None:
    return "unknown: no equal run on this machine is beside this one"
  speed, run = known
  minutes = steps / speed / 60
  return f"about {minutes:.1f} min of training, at the {speed:,.0f} env steps/s of {run}; evaluation comes after"


def _cache(folder: Path) -> str:
  try:
    programs = sum(name.endswith("-cache") for name in os.listdir(folder))
  except OSError:
    programs = 0
  return f"{folder}, {f'{programs} compiled programs' if programs else 'empty: everything is compiled first'}"
