"""What the evaluation tests share: the robot, and the default config with a short evaluation."""

import pytest

from wildrobot_exp.config.compose import load
from wildrobot_exp.robots import load_robot

SHORT = (
  "algo=ppo",
  "evaluation.episodes=7",
  "evaluation.episode_seconds=3.0",
  "evaluation.long_walk.distance_m=0.1",
  "evaluation.long_walk.speed=0.25",
  "evaluation.long_walk.rollouts=2",
)


@pytest.fixture(scope="session")
def robot():
  return load_robot()


@pytest.fixture(scope="session")
def small_cfg():
  return load(SHORT)
