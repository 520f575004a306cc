"""The fixed setting of an evaluation: its env, its start states and its commands."""

from typing import Any

import jax
import numpy as np

from wildrobot_exp.envs.resets import make_start_bank
from wildrobot_exp.envs.walk import WalkEnv, make_walk_env
from wildrobot_exp.evaluation.policies import DETERMINISTIC
from wildrobot_exp.evaluation.rollouts import Start
from wildrobot_exp.physics import Physics, make_physics
from wildrobot_exp.robots import load_robot

SEED = 20_240_229  # of every evaluation, whatever the run's seed: results of two runs compare
SELECTION_SEED = SEED + 1  # of the evaluations that pick a checkpoint: it is not judged on what it was picked by


def make_evaluation_env(
  cfg: Any,
  *,
  states: int,
  timestep: float | None = None,
  metered: bool = False,
  physics: Physics | None = None,
  seed: int = SEED,
) -> WalkEnv:
  """The config's env with commands that never change and a bank of `states` fixed start states.

  Args:
    cfg: the run's config.
    states: size of the bank.
    timestep: s per physics step, in place of the config's.
    metered: its states tell what the servos did in every physics step.
    physics: engine and robot, in place of the config's; its robot has its own timestep.
    seed: of the start states.
  """
  if physics is None:
    robot = load_robot(cfg.env.control_dt, cfg.env.timestep if timestep is None else timestep)
    physics = make_physics(cfg.physics, robot, metered=metered)
  reset = cfg.env.reset
  bank = make_start_bank(physics.robot, states, reset.joint_noise, reset.velocity_noise, seed)
  return make_walk_env(cfg, physics, command_seconds=float("inf"), bank=bank)


def make_start(env: WalkEnv, commands: np.ndarray, mode: int = DETERMINISTIC, seed: int = SEED) -> Start:
  """Episodes from the bank's states in turn, with commands [N] and gait phases spread over the cycle."""
  count = len(commands)
  index = np.arange(count) % len(env.bank.command)
  return Start(
    states=jax.tree.map(lambda x: x[index], env.bank.states),
    commands=np.asarray(commands, np.float32),
    phases=np.random.default_rng(seed).uniform(size=count),
    modes=np.full(count, mode),
  )


def spread_commands(env: WalkEnv, count: int) -> np.ndarray:
  """[count] commands that go round the speeds of an evaluation, m/s; of too few, evenly spread, the fastest is one."""
  grid = np.array(env.speeds.grid())
  if count < len(grid):
    grid = grid[np.linspace(len(grid) - 1, 0, count).round().astype(int)[::-1]]
  return np.resize(grid, count)


def join(*starts: Start) -> Start:
  """All episodes of several starts in one batch."""
  return Start(
    states=jax.tree.map(lambda *x: np.concatenate(x), *(start.states for start in starts)),
    commands=np.concatenate([start.commands for start in starts]),
    phases=np.concatenate([start.phases for start in starts]),
    modes=np.concatenate([start.modes for start in starts]),
  )
