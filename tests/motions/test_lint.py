"""The gate: a good clip passes, every planted defect is named by its check and by its joint, foot or frame."""

import dataclasses

import numpy as np
import pytest
from motion_files import gmr_pkl, mjlab_npz, save_npz, unitree_csv

from wildrobot_exp.motions import Clip, make_gait
from wildrobot_exp.motions.gait import stand
from wildrobot_exp.motions.lint import CODES, lint_clip, lint_file, refusals


@pytest.fixture(scope="module")
def clip(robot):
  return make_gait(robot, 0.2, 0.8, 0.035, 0.02, 0.2)


def changed(clip: Clip, robot, **joints) -> Clip:
  """The clip with whole joint columns replaced."""
  dof_pos = clip.dof_pos.copy()
  for name, values in joints.items():
    dof_pos[:, robot.joint_index(name)] = values
  return dataclasses.replace(clip, dof_pos=dof_pos)


def column(clip, robot, name):
  return clip.dof_pos[:, robot.joint_index(name)]


def finding(robot, clip, code):
  return next(f for f in lint_clip(robot, clip) if f.code == code)


def worse(robot, clip):
  """Codes that warn or refuse."""
  return {f.code for f in lint_clip(robot, clip) if f.level != "ok"}


@pytest.mark.parametrize("speed", [0.0, 0.1, 0.2, 0.3])
def test_a_generated_gait_passes(robot, speed):
  """They walk open loop, though their servos and their zmp are at the edge: that much they are warned of."""
  gait = make_gait(robot, speed, 0.8, 0.035, 0.02, 0.2)
  assert refusals(lint_clip(robot, gait)) == []
  assert worse(robot, gait) <= {"zmp", "torque"}


def test_standing_passes_without_a_warning(robot):
  assert worse(robot, stand(robot, 40)) == set()


def test_every_code_is_there_once_and_begins_its_line(robot, clip):
  findings = lint_clip(robot, clip)
  assert tuple(f.code for f in findings) == CODES and len(CODES) == 14
  assert all(str(f).startswith(f.code) and "\n" not in str(f) for f in findings)


def test_permuted_columns_are_named(robot, clip):
  swapped = changed(
    clip,
    robot,
    right_hip_pitch=column(clip, robot, "right_knee_pitch"),
    right_knee_pitch=column(clip, robot, "right_hip_pitch"),
  )
  found = finding(robot, swapped, "joint-limit")
  assert found.level == "refuse" and "right_knee_pitch" in found.message
  assert "right_hip_pitch" in finding(robot, swapped, "joint-names").message


@pytest.mark.parametrize("shift", range(1, 10))
def test_no_rotation_of_the_columns_passes(robot, clip, shift):
  assert refusals(lint_clip(robot, dataclasses.replace(clip, dof_pos=np.roll(clip.dof_pos, shift, axis=1))))


def test_one_leg_for_the_other_is_refused(robot, clip):
  order = [*range(5, 10), *range(5), 10]
  assert "foot-slip" in refusals(lint_clip(robot, dataclasses.replace(clip, dof_pos=clip.dof_pos[:, order])))


def test_a_mirrored_hip_pitch_is_named(robot, clip):
  mirrored = changed(clip, robot, right_hip_pitch=-column(clip, robot, "right_hip_pitch"))
  assert "right_hip_pitch" in finding(robot, mirrored, "joint-names").message
  assert {"foot-slip", "zmp"} <= set(refusals(lint_clip(robot, mirrored)))


@pytest.mark.parametrize("foot, side", [(0, "right"), (1, "left")])
def test_contacts_of_one_foot_that_are_all_zero_are_named(robot, clip, foot, side):
  contacts = clip.contacts.copy()
  contacts[:, foot] = False
  found = finding(robot, dataclasses.replace(clip, contacts=contacts), "zero-channel")
  assert found.level == "refuse" and f"the {side} foot" in found.message


def test_a_joint_that_was_not_recorded_is_named(robot, clip):
  found = finding(robot, changed(clip, robot, left_foot_roll=0.0), "zero-channel")
  assert found.level == "refuse" and "left_foot_roll is 0" in found.message
  found = finding(robot, changed(clip, robot, left_foot_roll=0.0, right_foot_roll=0.0), "zero-channel")
  assert found.level == "warn" and "foot_roll" in found.message


def test_every_frame_twice_is_refused_with_the_true_rate(robot, clip):
  double = dataclasses.replace(
    clip,
    dof_pos=np.repeat(clip.dof_pos, 2, axis=0),
    root_pos=np.repeat(clip.root_pos, 2, axis=0),
    root_quat_wxyz=np.repeat(clip.root_quat_wxyz, 2, axis=0),
    contacts=None,
    fps=100.0,
  )
  found = finding(robot, double, "duplicate-frames")
  assert found.level == "refuse" and "50 fps" in found.message


def test_a_loop_that_ends_with_its_first_frame_is_told(robot, clip):
  again = [*range(clip.num_frames), 0]
  closed = dataclasses.replace(
    clip,
    dof_pos=clip.dof_pos[again],
    root_pos=clip.root_pos[again] + np.array([[0.0]] * clip.num_frames + [[0.16]]) * [1, 0, 0],
    root_quat_wxyz=clip.root_quat_wxyz[again],
    contacts=None,
    speed=0.16 / 0.82,
  )
  assert "last frame" in finding(robot, closed, "duplicate-frames").message


def test_a_seam_that_does_not_close_is_named(robot, clip):
  drift = np.linspace(0, 0.25, clip.num_frames)
  found = finding(robot, changed(clip, robot, waist_yaw=drift), "seam-jump")
  assert found.level == "refuse" and "waist_yaw" in found.message and "seam" in found.message
  part = slice(0, 30)
  cut = dataclasses.replace(
    clip,
    dof_pos=clip.dof_pos[part],
    root_pos=clip.root_pos[part],
    root_quat_wxyz=clip.root_quat_wxyz[part],
    contacts=clip.contacts[part],
  )
  assert finding(robot, cut, "seam-jump").level == "refuse"
  assert finding(robot, dataclasses.replace(cut, loop=False), "seam-jump").level == "ok"


def test_a_yaw_jump_of_seven_degrees_at_the_seam_is_refused(robot, clip):
  yaw = np.linspace(0, np.deg2rad(7), clip.num_frames)
  quat = np.stack([np.cos(yaw / 2), 0 * yaw, 0 * yaw, np.sin(yaw / 2)], axis=1)
  found = finding(robot, dataclasses.replace(clip, root_quat_wxyz=quat), "seam-jump")
  assert found.level == "refuse" and "rotation" in found.message


def test_a_glitch_is_named_with_its_frame_and_joint(robot, clip):
  knee = column(clip, robot, "left_knee_pitch").copy()
  knee[17] += 0.6
  glitch = changed(clip, robot, left_knee_pitch=knee)
  for code in ("seam-jump", "joint-speed"):
    found = finding(robot, glitch, code)
    assert found.level == "refuse" and "left_knee_pitch" in found.message and "frame 1" in found.message


@pytest.mark.parametrize("share, level", [(0.0, "ok"), (0.1, "warn"), (0.5, "refuse")])
def test_frames_at_a_joint_limit(robot, clip, share, level):
  knee = column(clip, robot, "right_knee_pitch").copy()
  knee[: round(share * len(knee))] = 0.0
  found = finding(robot, changed(clip, robot, right_knee_pitch=knee), "joint-limit")
  assert found.level == level and (level == "ok" or "right_knee_pitch" in found.message)


def test_faster_than_the_servo_is_refused_with_a_rate_that_fits(robot, clip):
  found = finding(robot, dataclasses.replace(clip, fps=100.0, speed=0.4), "joint-speed")
  assert found.level == "refuse" and "--fps" in found.message
  rate = float(found.message.split("--fps ")[1].split(")")[0])
  assert finding(robot, dataclasses.replace(clip, fps=rate * 0.99), "joint-speed").level == "ok"


def test_sliding_feet_are_refused(robot, clip):
  root = clip.root_pos * [2.0, 1, 1]
  found = finding(robot, dataclasses.replace(clip, root_pos=root, speed=0.4), "foot-slip")
  assert found.level == "refuse" and "foot slides at 0.2" in found.message


@pytest.mark.parametrize("lift, level", [(-0.01, "warn"), (-0.03, "refuse"), (0.05, "refuse"), (0.0, "ok")])
def test_soles_below_or_far_above_the_floor(robot, clip, lift, level):
  found = finding(robot, dataclasses.replace(clip, root_pos=clip.root_pos + [0, 0, lift]), "penetration")
  assert found.level == level
  assert ("below" in found.message) == (lift < 0) and ("above" in found.message) == (lift > 0)


@pytest.mark.parametrize("shift", [1, -1])
def test_a_wrong_quaternion_order_is_refused_with_the_way_back(robot, clip, shift):
  found = finding(
    robot,
    dataclasses.replace(clip, root_quat_wxyz=np.roll(clip.root_quat_wxyz, shift, axis=1)),
    "quaternion-order",
  )
  assert found.level == "refuse" and "move its" in found.message


def test_walking_backwards_facing_x_is_no_refusal(robot, clip):
  """It might as well be a robot that faces -x read in the wrong order, so it is told."""
  back = dataclasses.replace(clip, root_pos=clip.root_pos * [-1, 1, 1], speed=-clip.speed)
  found = finding(robot, back, "quaternion-order")
  assert found.level == "warn" and "backwards" in found.message


def test_lying_down_is_refused_whatever_the_order(robot, clip):
  quat = np.tile([np.sqrt(0.5), 0, np.sqrt(0.5), 0], (clip.num_frames, 1))
  assert finding(robot, dataclasses.replace(clip, root_quat_wxyz=quat), "quaternion-order").level == "refuse"


def test_joints_of_another_robot_stop_the_other_checks(robot, clip):
  other = dataclasses.replace(clip, joint_names=("elbow", *clip.joint_names[1:]))
  assert refusals(lint_clip(robot, other)) == ["joint-names"]
  assert "not checked" in finding(robot, other, "zmp").message


def test_a_clip_without_source_or_licence_is_told(robot, clip):
  assert "no licence" in finding(robot, dataclasses.replace(clip, licence=""), "source-missing").message
  assert clip.licence in finding(robot, clip, "source-missing").message


def test_a_file_says_what_its_reading_found(robot, clip, tmp_path):
  def codes(path, **options):
    return refusals(lint_file(path, robot, **options))

  path = unitree_csv(tmp_path / "a.csv", robot, clip)
  assert codes(path) == ["fps-missing"]
  assert codes(path, fps=50) == ["joint-names"]
  assert codes(path, fps=50, joint_names=robot.joint_names) == []
  assert "quaternion-order" in codes(path, fps=50, joint_names=robot.joint_names, quat_order="wxyz")
  path = mjlab_npz(tmp_path / "a.npz", robot, clip)
  findings = lint_file(path, robot, joint_names=robot.joint_names, quat_order="xyzw")
  assert any("--quat-order wxyz" in f.message for f in findings)
  bad = save_npz(tmp_path / "b.npz", dof_pos=np.array([{}], dtype=object))
  assert codes(bad) == ["pickle"]
  pickled = lint_file(gmr_pkl(tmp_path / "a.pkl", robot, clip), robot, joint_names=robot.joint_names)
  assert {f.code for f in pickled if f.level == "warn"} >= {"pickle", "source-missing"}
