"""Leg IK: soles go where they are asked to, with the asked pitch."""

import numpy as np
import pytest

from wildrobot_exp.motions.leg_ik import LegIK
from wildrobot_exp.robots import load_robot


@pytest.fixture(scope="module")
def ik():
  return LegIK(load_robot())


def test_reachable_soles_are_reached_exactly(ik):
  home = ik.robot.home_qpos
  start = ik.soles(home).copy()
  rng = np.random.default_rng(0)
  for _ in range(20):
    targets = start + rng.uniform([-0.06, -0.04, 0], [0.06, 0.04, 0.04], (2, 3))
    pitch = rng.uniform(-0.1, 0.1, 2)
    qpos, missed = ik.solve(home, targets, pitch)
    np.testing.assert_allclose(ik.soles(qpos), targets, atol=1e-6)
    forward = ik.data.site_xmat[ik.sites].reshape(2, 3, 3)[:, :, 0]
    normal = ik.data.site_xmat[ik.sites].reshape(2, 3, 3)[:, :, 2]
    np.testing.assert_allclose(normal, np.stack([np.sin(pitch), 0 * pitch, np.cos(pitch)], -1), atol=1e-6)
    assert missed.max() < 1e-6 and (forward[:, 0] > 0.95).all()


def test_root_and_waist_are_left_alone(ik):
  home = ik.robot.home_qpos
  qpos, _ = ik.solve(home, ik.soles(home) + [0.03, 0, 0.02], np.zeros(2))
  legs = np.concatenate(ik.leg_qpos)
  others = np.setdiff1d(np.arange(len(home)), legs)
  np.testing.assert_array_equal(qpos[others], home[others])


def test_what_is_out_of_reach_is_told(ik):
  home = ik.robot.home_qpos
  targets = ik.soles(home).copy()
  targets[1, 2] -= 0.1
  _, missed = ik.solve(home, targets, np.zeros(2))
  assert missed[0] < 1e-6 and missed[1] > 0.05
