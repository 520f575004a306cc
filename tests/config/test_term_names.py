"""The names read from the source are those of the real registries."""

from wildrobot_exp.config import term_names
from wildrobot_exp.envs.observations import OBSERVATIONS
from wildrobot_exp.envs.rewards import REWARDS
from wildrobot_exp.envs.terminations import TERMINATIONS
from wildrobot_exp.motions.features import FIELDS


def test_names_and_parameters_match_the_registries():
  assert term_names.REWARDS == {name: REWARDS.parameters(name) for name in REWARDS}
  assert term_names.TERMINATIONS == {name: TERMINATIONS.parameters(name) for name in TERMINATIONS}
  assert set(term_names.OBSERVATIONS) == set(OBSERVATIONS)


def test_feature_names_are_those_of_the_table():
  assert term_names.FEATURES == tuple(FIELDS)


def test_terms_that_follow_the_gait_clock_are_known():
  assert {"gait_contact", "swing_clearance"} <= term_names.CLOCKED
  assert "track_vx" not in term_names.CLOCKED
