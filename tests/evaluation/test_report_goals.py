"""Goals are judged by the numbers as given, or left open; the verdict never calls a shuffle walking."""

import pytest

from wildrobot_exp.evaluation.report.goals import judge, percent, verdict

GOOD = {
  "survival": 0.98,
  "vx_error": 0.05,
  "long_walk": {"distance_goal_m": 20.0, "rollouts": 20, "completed": 20},
  "gait": {"stride_frequency_hz": [1.5, 1.5], "swing_clearance_feet_m": [0.015, 0.018]},
  "commands": [{"vx": 0.0, "drift_m": 0.1, "torque_mean_nm": 2.99, "power_mean_w": 29.9}],
  "pushes": [
    {"force_n": 15.0, "direction": "lateral", "recovered": 0.0},
    {"force_n": 10.0, "direction": "forward", "recovered": 0.0},
    {"force_n": 10.0, "direction": "lateral", "recovered": 0.6},
  ],
  "worlds": [{"world": "slope +5 deg", "survival": 0.9}, {"world": "friction x 0.5", "survival": 1.0}],
}
STANDING = GOOD["commands"][0]


def results(reference_hz: float | None = 1.25, **changes) -> dict:
  return {goal.name: goal.met for goal in judge(GOOD | changes, reference_hz)}


def text(reference_hz: float | None = 1.25, **changes) -> str:
  return verdict(judge(GOOD | changes, reference_hz)).text


def test_every_goal_is_met_at_its_bound():
  assert set(results().values()) == {True}
  assert text() == "Walks"


@pytest.mark.parametrize(
  ("goal", "changes"),
  [
    ("Survival", {"survival": 0.979}),
    ("Speed error", {"vx_error": 0.051}),
    ("Long walk", {"long_walk": GOOD["long_walk"] | {"completed": 19}}),
    ("Stride frequency", {"gait": GOOD["gait"] | {"stride_frequency_hz": [4.0, 4.0]}}),
    ("Swing clearance", {"gait": GOOD["gait"] | {"swing_clearance_feet_m": [0.0149, 0.016]}}),
    ("Left / right difference", {"gait": GOOD["gait"] | {"swing_clearance_feet_m": [0.020, 0.025]}}),
    ("Left / right difference", {"gait": GOOD["gait"] | {"stride_frequency_hz": [1.2, 1.5]}}),
    ("Drift at command 0", {"commands": [STANDING | {"vx": 0.3, "drift_m": 0.0}, STANDING | {"drift_m": 0.11}]}),
    ("Joint torque", {"commands": [STANDING, STANDING | {"vx": 0.3, "torque_mean_nm": 3.0}]}),
    ("Power", {"commands": [STANDING, STANDING | {"vx": 0.3, "power_mean_w": 30.0}]}),
    ("Push recovery", {"pushes": [GOOD["pushes"][2] | {"recovered": 0.59}]}),
    ("Changed worlds", {"worlds": [{"world": "engine mjx", "survival": 0.89}, *GOOD["worlds"]]}),
  ],
)
def test_a_number_beyond_its_bound_misses_that_goal_only(goal, changes):
  assert [name for name, met in results(**changes).items() if met is False] == [goal]
  assert text(**changes) != "Walks"


def test_a_shuffle_is_named():
  gait = {"stride_frequency_hz": [4.1, 4.0], "swing_clearance_feet_m": [0.008, 0.008]}
  assert text(gait=gait) == "Moves as commanded, but misses: stride frequency, swing clearance"


def test_without_its_gait_a_robot_is_not_called_walking():
  assert "Walks" not in text(gait={})
  assert text(long_walk=None) == "Walks, as far as measured"


def test_a_robot_that_only_pushes_fell_walks_and_that_is_said():
  pushes = [GOOD["pushes"][2] | {"recovered": 0.44}]
  assert text(pushes=pushes) == "Walks, but is not robust: push recovery"
  assert text(pushes=pushes, long_walk=None) == "Walks, as far as measured, but is not robust: push recovery"
  assert text(pushes=pushes, vx_error=0.2) == "Stays up, but misses the commanded speed"
  assert text(pushes=None, worlds=None) == "Walks", "robustness that nobody measured takes nothing away"


def test_falling_and_ignoring_the_command_come_first():
  assert text(survival=0.4, gait={}) == "Falls"
  assert text(vx_error=0.2) == "Stays up, but misses the commanded speed"
  assert text(survival=None) == "Not evaluated"
  assert verdict(judge(None, None)).text == "Not evaluated"


def test_a_goal_that_needs_a_reference_stays_open_without_one():
  assert results(reference_hz=None)["Stride frequency"] is None


def test_one_clearance_for_both_feet_is_shown_but_not_judged():
  clearance = judge(GOOD | {"gait": {"swing_clearance_m": 0.03}}, 1.25)[4]
  assert (clearance.value, clearance.met) == ("30 mm", None)


def test_a_foot_that_never_swung_leaves_its_goal_open():
  assert results(gait=GOOD["gait"] | {"swing_clearance_feet_m": [None, 0.02]})["Swing clearance"] is None


def test_rounding_does_not_hide_a_fall():
  assert [percent(episodes / 64) for episodes in (64, 63, 62, 0)] == ["100%", "98.4%", "96.9%", "0%"]
