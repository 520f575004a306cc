"""The plan of one stride: feet, contacts, zero moment point."""

import numpy as np
import pytest

from wildrobot_exp.motions.step_plan import Stance, plan_steps

STANCE = Stance(base_height=0.5, com_height=0.31, foot_separation=0.184, toe=0.07)


def plan(double_support=0.2, speed=0.2, samples=800):
  return plan_steps(samples, speed, 0.8, 0.035, double_support, STANCE)


@pytest.mark.parametrize("double_support", [0.0, 0.2, 0.5])
def test_both_feet_are_down_for_the_asked_share(double_support):
  steps = plan(double_support)
  assert steps.contacts.all(axis=1).mean() == pytest.approx(double_support, abs=0.01)
  assert steps.contacts.any(axis=1).all()


def test_a_foot_in_the_air_is_where_contacts_say():
  steps = plan()
  lowest = steps.feet[..., 2] - STANCE.toe * np.sin(np.abs(steps.pitch))
  np.testing.assert_allclose(lowest[steps.contacts], 0, atol=1e-12)
  assert (lowest[~steps.contacts] > 0).all() and lowest.max() == pytest.approx(0.035, abs=1e-4)


def test_a_foot_in_contact_does_not_slide():
  steps = plan()
  toe = steps.feet[..., 0] + STANCE.toe * np.cos(steps.pitch)
  moved = np.abs(np.diff(toe, axis=0))[steps.contacts[1:] & steps.contacts[:-1]]
  assert moved.max() < 1e-9


def test_the_zero_moment_point_is_under_the_foot_that_carries():
  steps = plan()
  for foot in range(2):
    alone = steps.contacts[:, foot] & ~steps.contacts[:, 1 - foot]
    flat = alone & (steps.pitch[:, foot] == 0)
    assert flat.any()
    np.testing.assert_allclose(steps.zmp[flat], steps.feet[flat, foot, :2], atol=1e-9)


def test_feet_stay_level_when_stepping_in_place():
  assert not plan(speed=0.0).pitch.any()
