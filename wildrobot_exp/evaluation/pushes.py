"""Does it recover? Pushes from the side and from behind while it walks."""

from typing import Any

import jax
import numpy as np

from wildrobot_exp.envs.walk import WalkEnv
from wildrobot_exp.evaluation import summaries
from wildrobot_exp.evaluation.measures import survived
from wildrobot_exp.evaluation.policies import Actor
from wildrobot_exp.evaluation.rollouts import Roller
from wildrobot_exp.evaluation.stages import stage
from wildrobot_exp.evaluation.starts import SEED, join, make_start

DIRECTIONS = ("lateral", "forward")
FORCES = (5.0, 10.0, 15.0)  # N
PUSH_SECONDS = 0.2
TRIALS = 100  # of each force in each direction
WALK_SECONDS = 2.0  # before the earliest push
RECOVER_SECONDS = 3.0  # the robot has to stay up at least this long after the latest


def push_roller(env: WalkEnv, act: Actor) -> Roller:
  """What `push_recovery` needs: an evaluation env, and who acts."""
  return Roller(env, act, len(push_forces(env.dt, env.gait_period, 1)))


def push_recovery(
  roller: Roller, params: Any, speed: float, rng: jax.Array, *, trials: int = TRIALS
) -> list[dict[str, Any]]:
  """Push the chassis at random moments of a gait cycle: to the left and right in turn, and forward.

  Moments and starts are the same for every force and direction.
  `recovered` is the share of all trials still up at the end: a robot that falls before its push is lost too.

  Args:
    roller: from `push_roller`.
    params: of its actor.
    speed: commanded, m/s.
    rng: key for the actor's noise.
    trials: of each force in each direction.
  """
  stage(f"measuring pushes of {', '.join(f'{newton:g}' for newton in FORCES)} N, {trials} of each in each direction")
  env = roller.env
  force = push_forces(env.dt, env.gait_period, trials)
  start = make_start(env, np.full(trials, speed))
  start = join(*[start] * (len(DIRECTIONS) * len(FORCES)))
  up = survived(roller.roll(params, start, len(force), rng, force))
  rows = []
  for direction in DIRECTIONS:
    for newton in FORCES:
      trial, up = np.split(up, [trials])
      row = {"force_n": newton, "seconds": PUSH_SECONDS, "direction": direction, "trials": trials}
      rows.append(row | summaries.rate("recovered", trial))
  return rows


def push_forces(dt: float, cycle: float, trials: int) -> np.ndarray:
  """[T, directions x forces x trials, 3] N in the heading frame, in the order of the rows of `push_recovery`.

  Args:
    dt: seconds per control step.
    cycle: s, the moments are drawn from one of these.
    trials: of each force in each direction.
  """
  duration = round(PUSH_SECONDS / dt)
  moments = WALK_SECONDS + np.random.default_rng(SEED).uniform(0.0, cycle, trials)
  first = np.round(moments / dt).astype(int)
  step = np.arange(round((WALK_SECONDS + cycle + RECOVER_SECONDS) / dt) + duration)[:, None]
  on = (step >= first) & (step < first + duration)
  sides = np.where(np.arange(trials) % 2 == 0, 1.0, -1.0)
  lateral, forward = np.zeros((2, *on.shape, 3), np.float32)
  lateral[..., 1] = on * sides
  forward[..., 0] = on
  return np.concatenate([newton * unit for unit in (lateral, forward) for newton in FORCES], axis=1)
