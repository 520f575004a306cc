"""Gait measures on signals whose gait is known."""

import dataclasses

import numpy as np
import pytest
from made_up import DT, made_up_record

from wildrobot_exp.evaluation import gait as g
from wildrobot_exp.motions import make_gait_grid

STRIDE, STANCE = 40, 24  # steps
LIFT = 0.03


@pytest.fixture
def steady_walk(robot):
  """Both feet: stance 24 of 40 steps, half a cycle apart; swing peak 3 cm above the stance height of 2 mm."""
  t = np.arange(10 * STRIDE)
  phase = np.stack([t, t + STRIDE // 2], axis=1) % STRIDE
  contacts = phase < STANCE
  bump = LIFT * np.sin(np.pi * (phase - STANCE) / (STRIDE - STANCE))
  joints = np.tile(robot.home_ctrl, (len(t), 1))
  for foot, side in enumerate(("right", "left")):
    swing = 0.3 * np.sin(2 * np.pi * phase[:, foot] / STRIDE)
    joints[:, robot.joint_index(f"{side}_knee_pitch")] = 0.5 + swing
    joints[:, robot.joint_index(f"{side}_hip_pitch")] = (-1 if side == "right" else 1) * (0.25 + swing)
  return g.Walk(contacts, np.where(contacts, 0.002, 0.002 + bump), joints, np.full(len(t), 0.2), DT)


def test_known_walk_gives_its_own_numbers(robot, steady_walk):
  gait = g.measure(robot, steady_walk)
  assert gait.stride_frequency == pytest.approx((1.25, 1.25))
  assert gait.duty_factor == pytest.approx((0.6, 0.6))
  assert gait.double_support == pytest.approx(0.2)
  assert gait.swing_clearance == pytest.approx((LIFT, LIFT))
  assert gait.knee_range == pytest.approx((0.6, 0.6))
  assert gait.symmetry == pytest.approx(1.0)
  assert gait.vx == pytest.approx(0.2)


def test_a_stiff_leg_is_not_symmetric(robot, steady_walk):
  joints = steady_walk.joints.copy()
  left = [robot.joint_index(name) for name in robot.joint_names if name.startswith("left_")]
  joints[:, left] = robot.home_ctrl[left]
  limp = g.measure(robot, dataclasses.replace(steady_walk, joints=joints))
  assert limp.symmetry < 0.1
  assert limp.knee_range == pytest.approx((0.6, 0.0))


def test_legs_in_step_are_not_symmetric(robot, steady_walk):
  joints = steady_walk.joints.copy()
  left = [robot.joint_index(name) for name in robot.joint_names if name.startswith("left_")]
  joints[:, left] = np.roll(joints[:, left], STRIDE // 2, axis=0)
  assert g.measure(robot, dataclasses.replace(steady_walk, joints=joints)).symmetry < 0.1


def test_bounces_are_no_steps(robot, steady_walk):
  contacts = steady_walk.contacts.copy()
  contacts[30::STRIDE, 0] = True  # a one-step touch in mid swing
  contacts[10::STRIDE, 0] = False  # a one-step gap in stance
  gait = g.measure(robot, dataclasses.replace(steady_walk, contacts=contacts))
  assert gait.stride_frequency == pytest.approx((1.25, 1.25))
  assert gait.duty_factor == pytest.approx((0.6, 0.6))


def test_standing_has_no_steps_and_no_swing(robot):
  gait = g.record_gait(robot, made_up_record(robot))
  assert gait.stride_frequency == (0.0, 0.0)
  assert gait.duty_factor == (1.0, 1.0)
  assert gait.double_support == 1.0
  assert np.isnan(gait.swing_clearance).all() and np.isnan(gait.symmetry)


def test_robots_that_fell_early_say_nothing_about_the_gait(robot):
  alive = np.zeros((200, 2), dtype=bool)
  alive[:100] = True
  assert g.record_gait(robot, made_up_record(robot, alive=alive)) is None


def test_a_robot_without_swing_is_left_out_of_the_mean_clearance(robot, steady_walk):
  walking = g.measure(robot, steady_walk)
  standing = g.record_gait(robot, made_up_record(robot))
  mean = g.average([walking, standing])
  assert mean.swing_clearance == pytest.approx((LIFT, LIFT))
  assert mean.stride_frequency == pytest.approx((0.625, 0.625))


def test_reference_clips_are_measured_as_they_were_made(robot):
  clips = make_gait_grid(robot, [0.0, 0.15], 0.8, 0.03, 0.02, 0.2, stand_at_zero=True)
  reference = g.reference_gait(robot, clips)
  walk = reference[0.15]
  assert walk.stride_frequency == pytest.approx((1 / 0.8, 1 / 0.8))
  assert walk.duty_factor == pytest.approx((0.6, 0.6), abs=1 / 40 + 1e-9)
  assert walk.double_support == pytest.approx(0.2, abs=2 / 40 + 1e-9)
  assert walk.swing_clearance == pytest.approx((0.03, 0.03), abs=2e-3)
  assert walk.symmetry > 0.98  # the trunk's centre of mass is 2.5 mm off the middle
  assert walk.vx == pytest.approx(0.15, abs=1e-3)
  assert reference[0.0].stride_frequency == (0.0, 0.0)
