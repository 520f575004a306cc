"""The mean stride of a clip, whatever its length: measured between touchdowns, never taken for the whole clip."""

import dataclasses

import numpy as np
import pytest
from made_up import SUBSTEPS, made_up_record

from wildrobot_exp.evaluation.protocol import Evaluation
from wildrobot_exp.evaluation.report.gait_plots import PHASES, aligned_reference
from wildrobot_exp.evaluation.run_folder import gait_arrays
from wildrobot_exp.evaluation.strides import clip_stride
from wildrobot_exp.motions import make_gait_grid
from wildrobot_exp.motions.clip import Clip

FRAMES = ("dof_pos", "root_pos", "root_quat_wxyz", "contacts")  # of a clip, one row per frame


@pytest.fixture(scope="module")
def clips(robot):
  """A stand and a stride of 0.8 s as a loop."""
  return make_gait_grid(robot, [0.0, 0.2], 0.8, 0.03, 0.02, 0.2, stand_at_zero=True)


def played(clip: Clip, frames: np.ndarray) -> Clip:
  """These frames of a looping clip, as a clip that is none."""
  cut = {name: getattr(clip, name)[frames % clip.num_frames] for name in FRAMES}
  cut["root_pos"] = cut["root_pos"].copy()
  cut["root_pos"][:, 0] += frames // clip.num_frames * clip.speed * clip.seconds
  return dataclasses.replace(clip, loop=False, **cut)


@pytest.mark.parametrize("frames", [130, 200])
def test_a_clip_of_several_strides_gives_the_stride_of_one(robot, clips, frames: int):
  one, several = clip_stride(robot, clips[1]), clip_stride(robot, played(clips[1], np.arange(frames) + 13))
  assert one.seconds == several.seconds == pytest.approx(0.8)
  np.testing.assert_allclose(several.joints, one.joints, atol=1e-6)
  np.testing.assert_allclose(several.heights, one.heights, atol=1e-6)
  np.testing.assert_array_equal(several.contacts, one.contacts)
  assert one.contacts[0, 0] and not one.contacts[-1, 0], "from touchdown to touchdown of the right foot"
  assert one.contacts.mean(axis=0) == pytest.approx([0.6, 0.6], abs=0.05)


def test_a_clip_that_stands_or_ends_too_soon_has_no_stride(robot, clips):
  assert clip_stride(robot, clips[0]) is None
  assert clip_stride(robot, played(clips[1], np.arange(40) + 10)) is None


def arrays(robot, clips):
  """gait.npz of a robot that was told 0.2 m/s and holds still, with a torque in one joint."""
  record = made_up_record(robot)
  record.joint_vel[:] = np.random.default_rng(0).normal(size=record.joint_vel.shape)
  record.torque[:, 1, :, robot.joint_index("left_knee_pitch")] = 2.0
  return record, gait_arrays(robot, Evaluation({}, record, 1), clips)


def test_the_reference_in_the_run_folder_is_one_stride_of_a_clip_of_any_length(robot, clips):
  long = played(clips[1], np.arange(150) + 7)
  gait = arrays(robot, [clips[0], played(clips[1], np.arange(40) + 10), long])[1]
  assert gait["stride_seconds"] == pytest.approx(0.8)
  reference = aligned_reference(gait)
  assert reference["reference_joint_pos"].shape == (PHASES, robot.num_joints)
  knee = robot.joint_index("right_knee_pitch")
  flexed = reference["reference_joint_pos"][:, knee].argmax() / (PHASES - 1)
  assert 0.6 < flexed < 0.95, "once, in the swing of the right foot"


def test_without_a_whole_stride_there_is_a_reason_in_place_of_a_reference(robot, clips):
  gait = arrays(robot, [played(clips[1], np.arange(40) + 10)])[1]
  assert "0.20 m/s, has no whole stride" in str(gait["no_reference"])
  assert not any(name.startswith(("reference", "stride")) for name in gait)
  assert "no_reference" not in arrays(robot, [])[1]


def test_torque_and_joint_velocity_of_the_shown_episode_are_kept_in_every_physics_step(robot, clips):
  record, gait = arrays(robot, clips)
  assert gait["torque"].shape == gait["joint_vel"].shape == (200, SUBSTEPS, robot.num_joints)
  np.testing.assert_array_equal(gait["joint_vel"], record.joint_vel[:, 1])
  assert gait["torque"].sum() == 2.0 * 200 * SUBSTEPS and set(gait["torque_limit"]) == {4.0}
  right, left, sign = next(pair for pair in gait["leg_pairs"] if gait["joint_names"][pair[0]] == "right_hip_pitch")
  assert gait["joint_names"][left] == "left_hip_pitch" and sign == -1
