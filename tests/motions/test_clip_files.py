"""motion=file: which clips a path means, and that they come as the run needs them."""

import dataclasses
import os
from types import SimpleNamespace

import numpy as np
import pytest

from wildrobot_exp.errors import UserError
from wildrobot_exp.motions import make_gait
from wildrobot_exp.motions.files import load_clips
from wildrobot_exp.motions.mirror import mirror_clip
from wildrobot_exp.motions.sources import make_clips


@pytest.fixture(scope="module")
def folder(robot, tmp_path_factory):
  """fast.npz at 0.2 m/s, slow.npz at 0.1 m/s and 100 fps."""
  folder = tmp_path_factory.mktemp("clips")
  make_gait(robot, 0.2, 0.8, 0.03, 0.02, 0.2).save(folder / "fast.npz")
  make_gait(robot, 0.1, 0.8, 0.03, 0.02, 0.2, fps=100).save(folder / "slow.npz")
  (folder / "notes.txt").write_text("not a clip")
  return folder


def test_one_file_a_folder_and_several_files(folder):
  fast, slow = str(folder / "fast.npz"), str(folder / "slow.npz")
  assert [clip.speed for clip in load_clips(fast)] == [0.2]
  assert [clip.speed for clip in load_clips(os.pathsep.join([fast, slow]))] == [0.1, 0.2]
  assert [clip.speed for clip in load_clips(str(folder))] == [0.1, 0.2]


def test_clips_come_at_the_control_rate_with_their_mirror_images_if_asked(robot, folder):
  plain = make_clips(SimpleNamespace(name="file", path=str(folder), mirror=False), robot)
  assert [(clip.fps, clip.num_frames) for clip in plain] == [(pytest.approx(50), 40)] * 2
  both = make_clips(SimpleNamespace(name="file", path=str(folder), mirror=True), robot)
  assert [clip.speed for clip in both] == [0.1, 0.2, 0.1, 0.2]
  for clip, mirrored in zip(plain, both[2:], strict=True):
    np.testing.assert_array_equal(mirrored.dof_pos, mirror_clip(robot, clip).dof_pos)


def test_another_robot_s_clip_is_refused_by_joint_name(robot, folder, tmp_path):
  clip = load_clips(str(folder / "fast.npz"))[0]
  foreign = dataclasses.replace(clip, joint_names=("left_elbow", *clip.joint_names[1:]))
  foreign.save(tmp_path / "foreign.npz")
  for mirror in (True, False):
    with pytest.raises(UserError, match="foreign.npz: .*left_elbow"):
      make_clips(SimpleNamespace(name="file", path=str(tmp_path), mirror=mirror), robot)


@pytest.mark.parametrize("path, words", [("", "empty"), ("nope.npz", "nope.npz: no such file")])
def test_a_path_to_nothing_is_refused(path, words):
  with pytest.raises(UserError, match=words):
    load_clips(path)


def test_a_folder_without_clips_is_refused(tmp_path):
  with pytest.raises(UserError, match="no reference clip"):
    load_clips(str(tmp_path))
