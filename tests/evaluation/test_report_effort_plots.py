"""Torque and power over the stride: mirrored legs, numbers beside the curves, limits where they matter."""

import re

import numpy as np
import pytest
from fake_run import JOINTS, fake_gait

from wildrobot_exp.evaluation.report.effort_plots import ARRAYS, effort_figures
from wildrobot_exp.evaluation.report.plots import GOAL, LIMIT


def curves(svg: str) -> list[np.ndarray]:
  """[points, 2] of every line that is no grid, axis or band."""
  drawn = re.findall(r'<path d="([^"]*)" clip-path="[^"]*" style="fill: none; stroke: ([^;"]*); stroke-width: 1.4', svg)
  return [np.array(re.findall(r"[ML] (\S+) (\S+)", path), dtype=float) for path, _ in drawn]


@pytest.fixture(scope="module")
def figures():
  return effort_figures(fake_gait())


def test_every_joint_has_a_figure_of_its_torque_and_of_its_power(figures):
  for group, unit, total in zip(figures, ("N m", "W"), ("Mean magnitude of all joints", "All joints, as they drive")):
    assert [title for title, _, _ in group] == [total, "Hip pitch", "Knee pitch", "Waist yaw"]
    assert {one for _, one, _ in group} == {unit}


def test_legs_that_do_the_same_half_a_cycle_apart_lie_on_each_other(figures):
  for svg in (figures[0][1][2], figures[1][1][2]):  # the fake hips: left is right, half a cycle later, other sign
    right, left = curves(svg)
    assert np.ptp(right[:, 1]) > 20
    np.testing.assert_allclose(right, left, atol=2.0)


def test_the_numbers_are_the_peak_and_the_mean_of_the_driving_part():
  gait = fake_gait()
  gait["torque"] = np.zeros_like(gait["joint_pos"])
  gait["joint_vel"] = np.ones_like(gait["torque"])
  gait["torque"][:, JOINTS.index("right_knee_pitch")] = 1.5
  gait["torque"][:, JOINTS.index("left_knee_pitch")] = -1.0
  torque, power = effort_figures(gait)
  assert "right peak 1.5" in torque[2][2] and "left peak 1.0" in torque[2][2]
  assert "right drives with 1.50" in power[2][2] and "left drives with 0.00" in power[2][2]
  assert "mean 0.5" in torque[0][2] and "under 3" in torque[0][2]
  assert "mean 1.5" in power[0][2] and "under 30" in power[0][2] and GOAL in power[0][2]


def test_the_limit_is_drawn_where_a_torque_comes_near_it():
  gait = fake_gait()
  for factor, near in ((1.0, False), (4.0, True)):  # 1 N m and 4 N m
    torque, power = effort_figures(gait | {"torque": factor * gait["torque"]})
    assert all((LIMIT in svg) == near for _, _, svg in torque[1:])
    assert not any(LIMIT in svg for _, _, svg in power)


def test_what_happens_between_two_control_steps_is_in_the_numbers():
  gait = fake_gait()
  steps = np.zeros((*gait["torque"].shape[:1], 5, gait["torque"].shape[1]))
  steps[:, 0] = 3.0  # N m in one of five physics steps, and 2 rad/s
  torque, power = effort_figures(gait | {"torque": steps, "joint_vel": 2.0 / 3.0 * steps})
  assert "right peak 3.0" in torque[1][2] and "mean 0.6" in torque[0][2]
  assert "right drives with 1.20" in power[1][2] and "mean 6" in power[0][2]


@pytest.mark.parametrize("name", ARRAYS)
def test_a_run_evaluated_before_these_arrays_has_no_figures(name):
  assert effort_figures({key: value for key, value in fake_gait().items() if key != name}) == ([], [])


def test_a_robot_that_stands_has_no_figures():
  gait = fake_gait()
  assert effort_figures(gait | {"contacts": np.ones_like(gait["contacts"])}) == ([], [])
