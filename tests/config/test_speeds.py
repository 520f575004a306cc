"""Trained speeds: the grid of an evaluation, the nearest one, and configs that would measure others."""

import pytest

from wildrobot_exp.config.compose import load
from wildrobot_exp.config.speeds import trained_speeds
from wildrobot_exp.errors import UserError


def test_the_default_grid_is_the_one_that_all_results_were_measured_with():
  command = load(["algo=ppo"]).env.command
  grid = trained_speeds(command.vx, command.zero_share, command.slowest).grid()
  assert grid == [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]


def test_the_nearest_trained_speed():
  speeds = trained_speeds([0.1, 0.3], 0.1, 0.05)
  assert [speeds.nearest(x) for x in (-1.0, 0.0, 0.04, 0.06, 0.2, 0.9)] == [0.0, 0.0, 0.0, 0.1, 0.2, 0.3]
  assert str(speeds) == "0 and 0.1 to 0.3 m/s"
  assert speeds.instead(0.2) is None
  assert speeds.instead(0.9) == "trained for 0 and 0.1 to 0.3 m/s; begins with 0.3"
  backward = trained_speeds([-0.3, 0.3], 0.0, 0.05)
  assert [backward.nearest(x) for x in (-0.2, -0.04, 0.02, 0.15 + 1e-12)] == [-0.2, -0.05, 0.0, 0.15]
  assert str(backward) == "-0.3 to -0.05 and 0 and 0.05 to 0.3 m/s"


@pytest.mark.parametrize(
  ("typed", "said"),
  [
    ("env.command.vx=[0.0,0.2]", ["evaluation.long_walk.speed=0.25", "env.command.vx=[0.0, 0.2]", "speed=0.2"]),
    ("env.command.vx=[0.3,0.4] evaluation.pushes.enabled=false", ["use evaluation.long_walk.speed=0.3"]),
    ("evaluation.long_walk.speed=0.01", ["use evaluation.long_walk.speed=0.05"]),
    ("evaluation.long_walk.speed=0.6 evaluation.long_walk.enabled=false", ["also of the pushes", "speed=0.3"]),
    ("env.command.vx=[-0.3,-0.1]", ["pushes.enabled=false"]),
    ("evaluation.episodes=6", ["evaluation.episodes=6", "7 speeds", "use at least 7"]),
    ("env.command.vx=[0.1,0.4] evaluation.episodes=7", ["8 speeds", "env.command.vx=[0.1, 0.4]"]),
  ],
)
def test_an_evaluation_of_what_is_never_trained_is_refused_in_one_line(typed: str, said: list[str]):
  with pytest.raises(UserError) as refusal:
    load(["algo=ppo", *typed.split()], probe=False)
  assert all(words in str(refusal.value) for words in said) and "\n" not in str(refusal.value)


@pytest.mark.parametrize(
  "typed",
  [
    "env.command.vx=[0.0,0.2] evaluation.long_walk.speed=0.2",
    "env.command.vx=[0.0,0.2] evaluation.long_walk.enabled=false evaluation.pushes.enabled=false",
    "experiment=style_only evaluation.episodes=1",
    "experiment=faster",
    "experiment=verify",
  ],
)
def test_what_is_trained_may_be_measured(typed: str):
  assert load(typed.split(), probe=False).evaluation.episodes >= 1
