"""A clip at another rate is the same motion."""

import dataclasses

import numpy as np
import pytest

from wildrobot_exp.errors import UserError
from wildrobot_exp.motions import make_gait
from wildrobot_exp.motions.resample import resample


@pytest.fixture(scope="module")
def walk(robot):
  return make_gait(robot, 0.2, 0.8, 0.03, 0.02, 0.2)


@pytest.fixture(scope="module")
def fine(robot):
  return make_gait(robot, 0.2, 0.8, 0.03, 0.02, 0.2, fps=100)


def turning(frames=31, fps=30.0, rate=1.0, loop=False):
  """A robot without joints that turns about z at a constant rate, forwards at 0.3 m/s."""
  half = np.arange(frames) / fps * rate / 2
  quats = np.stack([np.cos(half), 0 * half, 0 * half, np.sin(half)], axis=-1)
  place = np.stack([np.arange(frames) / fps * 0.3, 0 * half, 0 * half + 0.4], axis=-1)
  return quats, place


def test_at_its_own_rate_it_is_the_clip_itself(walk):
  assert resample(walk, 50.0) is walk


def test_every_second_frame_taken_away_comes_back(walk, fine):
  back = resample(walk, 100.0)
  assert (back.num_frames, back.fps, back.loop, back.speed) == (80, 100.0, True, pytest.approx(0.2))
  np.testing.assert_allclose(back.dof_pos, fine.dof_pos, atol=0.008)
  np.testing.assert_allclose(back.root_pos, fine.root_pos, atol=1e-3)
  np.testing.assert_array_equal(back.contacts[::2], walk.contacts)
  thinned = resample(fine, 50.0)
  np.testing.assert_allclose(thinned.dof_pos, fine.dof_pos[::2], atol=1e-12)


def test_the_orientation_turns_at_the_same_rate_between_frames(walk):
  quats, place = turning()
  clip = dataclasses.replace(
    walk, fps=30.0, dof_pos=np.zeros((31, 11)), root_pos=place, root_quat_wxyz=quats, loop=False, contacts=None
  )
  new = resample(clip, 50.0)
  assert new.num_frames == 51 and new.seconds == pytest.approx(clip.seconds)
  expected, moved = turning(51, 50.0)
  np.testing.assert_allclose(new.root_quat_wxyz, expected, atol=1e-9)
  np.testing.assert_allclose(new.root_pos, moved, atol=1e-9)


def test_quaternions_that_flip_their_sign_do_not_spin(walk):
  quats, place = turning()
  quats[1::2] *= -1
  clip = dataclasses.replace(
    walk, fps=30.0, dof_pos=np.zeros((31, 11)), root_pos=place, root_quat_wxyz=quats, loop=False, contacts=None
  )
  yaw = 2 * np.arctan2(*np.moveaxis(resample(clip, 50.0).root_quat_wxyz[:, [3, 0]], -1, 0))
  np.testing.assert_allclose(np.unwrap(yaw, period=2 * np.pi), np.arange(51) / 50, atol=1e-9)


def test_a_loop_keeps_its_steps_and_closes(robot, walk):
  """0.8 s at 49 fps is 39.2 frames: 39 frames, the steps as long, the speed a little higher."""
  new = resample(walk, 49.0)
  assert new.num_frames == 39
  assert new.speed * new.seconds == pytest.approx(walk.speed * walk.seconds)
  seam = new.root_pos[0] + [new.speed * new.seconds, 0, 0] - new.root_pos[-1]
  inside = np.diff(new.root_pos, axis=0)
  assert (np.abs(seam) <= 1.2 * np.abs(inside).max(axis=0) + 1e-9).all()


def test_a_loop_that_would_be_stretched_much_is_refused(walk):
  with pytest.raises(UserError, match="does not fit 4 frames per second"):
    resample(walk, 4.0)
