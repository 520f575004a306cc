"""What standing still pays is said before training, and is a warning where it pays as much as walking."""

import pytest

from wildrobot_exp.building import build
from wildrobot_exp.config.compose import load
from wildrobot_exp.envs.standing import standing_line, standing_reward


def env(*overrides: str):
  return build(load(["algo=ppo", "env.reset.bank_size=8", "motion.speeds=[0.0,0.3]", *overrides])).env


def test_standing_still_loses_the_speed_s_term_and_nothing_else():
  walk = env()
  lost = standing_reward(walk, 0.0) - standing_reward(walk, 0.3)
  assert lost == pytest.approx(1.0, abs=1e-3)  # the weight of track_vx; exp(-36) of it is left
  assert standing_line(walk).startswith("standing still at a command of 0.3 m/s pays ")


def test_a_task_that_pays_standing_as_well_is_a_warning():
  assert standing_line(env("reward.terms.track_vx.sigma=2.0")).startswith("warning: standing still")
