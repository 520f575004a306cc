"""Does it arrive? A long walk at one speed."""

from typing import Any

import jax
import numpy as np

from wildrobot_exp.envs.walk import WalkEnv
from wildrobot_exp.evaluation import summaries
from wildrobot_exp.evaluation.measures import distance_walked
from wildrobot_exp.evaluation.policies import Actor
from wildrobot_exp.evaluation.rollouts import Roller
from wildrobot_exp.evaluation.starts import make_start

PATIENCE = 1.25  # times the time it takes at the commanded speed
CHUNK = 500  # control steps simulated at a time


def long_walk(env: WalkEnv, act: Actor, params: Any, settings: Any, rng: jax.Array) -> dict[str, Any]:
  """Walk until the distance is covered, the robot falls, or 1.25 times the due time is over.

  The distance is the integral of the forward velocity in the heading frame: where to is not commanded.

  Args:
    env: an evaluation env.
    act, params: who acts.
    settings: distance_m, rollouts and speed (m/s), as in `evaluation.long_walk` of the config.
    rng: key for the actor's noise.
  """
  goal, speed = settings.distance_m, settings.speed
  steps = round(PATIENCE * goal / speed / env.dt)
  start = make_start(env, np.full(settings.rollouts, speed))
  walked = np.zeros(settings.rollouts)
  for record in Roller(env, act, min(CHUNK, steps)).chunks(params, start, steps, rng):
    walked += distance_walked(record)
    fell = ~record.alive[-1] & (walked < goal)
    if np.all(fell | (walked >= goal)):
      break
  completed = walked >= goal
  return {
    "distance_goal_m": goal,
    "speed": speed,
    "rollouts": settings.rollouts,
    "completed": int(completed.sum()),
    "completed_ci": summaries.rate("completed", completed)["completed_ci"],
    "fell": int(fell.sum()),
    "distance_mean_m": summaries.mean(np.minimum(walked, goal)),
  }
