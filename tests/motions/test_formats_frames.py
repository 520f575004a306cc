"""What an import does to frames: cut, loop, heading, floor, rate."""

import dataclasses

import numpy as np
import pytest

from wildrobot_exp.errors import UserError
from wildrobot_exp.motions import make_gait, to_states
from wildrobot_exp.motions.formats import read_motion
from wildrobot_exp.motions.formats.quaternions import about_z, multiply, rotate


@pytest.fixture(scope="module")
def clip(robot):
  return make_gait(robot, 0.2, 0.8, 0.035, 0.02, 0.2)


def repeated(clip, rounds):
  """The loop walked `rounds` times, as a recording that is no loop."""
  shift = np.repeat(np.arange(rounds), clip.num_frames)[:, None] * [clip.speed * clip.seconds, 0, 0]
  return dataclasses.replace(
    clip,
    dof_pos=np.tile(clip.dof_pos, (rounds, 1)),
    root_pos=np.tile(clip.root_pos, (rounds, 1)) + shift,
    root_quat_wxyz=np.tile(clip.root_quat_wxyz, (rounds, 1)),
    contacts=np.tile(clip.contacts, (rounds, 1)),
    loop=False,
  )


def turned(clip, angle):
  turn = about_z(angle)
  return dataclasses.replace(
    clip, root_pos=rotate(turn, clip.root_pos) + [3, -2, 0], root_quat_wxyz=multiply(turn, clip.root_quat_wxyz)
  )


def saved(path, clip):
  clip.save(path)
  return path


def test_a_loop_is_found_in_a_recording(robot, clip, tmp_path):
  read = read_motion(saved(tmp_path / "a.npz", repeated(clip, 3)), robot=robot, loop=True).clip
  assert read.loop and read.num_frames == clip.num_frames and read.speed == pytest.approx(0.2)
  for ours, theirs in zip(to_states(robot, read), to_states(robot, clip), strict=True):
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_a_loop_over_a_given_range(robot, clip, tmp_path):
  path = saved(tmp_path / "a.npz", repeated(clip, 3))
  read = read_motion(path, robot=robot, loop=True, start=0.1, end=1.7, forward=True).clip
  assert read.seconds == pytest.approx(1.6) and read.speed == pytest.approx(0.2)
  assert read.root_pos[0, 0] == 0
  with pytest.raises(UserError, match="--end"):
    read_motion(path, robot=robot, loop=True, end=9.0)


def test_a_range_is_cut(robot, clip, tmp_path):
  path = saved(tmp_path / "a.npz", repeated(clip, 3))
  read = read_motion(path, robot=robot, start=0.2, end=0.6).clip
  np.testing.assert_array_equal(read.dof_pos, clip.dof_pos[10:30])
  assert not read.loop
  with pytest.raises(UserError, match="--start"):
    read_motion(path, robot=robot, start=2.0, end=1.0)


@pytest.mark.parametrize("angle", [0.0, 0.7, -2.0, np.pi])
@pytest.mark.parametrize("loop", [False, True])
def test_any_heading_becomes_forward_from_the_origin(robot, clip, tmp_path, angle, loop):
  path = saved(tmp_path / "a.npz", turned(repeated(clip, 2), angle))
  read = read_motion(path, robot=robot, loop=loop, forward=True).clip
  assert read.root_pos[0, 0] == 0 and read.speed == pytest.approx(0.2, abs=0.01)
  np.testing.assert_allclose(np.abs(read.root_quat_wxyz[:, 0]), 1, atol=1e-9)
  span = slice(0, clip.num_frames)
  np.testing.assert_allclose(read.root_pos[span, :], clip.root_pos, atol=2e-3)


def test_the_floor_is_found(robot, clip, tmp_path):
  high = dataclasses.replace(clip, root_pos=clip.root_pos + [0, 0, 0.3])
  read = read_motion(saved(tmp_path / "a.npz", high), robot=robot, on_floor=True).clip
  np.testing.assert_allclose(read.root_pos, clip.root_pos, atol=1e-3)


@pytest.mark.parametrize("rate", [30, 100])
def test_another_rate_keeps_the_motion(robot, tmp_path, rate):
  """From a finer or coarser file of the same gait to 50 fps, around the seam as well."""
  clip = make_gait(robot, 0.2, 0.8, 0.035, 0.02, 0.2)
  other = make_gait(robot, 0.2, 0.8, 0.035, 0.02, 0.2, fps=rate)
  read = read_motion(saved(tmp_path / "a.npz", other), robot=robot, fps_out=50).clip
  assert read.fps == 50 and read.num_frames == clip.num_frames and read.speed == pytest.approx(0.2)
  np.testing.assert_allclose(to_states(robot, read)[0], to_states(robot, clip)[0], atol=0.02)


def test_a_recording_keeps_its_ends(robot, clip, tmp_path):
  still = dataclasses.replace(clip, loop=False)
  read = read_motion(saved(tmp_path / "a.npz", still), robot=robot, fps_out=25).clip
  np.testing.assert_allclose(read.dof_pos, clip.dof_pos[::2])
  np.testing.assert_array_equal(read.contacts, clip.contacts[::2])
  with pytest.raises(UserError, match="--fps-out"):
    read_motion(tmp_path / "a.npz", robot=robot, fps_out=-1.0)


@pytest.mark.parametrize("loop", [True, False])
def test_half_the_rate_is_half_the_speed_and_scaling_scales_it(robot, clip, tmp_path, loop):
  path = saved(tmp_path / "a.npz", dataclasses.replace(clip, loop=loop))
  assert read_motion(path, robot=robot, fps=25).clip.speed == pytest.approx(0.1)
  assert read_motion(path, robot=robot, scale=0.5).clip.speed == pytest.approx(0.1)
  again = to_states(robot, read_motion(path, robot=robot, fps=25).clip)[1]
  np.testing.assert_allclose(again, to_states(robot, dataclasses.replace(clip, loop=loop))[1] / 2, atol=1e-9)
