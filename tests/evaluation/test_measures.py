"""Survival, tracking and effort mean what evaluation.json says they mean."""

import numpy as np
import pytest
from made_up import DT, made_up_record

from wildrobot_exp.evaluation import measures as m

CYCLE = 0.8


def test_a_fallen_robot_counts_once_and_for_good(robot):
  alive = np.ones((200, 4), dtype=bool)
  alive[60:, 1] = False
  record = made_up_record(robot, commands=(0.2,) * 4, alive=alive)
  assert m.survived(record).tolist() == [True, False, True, True]


def test_return_holds_the_step_of_the_fall_and_nothing_after_it(robot):
  alive = np.ones((200, 2), dtype=bool)
  alive[60:, 1] = False
  assert m.returns(made_up_record(robot, alive=alive)).tolist() == [200.0, 61.0]


@pytest.mark.parametrize("successes, trials", [(0, 20), (1, 64), (63, 64), (60, 100)])
def test_wilson_interval_is_the_textbook_one(successes, trials):
  rate, z2 = successes / trials, 1.959964**2
  middle = (rate + z2 / (2 * trials)) / (1 + z2 / trials)
  half = 1.959964 / (1 + z2 / trials) * (rate * (1 - rate) / trials + z2 / (4 * trials**2)) ** 0.5
  assert m.wilson_interval(successes, trials) == pytest.approx((middle - half, middle + half), abs=1e-6)


def test_twenty_of_twenty_is_not_certainty():
  assert m.wilson_interval(20, 20)[0] == pytest.approx(0.8389, abs=1e-4)


def test_standing_still_misses_the_command_by_all_of_it(robot):
  record = made_up_record(robot, commands=(0.0, 0.2))
  assert m.vx_error(record, CYCLE) == pytest.approx([0.0, 0.2])


def test_swaying_within_a_gait_cycle_is_no_tracking_error(robot):
  time = np.arange(200) * DT
  linvel = np.zeros((200, 2, 3))
  linvel[:, :, 0] = 0.2 + 0.1 * np.sin(2 * np.pi * time / CYCLE)[:, None]
  assert m.vx_error(made_up_record(robot, linvel=linvel), CYCLE) == pytest.approx([0.0, 0.0], abs=1e-9)


def test_neither_the_first_second_nor_the_time_after_a_fall_is_measured(robot):
  linvel, alive = np.full((200, 2, 3), 0.2), np.ones((200, 2), dtype=bool)
  linvel[:50] = 9.0
  linvel[120:, 1] = 9.0
  alive[120:, 1] = False
  record = made_up_record(robot, linvel=linvel, alive=alive)
  assert m.vx_error(record, CYCLE) == pytest.approx([0.0, 0.0], abs=1e-9)
  assert m.vx_mean(record) == pytest.approx(0.2)


def test_a_robot_that_fell_at_once_has_no_tracking_error(robot):
  alive = np.ones((200, 2), dtype=bool)
  alive[70:, 1] = False
  error = m.vx_error(made_up_record(robot, alive=alive), CYCLE)
  assert np.isnan(error).tolist() == [False, True]


def test_braking_costs_no_power_and_driving_does(robot):
  record = made_up_record(robot)
  record.torque[..., :2], record.joint_vel[..., 0], record.joint_vel[..., 1] = 2.0, 3.0, -3.0
  assert m.power_mean(record) == pytest.approx(6.0)
  assert m.torque_mean(record) == pytest.approx(4.0 / robot.num_joints)


def test_effort_between_two_control_steps_counts(robot):
  record = made_up_record(robot)
  record.torque[:, :, 0, 0], record.joint_vel[:, :, 0, 0] = 4.0, 5.0  # in one of five physics steps
  assert m.torque_mean(record) == pytest.approx(4.0 / 5 / robot.num_joints)
  assert m.power_mean(record) == pytest.approx(20.0 / 5)


def test_cost_of_transport_is_power_per_weight_and_speed(robot):
  assert m.cost_of_transport(robot, 6.0, 0.3) == pytest.approx(6.0 / (3.5585 * 9.81 * 0.3), rel=1e-4)
  assert np.isnan(m.cost_of_transport(robot, 6.0, 0.0))


def test_distance_is_walked_forward_and_drift_is_seen_from_above(robot):
  linvel, qpos = np.zeros((200, 2, 3)), np.tile(robot.home_qpos, (200, 2, 1))
  linvel[:, 0, 0] = 0.5
  qpos[:, 1, :2] = [0.3, 0.4]
  record = made_up_record(robot, linvel=linvel, qpos=qpos)
  assert m.distance_walked(record) == pytest.approx([2.0, 0.0])
  assert m.drift(record) == pytest.approx([0.0, 0.5])
