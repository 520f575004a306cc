"""Throughput against peers in the same run: the engine alone, our updates, and Brax's trainer.

All of them step the same robot in the same env with the same networks and batch shape. Machines are noisy:
the ratios are what to quote.
"""

# isort: off
from wildrobot_exp.physics import quiet_mjx as _quiet_mjx  # noqa: F401  before Brax imports mujoco.mjx, aloud

# isort: on
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from wildrobot_exp.building import Experiment, build, make_update
from wildrobot_exp.children import run_child
from wildrobot_exp.config.compose import load
from wildrobot_exp.config.devices import mjx_cpu_flags
from wildrobot_exp.envs.walk import WalkEnv
from wildrobot_exp.errors import RunFailed
from wildrobot_exp.interrupts import raise_held
from wildrobot_exp.learning.brax_ppo import train_with_brax
from wildrobot_exp.learning.hyperparameters import make_hyperparameters
from wildrobot_exp.learning.trainer import CompiledUpdate
from wildrobot_exp.versions import machine_facts, package_versions

BRAX_PATIENCE_S = 900
ROUNDS = 3  # the peers take turns this often; medians are reported
Say = Callable[[str], None]


def bench(num_envs: int, *, seconds: float, with_mjx: bool, say: Say) -> dict[str, Any]:
  """Measure and return a table of env steps per second (control steps of one robot).

  Args:
    num_envs: robots side by side.
    seconds: about how long each measurement runs.
    with_mjx: also measure Brax's trainer on MJX, which compiles for a minute.
    say: told what is measured.
  """
  rates: dict[str, list[float]] = {}
  compile_s: dict[str, float] = {}
  common = [f"num_envs={num_envs}"]
  cases = {
    "engine_steps_per_s": lambda: _engine(build(load([*common, "algo=ppo"])), num_envs),
    "ppo_steps_per_s": lambda: _update([*common, "algo=ppo"]),
    "train_steps_per_s": lambda: _update([*common, "algo=ppo_amp"]),
  }
  timed = {}
  for name, prepare in cases.items():
    raise_held()
    say(f"compiling {name}")
    started = time.monotonic()
    timed[name] = prepare()
    compile_s[name] = time.monotonic() - started
  for turn in range(ROUNDS):
    for name, (run, steps) in timed.items():
      raise_held()
      say(f"round {turn + 1} of {ROUNDS}: {name}")
      rates.setdefault(name, []).append(_rate(run, steps, seconds))
  for engine in ["native", *(["mjx"] if with_mjx else [])]:
    say(f"Brax's ppo.train on {engine}")
    rates[f"brax_{engine}_steps_per_s"], compile_s[f"brax_{engine}"] = _brax(common, engine, seconds)
  result: dict[str, Any] = {name: sorted(values)[len(values) // 2] for name, values in rates.items()}
  ratios = {
    "train_over_engine": result["train_steps_per_s"] / result["engine_steps_per_s"],
    "ppo_over_engine": result["ppo_steps_per_s"] / result["engine_steps_per_s"],
    "amp_time_over_ppo_time": result["ppo_steps_per_s"] / result["train_steps_per_s"],
    "train_over_brax_native": result["train_steps_per_s"] / result["brax_native_steps_per_s"],
  }
  if with_mjx:
    ratios["train_over_brax_mjx"] = result["train_steps_per_s"] / result["brax_mjx_steps_per_s"]
  return {
    "schema": 1,
    "num_envs": num_envs,
    **result,
    "ratios": ratios,
    "all_rates": rates,
    "first_call_s": compile_s,
    "machine": machine_facts(),
    "versions": package_versions(),
  }


def _rate(run: Callable[[], None], steps: int, seconds: float) -> float:
  started, calls = time.monotonic(), 0
  while (elapsed := time.monotonic() - started) < seconds:
    run()
    calls += 1
  return calls * steps / elapsed


def _engine(experiment: Experiment, num_envs: int, length: int = 20) -> tuple[Callable[[], None], int]:
  """Physics alone inside jit and scan, with servo targets that move at random around the home pose."""
  env: WalkEnv = experiment.env
  home = jnp.asarray(env.robot.home_ctrl, jnp.float32)
  states = jax.vmap(env.reset)(jax.random.split(jax.random.PRNGKey(0), num_envs)).pipeline_state
  still = jnp.zeros((num_envs, 3))

  @jax.jit
  def roll(key: jax.Array) -> jax.Array:
    def step(state: Any, key: jax.Array) -> tuple[Any, None]:
      targets = home + 0.1 * jax.random.normal(key, (num_envs, env.action_size))
      return jax.vmap(env.physics.step)(state, targets, still), None

    return jax.lax.scan(step, states, jax.random.split(key, length))[0].qpos

  def run() -> None:
    jax.block_until_ready(roll(jax.random.PRNGKey(1)))

  run()
  return run, num_envs * length


def _update(overrides: list[str]) -> tuple[Callable[[], None], int]:
  """Whole updates, as in training."""
  cfg = load(overrides)
  experiment = build(cfg)
  update, hp = make_update(cfg, experiment), make_hyperparameters(cfg, experiment.env)
  held = [update.init(jax.random.PRNGKey(0))]
  step = CompiledUpdate(update, held[0], hp)

  def run() -> None:
    held[0], metrics = step(held[0], hp)
    jax.block_until_ready(metrics)

  run()
  return run, update.steps_per_update


def _brax(common: list[str], engine: str, seconds: float) -> tuple[list[float], float]:
  """Brax's own count of training steps per second after its first epoch, and the time until then.

  In a process of its own: the peers share no compiled programs, threads or memory.
  """
  code = f"from wildrobot_exp.bench import brax_rates; brax_rates({common!r}, {engine!r}, {seconds!r})"
  try:
    environment = os.environ | ({"XLA_FLAGS": mjx_cpu_flags()} if engine == "mjx" else {})
    command = [sys.executable, "-c", code]
    done = run_child(command, environment=environment, patience_s=BRAX_PATIENCE_S, between=raise_held)
  except subprocess.TimeoutExpired as error:
    raise RunFailed(f"Brax's ppo.train on {engine} did not end within {BRAX_PATIENCE_S} s") from error
  if done.returncode:
    raise RunFailed(f"Brax's ppo.train on {engine} failed: {done.stderr.strip().splitlines()[-1]}")
  found = json.loads(done.stdout.splitlines()[-1])
  return found["rates"], found["first_epoch_s"]


def brax_rates(common: list[str], engine: str, seconds: float) -> None:
  """Measure `_brax` here and print it as JSON."""
  guess = 2000 if engine == "mjx" else 10000  # env steps/s, to choose a length
  overrides = [*common, "algo=brax_ppo", f"physics={engine}"]
  cfg = load(overrides)
  size = cfg.num_envs * cfg.algo.horizon
  epoch = max(1, round(guess * seconds / size)) * size
  cfg = load([*overrides, f"total_steps={epoch * (ROUNDS + 1)}"])
  rates: list[float] = []
  marks: list[float] = []

  def progress(step: int, metrics: dict[str, Any]) -> None:
    marks.append(time.monotonic())
    if "training/sps" in metrics:
      rates.append(float(metrics["training/sps"]))

  started = time.monotonic()
  train_with_brax(cfg, build(cfg).env, progress, evaluations=ROUNDS + 2, evaluation_envs=8)
  print(json.dumps({"rates": rates[1:], "first_epoch_s": marks[1] - started}))
