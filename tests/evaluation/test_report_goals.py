"""Goals are judged by the numbers as given, or left open; the verdict never calls a shuffle walking."""

import pytest

from wildrobot_exp.evaluation.report.goals import judge, verdict
from wildrobot_exp.evaluation.report.words import percent

GOOD = {
  "survival": 0.98,
  "vx_error": 0.05,
  "long_walk": {"distance_goal_m": 50.0, "rollouts": 20, "completed": 20},
  "gait": {"stride_frequency_hz": [1.5, 1.5], "swing_clearance_feet_m": [0.015, 0.018]},
  "commands": [
    {"vx": vx, "survival": 0.98, "vx_error": 0.05, "torque_mean_nm": 2.99, "power_mean_w": 29.9} for vx in (0.0, 0.8)
  ],
  "pushes": [
    {"force_n": 15.0, "direction": "lateral", "recovered": 0.0},
    {"force_n": 10.0, "direction": "forward", "recovered": 0.0},
    {"force_n": 10.0, "direction": "lateral", "recovered": 0.6},
  ],
  "worlds": [
    {"world": "slope +5 deg", "survival": 0.9},
    {"world": "friction x 0.5", "survival": 1.0},
    {"world": "engine mjx", "physics": "mjx", "survival": 0.93},
  ],
}
GOOD["commands"][0]["drift_m"] = 0.1
STANDING, FASTEST = GOOD["commands"]
EXPORT = {"parity": {"max_abs_error": 9e-6}, "latency": {"median_ms": 0.9}, "closed_loop": {"passed": True}}


def results(reference_hz: float | None = 1.25, export: dict = EXPORT, **changes) -> dict:
  return {goal.name: goal.met for goal in judge(GOOD | changes, reference_hz, export)}


def text(reference_hz: float | None = 1.25, export: dict = EXPORT, **changes) -> str:
  return verdict(judge(GOOD | changes, reference_hz, export)).text


def slower(**changes) -> dict:
  """Both speeds, the faster one with these numbers."""
  return {"commands": [STANDING, FASTEST | changes]}


def test_every_goal_is_met_at_its_bound():
  assert set(results().values()) == {True}
  assert text() == "Walks"


@pytest.mark.parametrize(
  ("goal", "changes"),
  [
    ("Survival", {"survival": 0.979}),
    ("Long walk", {"long_walk": {"distance_goal_m": 20.0, "rollouts": 20, "completed": 19}}),
    ("Top speed", slower(vx=0.79)),
    ("Top speed", slower(survival=0.97)),
    ("Other engine", {"worlds": [GOOD["worlds"][2] | {"survival": 0.92}]}),
    ("Long walk", {"long_walk": GOOD["long_walk"] | {"completed": 19}}),
    ("Stride frequency", {"gait": GOOD["gait"] | {"stride_frequency_hz": [4.0, 4.0]}}),
    ("Swing clearance", {"gait": GOOD["gait"] | {"swing_clearance_feet_m": [0.0149, 0.016]}}),
    ("Left / right difference", {"gait": GOOD["gait"] | {"swing_clearance_feet_m": [0.020, 0.025]}}),
    ("Left / right difference", {"gait": GOOD["gait"] | {"stride_frequency_hz": [1.2, 1.5]}}),
    ("Drift at command 0", {"commands": [FASTEST | {"drift_m": 0.0}, STANDING | {"drift_m": 0.11}]}),
    ("Joint torque", slower(torque_mean_nm=3.0)),
    ("Power", slower(power_mean_w=30.0)),
    ("Push recovery", {"pushes": [GOOD["pushes"][2] | {"recovered": 0.59}]}),
    ("Changed worlds", {"worlds": [{"world": "trunk mass x 0.8", "survival": 0.89}, *GOOD["worlds"]]}),
  ],
)
def test_a_number_beyond_its_bound_misses_that_goal_only(goal, changes):
  assert [name for name, met in results(**changes).items() if met is False] == [goal]
  assert text(**changes) != "Walks"


@pytest.mark.parametrize(
  "export",
  [
    EXPORT | {"parity": {"max_abs_error": 1e-5}},
    EXPORT | {"latency": {"median_ms": 1.0}},
    EXPORT | {"closed_loop": {"passed": False}},
  ],
)
def test_an_export_that_is_not_the_policy_or_too_slow_misses_its_goal(export):
  assert [name for name, met in results(export=export).items() if met is False] == ["Exported policy"]
  assert text(export=export) == "Walks, but is not there yet: exported policy"


def test_an_export_that_was_not_compared_and_none_at_all_stay_open():
  assert results(export=EXPORT | {"closed_loop": {"passed": None}})["Exported policy"] is None
  assert results(export={})["Exported policy"] is None and text(export={}) == "Walks"


def test_the_speed_error_is_that_of_the_worst_speed():
  goal = judge(GOOD | slower(vx_error=0.073) | {"vx_error": 0.02}, 1.25)[1]
  assert (goal.value, goal.met) == ("0.073 m/s", False)
  assert goal.note == "the worst, at 0.8 m/s; 0.020 on average"
  assert text(**slower(vx_error=0.073)) == "Moves as commanded, but misses: speed error"
  assert text(**slower(vx_error=0.11)) == "Stays up, but misses the commanded speed"


def test_a_mean_alone_can_miss_the_speed_error_and_not_meet_it():
  assert results(commands=[])["Speed error"] is None
  assert results(commands=[], vx_error=0.051)["Speed error"] is False
  assert results(**slower(vx_error=None))["Speed error"] is None


def test_a_shorter_walk_than_the_goals_does_not_meet_it():
  goal = judge(GOOD | {"long_walk": {"distance_goal_m": 0.5, "rollouts": 2, "completed": 2}}, 1.25)[2]
  assert (goal.value, goal.met, goal.note) == ("2 of 2", None, "0.5 m only")


def test_the_top_speed_is_the_fastest_that_is_followed():
  goal = next(goal for goal in judge(GOOD | slower(vx=0.3, vx_error=0.06), 1.25) if goal.name == "Top speed")
  assert (goal.value, goal.note) == ("0.00 m/s", "of 0.3 m/s asked")


def test_a_shuffle_is_named():
  gait = {"stride_frequency_hz": [4.1, 4.0], "swing_clearance_feet_m": [0.008, 0.008]}
  assert text(gait=gait) == "Moves as commanded, but misses: stride frequency, swing clearance"


def test_without_its_gait_a_robot_is_not_called_walking():
  assert "Walks" not in text(gait={})
  assert text(long_walk=None) == "Walks, as far as measured"


def test_a_robot_that_only_pushes_fell_walks_and_that_is_said():
  pushes = [GOOD["pushes"][2] | {"recovered": 0.44}]
  assert text(pushes=pushes) == "Walks, but is not there yet: push recovery"
  assert text(pushes=pushes, long_walk=None) == "Walks, as far as measured, but is not there yet: push recovery"
  assert text(pushes=pushes, **slower(vx_error=0.2)) == "Stays up, but misses the commanded speed"
  assert text(pushes=None, worlds=None) == "Walks", "robustness that nobody measured takes nothing away"


def test_falling_and_ignoring_the_command_come_first():
  assert text(survival=0.4, gait={}) == "Falls"
  assert text(**slower(vx_error=0.2)) == "Stays up, but misses the commanded speed"
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
