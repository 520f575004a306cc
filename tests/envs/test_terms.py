"""Terms are found by name; a wrong name or parameter is refused with the right one."""

import pytest

from wildrobot_exp.config import term_names as names
from wildrobot_exp.envs.observations import OBSERVATIONS
from wildrobot_exp.envs.rewards import REWARDS
from wildrobot_exp.envs.terminations import TERMINATIONS
from wildrobot_exp.errors import UserError


def test_an_unknown_term_is_refused_with_the_nearest_name():
  with pytest.raises(UserError, match="unknown reward term 'track_vxx': did you mean 'track_vx'"):
    REWARDS.bind("track_vxx", {})
  with pytest.raises(UserError, match="unknown termination 'fell': did you mean 'fallen'"):
    TERMINATIONS.bind("fell", {})
  with pytest.raises(UserError, match="unknown observation 'gyros': did you mean 'gyro'"):
    OBSERVATIONS["gyros"]


def test_an_unknown_parameter_is_refused_with_the_nearest_name():
  with pytest.raises(
    UserError, match="unknown parameter of reward term track_vx 'sgima': did you mean 'sigma'"
  ):
    REWARDS.bind("track_vx", {"sgima": 0.1})


def test_a_missing_parameter_is_named():
  with pytest.raises(UserError, match="termination fallen needs a value for min_height"):
    TERMINATIONS.bind("fallen", {})


def test_the_env_refuses_unknown_names_when_it_is_built(native, make_env):
  with pytest.raises(UserError, match="unknown reward term"):
    make_env(native, rewards={"walk_well": {"weight": 1.0}})
  with pytest.raises(UserError, match="unknown parameter of reward term alive 'sigma'"):
    make_env(native, rewards={"alive": {"weight": 1.0, "sigma": 1.0}})
  with pytest.raises(UserError, match="unknown observation 'joint_poses': did you mean 'joint_pos'"):
    make_env(native, observations=["joint_poses"])
  with pytest.raises(UserError, match="unknown termination"):
    make_env(native, terminations={"bored": {}})


def test_parameters_given_reach_the_term(context):
  strict, lax = (REWARDS.bind("track_vx", {"sigma": sigma}) for sigma in (0.1, 1.0))
  off = context(command=0.1)
  assert float(strict(off)) < 0.5 < float(lax(off))


def test_the_names_conf_is_checked_against_are_the_registered_ones():
  assert names.REWARDS["track_vx"] == {"sigma": None}
  assert names.REWARDS["gait_contact"] == {"duty": 0.6, "standing_below": 0.05}
  assert names.TERMINATIONS == {"fallen": {"min_height": None}, "tilted": {"max_tilt": None}}
  assert set(names.OBSERVATIONS) == set(OBSERVATIONS)
  assert set(names.REWARDS) == set(REWARDS)


def test_every_term_declares_whether_it_is_a_reward_or_a_cost():
  costs = {name for name in REWARDS if REWARDS[name].sign == -1.0}
  prizes = {name for name in REWARDS if REWARDS[name].sign == 1.0}
  assert costs | prizes == set(REWARDS)
  assert {"track_vx", "track_vy", "track_yaw_rate", "alive", "upright", "gait_contact"} == prizes
