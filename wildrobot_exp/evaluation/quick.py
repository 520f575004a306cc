"""A short evaluation during training: one number to pick the best checkpoint by, from starts of its own."""

from typing import Any

import jax
import numpy as np

from wildrobot_exp.evaluation import measures as m
from wildrobot_exp.evaluation.policies import Actor
from wildrobot_exp.evaluation.rollouts import Roller
from wildrobot_exp.evaluation.starts import SELECTION_SEED, make_evaluation_env, make_start, spread_commands

SECONDS = 5.0  # of each episode
EPISODES_IN_A_ROW = 4
LEAST_STANDING_ERROR = 0.05  # m/s


def score(survival: float, vx_error: float, standing_error: float) -> float:
  """survival^4 (1 + tracking) / 2 in [0, 1], tracking = 1 - vx_error / standing_error, not below 0.

  survival^4 is the chance of four such episodes in a row without a fall, so a few more falls outweigh better
  tracking; a robot that only stands survives and scores 0.5.

  Args:
    survival: share of episodes without a fall.
    vx_error: m/s; NaN if nothing could be measured, which is no tracking.
    standing_error: what standing still would get as vx_error, m/s.
  """
  scale = max(standing_error, LEAST_STANDING_ERROR)
  tracking = 0.0 if np.isnan(vx_error) else max(1.0 - vx_error / scale, 0.0)
  return survival**EPISODES_IN_A_ROW * (1.0 + tracking) / 2.0


class QuickEvaluation:
  """Compiled at its first call and reused: the parameters are an argument.

  Args:
    cfg: the run's config.
    act: who acts, from `policies.make_actor`.
    episodes: robots, side by side.
    seconds: of each episode.
  """

  def __init__(self, cfg: Any, act: Actor, episodes: int, seconds: float = SECONDS):
    env = make_evaluation_env(cfg, states=episodes, seed=SELECTION_SEED)
    self._cycle = env.gait_period
    self._steps = round(seconds / env.dt)
    self._start = make_start(env, spread_commands(env, episodes), seed=SELECTION_SEED)
    self._roller = Roller(env, act, self._steps)

  def __call__(self, params: Any) -> dict[str, float]:
    """survival, vx_error (m/s, NaN if every robot fell at once) and score of the deterministic policy."""
    record = self._roller.roll(params, self._start, self._steps, jax.random.PRNGKey(SELECTION_SEED))
    survival = float(m.survived(record).mean())
    errors = m.vx_error(record, self._cycle)
    errors = errors[np.isfinite(errors)]
    vx_error = float(errors.mean()) if len(errors) else float("nan")
    standing_error = float(np.abs(record.commands).mean())
    return {"survival": survival, "vx_error": vx_error, "score": score(survival, vx_error, standing_error)}
