"""The runner's numbers beside the original's: what compares, what passes, what is refused."""

import pytest

from wildrobot_exp.errors import RunFailed
from wildrobot_exp.export.closed_loop import RUNNER, comparable, compare, furthest, run_trial

TRIAL = {"speeds": [0.0, 0.1, 0.3], "episodes": 7, "episode_steps": 500}
CONTRACT = {"checkpoint_step": 64, "control": {"period_s": 0.02}, "trial": TRIAL}


def evaluation(**changes):
  rows = [{"vx": vx, "survival": 1.0, "vx_error": 0.01} for vx in (0.0, 0.1, 0.3)]
  found = {"checkpoint_step": 64, "physics": "native", "commands": rows, "survival": 1.0, "vx_error": 0.01}
  return found | {"episodes": 7, "episode_seconds": 10.0} | changes


def found(survival: float | None, error: float | None) -> list[dict]:
  return [{"vx": vx, "survival": survival, "vx_error": error} for vx in (0.0, 0.1, 0.3, None)]


@pytest.mark.parametrize(
  ("yardstick", "reason"),
  [
    (evaluation(), None),
    (None, "no evaluation.json"),
    (evaluation(checkpoint_step=65), "of step 65"),
    (evaluation(physics="mjx"), "physics=mjx"),
    (evaluation(commands=[{"vx": 0.5, "survival": 1.0, "vx_error": 0.1}]), "other commanded speeds"),
    (evaluation(episodes=64), "has 64 episodes of 10 s"),
    (evaluation(episode_seconds=2.0), "has 7 episodes of 2 s"),
    ({"accuracy": 0.9}, "not what `wildrobot eval` writes"),
    ([1, 2], "not what `wildrobot eval` writes"),
    (evaluation(commands=None), "not what `wildrobot eval` writes"),
    (evaluation(commands=[{"vx": "slow", "survival": 1.0, "vx_error": 0.1}]), "not what `wildrobot eval` writes"),
    (evaluation(episode_seconds="long"), "not what `wildrobot eval` writes"),
  ],
)
def test_only_the_same_checkpoint_engine_and_commands_compare(yardstick, reason: str | None):
  assert comparable(yardstick, CONTRACT) is None if reason is None else reason in comparable(yardstick, CONTRACT)


@pytest.mark.parametrize(
  ("survival", "error", "passed"),
  [(1.0, 0.01, True), (0.985, 0.029, True), (0.97, 0.01, False), (1.0, 0.031, False), (1.0, None, False)],
)
def test_two_points_are_allowed(survival: float, error: float | None, passed: bool):
  result = compare(found(survival, error), evaluation())
  assert result["passed"] is passed and len(result["original"]) == len(result["rows"]) == 4


def test_one_speed_at_which_it_walks_differently_fails_and_is_named():
  rows = found(1.0, 0.01)
  rows[1] |= {"vx_error": 0.04}
  result = compare(rows, evaluation())
  assert not result["passed"]
  assert furthest(rows, result["original"])[0]["vx"] == 0.1
  fallen = found(0.9, 0.01)
  assert furthest(fallen, compare(fallen, evaluation())["original"])[0]["vx"] is None


def test_one_fall_at_one_speed_is_no_other_walk():
  rows = found(1.0, 0.01)
  rows[1] |= {"survival": 8 / 9}
  assert compare(rows, evaluation())["passed"]


def test_where_nobody_walked_long_enough_to_measure_both_have_to_say_so():
  nowhere = [{"vx": vx, "survival": 0.0, "vx_error": None} for vx in (0.0, 0.1, 0.3)]
  assert compare(found(0.0, None), evaluation(commands=nowhere, survival=0.0, vx_error=None))["passed"]


def test_a_runner_that_fails_is_a_failed_export_with_its_last_line(tmp_path):
  (tmp_path / RUNNER.name).write_bytes(RUNNER.read_bytes())
  with pytest.raises(RunFailed, match="run_policy.py failed on the exported files: .*policy.json"):
    run_trial(tmp_path)
