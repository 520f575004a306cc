"""Does it arrive? A long walk at one speed."""

from typing import Any

import jax
import numpy as np

from wildrobot_exp.envs.walk import WalkEnv
from wildrobot_exp.evaluation import summaries
from wildrobot_exp.evaluation.measures import distance_walked
from wildrobot_exp.evaluation.policies import Actor
from wildrobot_exp.evaluation.rollouts import Roller
from wildrobot_exp.evaluation.stages import stage
from wildrobot_exp.evaluation.starts import make_start
from wildrobot_exp.interrupts import raise_held

PATIENCE = 1.25  # times the time it takes at the commanded speed
CHUNK = 500  # control steps simulated at a time


def walk_roller(env: WalkEnv, act: Actor, settings: Any) -> Roller:
  """What `long_walk` needs: an evaluation env, who acts, and `evaluation.long_walk` of the config."""
  return Roller(env, act, min(CHUNK, _steps(env, settings)))


def _steps(env: WalkEnv, settings: Any) -> int:
  return round(PATIENCE * settings.distance_m / settings.speed / env.dt)


def long_walk(roller: Roller, params: Any, settings: Any, rng: jax.Array) -> dict[str, Any]:
  """Walk until the distance is covered, the robot falls, or 1.25 times the due time is over.

  The distance is the integral of the forward velocity in the heading frame: where to is not commanded.

  Args:
    roller: from `walk_roller`.
    params: of its actor.
    settings: distance_m, rollouts and speed (m/s), as in `evaluation.long_walk` of the config.
    rng: key for the actor's noise.
  """
  goal, speed = settings.distance_m, settings.speed
  stage(f"measuring {settings.rollouts} walks of {goal:g} m")
  steps = _steps(roller.env, settings)
  start = make_start(roller.env, np.full(settings.rollouts, speed))
  walked = np.zeros(settings.rollouts)
  for record in roller.chunks(params, start, steps, rng):
    raise_held()
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
