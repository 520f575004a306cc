"""Does it recover? Sideways pushes while it walks."""

from typing import Any

import jax
import numpy as np

from wildrobot_exp.envs.walk import WalkEnv
from wildrobot_exp.evaluation import summaries
from wildrobot_exp.evaluation.measures import survived
from wildrobot_exp.evaluation.policies import Actor
from wildrobot_exp.evaluation.rollouts import Roller
from wildrobot_exp.evaluation.starts import make_start

FORCES = (5.0, 10.0, 15.0)  # N
PUSH_SECONDS = 0.2
TRIALS = 100  # of each force
WALK_SECONDS = 2.0  # before the earliest push
RECOVER_SECONDS = 3.0  # the robot has to stay up at least this long after the latest


def push_recovery(
  env: WalkEnv, act: Actor, params: Any, speed: float, rng: jax.Array, *, trials: int = TRIALS
) -> list[dict[str, Any]]:
  """Push the chassis left and right in turn, at moments spread over one gait cycle.

  `recovered` is the share of all trials still up at the end: a robot that falls before its push is lost too.

  Args:
    env: an evaluation env.
    act, params: who acts.
    speed: commanded, m/s.
    rng: key for the actor's noise.
    trials: of each force.
  """
  duration = round(PUSH_SECONDS / env.dt)
  moments = WALK_SECONDS + np.arange(trials) / trials * env.gait_period
  first = np.round(moments / env.dt).astype(int)
  steps = int(first[-1]) + duration + round(RECOVER_SECONDS / env.dt)
  sides = np.where(np.arange(trials) % 2 == 0, 1.0, -1.0)
  on = (np.arange(steps)[:, None] >= first) & (np.arange(steps)[:, None] < first + duration)
  unit = np.zeros((steps, trials, 3), np.float32)
  unit[..., 1] = on * sides
  force = np.concatenate([unit * newton for newton in FORCES], axis=1)

  start = make_start(env, np.full(trials * len(FORCES), speed))
  up = survived(Roller(env, act, steps).roll(params, start, steps, rng, force))
  return [
    {"force_n": newton, "seconds": PUSH_SECONDS, "direction": "lateral", "trials": trials}
    | summaries.rate("recovered", up[i * trials : (i + 1) * trials])
    for i, newton in enumerate(FORCES)
  ]
