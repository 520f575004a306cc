"""Ranges of the parameters of terms and terminations, by their key."""

import pytest

from wildrobot_exp.config.compose import load
from wildrobot_exp.config.ranges import allowed, home_height
from wildrobot_exp.errors import UserError


def test_the_home_height_is_the_model_s(robot):
  assert home_height() == pytest.approx(robot.home_qpos[2])


@pytest.mark.parametrize(
  ("typed", "said"),
  [
    ("reward=walk_shaped ++reward.terms.swing_clearance.duty=1", "duty=1.0 has to be in (0, 1)"),
    ("reward=walk_shaped reward.terms.gait_contact.duty=1.2", "duty=1.2 has to be in (0, 1)"),
    ("env.terminations.fallen.min_height=3", "min_height=3.0 has to be 0 or greater and below the base of the home"),
    ("env.terminations.fallen.min_height=-1", "min_height=-1.0 has to be 0 or greater"),
    ("env.terminations.tilted.max_tilt=0", "max_tilt=0.0 has to be greater than 0"),
    ("env.terminations.tilted.max_tilt=4", "at most 3.14 rad"),
    ("env.terminations.tilted.max_tilt=nan", "max_tilt=nan has to be"),
  ],
)
def test_a_parameter_that_breaks_its_term_is_refused_in_one_line(typed: str, said: str):
  with pytest.raises(UserError) as refusal:
    load(["algo=ppo", *typed.split()], probe=False)
  assert said in str(refusal.value) and "\n" not in str(refusal.value)


def test_the_range_is_part_of_the_explanation_and_a_term_that_is_not_chosen_has_none_to_keep():
  assert allowed("env.terminations.fallen.min_height") == "0 or greater, below 0.4864"
  assert load(["algo=ppo", "~env.terminations.fallen"], probe=False).env.terminations.keys() == {"tilted"}
