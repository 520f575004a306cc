"""Human recordings: sagittal angles arrive on this robot's joints with its signs, the soles on the floor."""

import dataclasses

import numpy as np
import pytest
from motion_files import bvh, deepmimic, sagittal

from wildrobot_exp.errors import UserError
from wildrobot_exp.motions import make_gait, to_states
from wildrobot_exp.motions.formats import read_motion
from wildrobot_exp.motions.soles import sole_points


@pytest.fixture(scope="module")
def clip(robot):
  return make_gait(robot, 0.2, 0.8, 0.035, 0.02, 0.2)


@pytest.mark.parametrize("write, ankle_error", [(deepmimic, 1e-9), (bvh, 0.01)])
def test_hip_knee_and_ankle_flexion_arrive(robot, clip, tmp_path, write, ankle_error):
  """A BVH's neutral ankle is where the foot stands, so it may be off by a little."""
  read = read_motion(write(tmp_path / "a.bvh", robot, clip), robot=robot).clip
  off = np.abs(sagittal(robot, read) - sagittal(robot, clip)).max(axis=(0, 1))
  assert off[0] < 1e-6 and off[1] < 1e-6 and off[2] < ankle_error


@pytest.mark.parametrize("write", [deepmimic, bvh])
def test_the_robot_stands_on_its_soles_and_walks_forward(robot, clip, tmp_path, write):
  reading = read_motion(write(tmp_path / "a.bvh", robot, clip), robot=robot, forward=True)
  corners, _ = sole_points(robot, to_states(robot, reading.clip)[0])
  np.testing.assert_allclose(corners[..., 2].min(axis=(1, 2)), 0, atol=1e-9)
  assert reading.clip.speed == pytest.approx(0.2, abs=0.03)
  assert reading.attitude.up > 0.99 and reading.attitude.forward > 0
  assert any("raw retarget" in note for note in reading.notes)


def test_leaning_forward_stays_leaning_forward(robot, clip, tmp_path):
  """The humanoid's root turned about its z (to its right) by a negative angle leans forward."""
  path = deepmimic(tmp_path / "a.txt", robot, clip)
  lean = f"{np.cos(-0.1)}, 0.0, 0.0, {np.sin(-0.1)}"
  text = path.read_text().replace("1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0", f"{lean}, 1.0, 0.0, 0.0, 0.0, 1.0")
  path.write_text(text)
  w, x, y, z = read_motion(path, robot=robot).clip.root_quat_wxyz[0]
  assert 2 * np.arcsin(y) == pytest.approx(0.2) and abs(x) < 1e-9 and abs(z) < 1e-9


def test_a_bvh_with_other_names_needs_them_said(robot, clip, tmp_path):
  path = bvh(tmp_path / "a.bvh", robot, clip, hip="Bone")
  with pytest.raises(UserError, match="right_hip=NAME"):
    read_motion(path, robot=robot)
  bones = {"right_hip": "RightBone", "left_hip": "LeftBone"}
  read = read_motion(path, robot=robot, bones=bones).clip
  assert np.abs(sagittal(robot, read) - sagittal(robot, clip))[..., :2].max() < 1e-6
  with pytest.raises(UserError, match="did you mean 'LeftBone'"):
    read_motion(path, robot=robot, bones=bones | {"left_hip": "LeftBon"})
  with pytest.raises(UserError, match="role"):
    read_motion(path, robot=robot, bones={"tail": "LeftBone"})


@pytest.mark.parametrize("spelling", ["{0}_UpperLeg", "mixamorig:{0}UpLeg", "{1}Thigh", "thigh_{1}", "{0}Hip"])
def test_common_names_are_known(robot, clip, tmp_path, spelling):
  path = bvh(tmp_path / "a.bvh", robot, clip)
  text = path.read_text()
  for side in ("Right", "Left"):
    text = text.replace(f"{side}UpLeg", spelling.format(side, side[0]))
  path.write_text(text)
  read = read_motion(path, robot=robot).clip
  assert np.abs(sagittal(robot, read) - sagittal(robot, clip))[..., 0].max() < 1e-6


def test_frame_time_is_the_rate(robot, clip, tmp_path):
  fast = dataclasses.replace(clip, fps=120.0)
  assert read_motion(bvh(tmp_path / "a.bvh", robot, fast), robot=robot).clip.fps == pytest.approx(120, rel=1e-6)
  assert read_motion(deepmimic(tmp_path / "a.txt", robot, fast), robot=robot).clip.fps == pytest.approx(120)
