"""Gait pictures: strides are cut at true touchdowns, and the reference is turned to the same start."""

import numpy as np

from wildrobot_exp.evaluation.report.gait_plots import PHASES, aligned_reference, fold, strides, touchdowns
from wildrobot_exp.evaluation.report.plots import MAX_POINTS, curves, points

DT = 0.02


def stepping(frames: int, period: int, offset: int = 0) -> np.ndarray:
  """[T] bool: down for the first 60 % of every period."""
  return (np.arange(frames) - offset) % period < 0.6 * period


def test_a_bounce_is_not_a_touchdown():
  contact = stepping(200, 50)
  contact[55] = contact[110] = False
  assert list(touchdowns(contact, DT)) == [50, 100, 150]


def test_strides_run_from_touchdown_to_touchdown():
  both = np.stack([stepping(200, 50), stepping(200, 50, offset=25)], axis=1)
  gait = {"time": np.arange(200) * DT, "contacts": both}
  assert strides(gait, 0) == [(50, 100), (100, 150)]
  assert strides(gait, 1) == [(25, 75), (75, 125), (125, 175)]


def test_folded_strides_of_different_lengths_share_their_phases():
  signal = np.concatenate([np.linspace(0, 1, 41), np.linspace(0, 1, 51)[1:]])
  folded = fold(signal, [(0, 40), (40, 90)])
  assert folded.shape == (2, PHASES)
  np.testing.assert_allclose(folded[0], np.linspace(0, 1, PHASES), atol=1e-12)


def test_the_reference_starts_where_the_right_foot_comes_down():
  right = stepping(40, 40, offset=10)
  gait = {
    "reference_contacts": np.stack([right, ~right], axis=1),
    "reference_joint_pos": np.arange(40.0)[:, None],
  }
  reference = aligned_reference(gait)
  assert reference["reference_joint_pos"].shape == (PHASES, 1)
  assert reference["reference_joint_pos"][0, 0] == reference["reference_joint_pos"][-1, 0] == 10.0


def test_a_reference_that_cannot_be_aligned_is_not_drawn():
  assert aligned_reference({"reference_joint_pos": np.zeros((40, 1))}) == {}
  assert aligned_reference({"reference_contacts": np.ones((40, 2))}) == {}


def test_missing_values_are_skipped_by_curves():
  x, y = points(np.arange(5.0), np.array([1.0, np.nan, 3.0, np.nan, 5.0]))
  assert list(x) == [0.0, 2.0, 4.0] and list(y) == [1.0, 3.0, 5.0]
  assert curves("empty", np.arange(5.0), {"a": np.full(5, np.nan)}) is None


def test_long_curves_are_thinned_without_a_shift():
  x, y = points(np.arange(10_000.0), np.arange(10_000.0))
  assert len(x) == MAX_POINTS
  np.testing.assert_allclose(x, y)
  np.testing.assert_allclose(x.mean(), 4999.5, atol=1.0)
