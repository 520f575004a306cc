"""The person's walk: the shipped numbers, and what becomes of them on the robot."""

import mujoco
import numpy as np
import pytest
from on_the_floor import assert_sane, soles

from wildrobot_exp.errors import UserError
from wildrobot_exp.motions import to_states
from wildrobot_exp.motions.human_walk import load_human_walk
from wildrobot_exp.motions.mocap import make_mocap_grid, make_mocap_walk, sagittal_pose

SPEEDS = [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]
DEFAULTS = {"stride_seconds": 0.8, "amplitude": 0.5, "lift": 0.025, "crouch": 0.016}


@pytest.fixture(scope="module")
def clips(robot):
  return make_mocap_grid(robot, SPEEDS, stand_at_zero=False, **DEFAULTS)


def test_the_walk_is_a_human_one():
  """Ranges of healthy adults, and the other leg half a stride later."""
  walk = load_human_walk()
  angles = np.degrees(walk.angles(np.arange(200) / 200))
  hip, knee, ankle = np.ptp(angles, axis=0).mean(axis=0)
  assert 35 < hip < 50 and 55 < knee < 75 and 20 < ankle < 40
  assert angles[:, :, 1].min() > -5
  np.testing.assert_allclose(np.roll(angles[:, 1], 100, axis=0), angles[:, 0], atol=6)
  assert np.sqrt(np.mean((np.roll(angles[:, 1], 100, axis=0) - angles[:, 0]) ** 2)) < 2.5
  assert 0.58 < walk.stance_share < 0.64 and 1.0 < walk.stride_seconds < 1.2


def test_the_source_and_licence_travel_with_every_clip(clips):
  for clip in clips:
    assert "10.7717/peerj.4640" in clip.source and "changed:" in clip.source
    assert clip.licence == "CC-BY-4.0"


def test_flexion_bends_both_legs_the_way_a_person_bends(robot):
  """Hip flexion brings the foot forward, knee flexion back, dorsiflexion lifts the toe: on either side."""
  still = soles(robot, robot.model.qpos0[None])[0][0]
  data = mujoco.MjData(robot.model)
  for joint, direction in ((0, 1), (1, -1)):
    angles = np.zeros((1, 2, 3))
    angles[..., joint] = 0.3
    moved = soles(robot, sagittal_pose(robot, angles))[0][0] - still
    assert (moved[:, 0] * direction > 0.03).all()
  data.qpos[:] = sagittal_pose(robot, np.array([[[0, 0, 0.3], [0, 0, 0.3]]]))[0]
  mujoco.mj_kinematics(robot.model, data)
  for foot in ("right", "left"):
    assert data.geom(f"{foot}_sole_front_left").xpos[2] > data.geom(f"{foot}_sole_back_left").xpos[2] + 0.01


@pytest.mark.parametrize("index", range(len(SPEEDS)))
def test_the_robot_can_do_it(robot, clips, index):
  clip = clips[index]
  assert clip.loop and clip.speed == SPEEDS[index] and clip.num_frames == 40
  assert_sane(robot, clip)
  _, qvel = to_states(robot, clip)
  np.testing.assert_allclose(qvel[:, :3].mean(axis=0), [clip.speed, 0, 0], atol=1e-9)
  _, lowest = soles(robot, to_states(robot, clip)[0])
  assert lowest.max() > 0.02


def test_the_seam_is_as_smooth_as_the_rest(robot, clips):
  for clip in clips:
    qpos, qvel = to_states(robot, clip)
    after = qpos[0] + np.eye(len(qpos[0]))[0] * clip.speed * clip.seconds
    inside = np.abs(np.diff(qpos, axis=0)).max(axis=0)
    assert (np.abs(after - qpos[-1]) <= 1.1 * inside + 1e-6).all()
    assert (np.abs(qvel[0] - qvel[-1]) <= 1.2 * np.abs(np.diff(qvel, axis=0)).max(axis=0) + 1e-6).all()


def test_hips_and_knees_move_as_the_person_s_do(robot, clips):
  phase = np.arange(40) / 40 + 0.55  # the clip starts in mid double support, after the left heel strike
  person = sagittal_pose(robot, load_human_walk().angles(phase))[:, robot.joint_qpos]
  for name, least in (("hip_pitch", 0.75), ("knee_pitch", 0.6)):
    for side in ("right", "left"):
      joint = robot.joint_index(f"{side}_{name}")
      assert np.corrcoef(person[:, joint], clips[-1].dof_pos[:, joint])[0, 1] > least


def test_faster_walks_have_longer_steps_in_the_same_time(robot, clips):
  for clip in clips:
    centres, _ = soles(robot, to_states(robot, clip)[0])
    down = clip.contacts[:, 0]
    landed = centres[down, 0, 0]
    assert np.ptp(landed) == pytest.approx(clip.speed * clip.seconds, abs=0.004)


@pytest.mark.parametrize("change", [{"amplitude": 0.4}, {"lift": 0.02}, {"crouch": 0.015}, {"stride_seconds": 0.84}])
def test_every_parameter_changes_the_walk(robot, clips, change):
  clip = make_mocap_walk(robot, 0.1, **(DEFAULTS | change))
  assert clip.dof_pos.shape != clips[2].dof_pos.shape or not np.allclose(clip.dof_pos, clips[2].dof_pos, atol=1e-3)


@pytest.mark.parametrize(
  "change, words",
  [
    ({"amplitude": 0.0}, ["amplitude", "(0, 1]"]),
    ({"stride_seconds": 0.81}, ["stride_seconds", "0.8"]),
    ({"lift": 0.06}, ["rad", "lower the speed or lift"]),
    ({"speed": 0.9}, ["0.9 m/s"]),
  ],
)
def test_what_cannot_be_done_is_refused_in_one_line(robot, change, words):
  with pytest.raises(UserError) as error:
    make_mocap_walk(robot, **({"speed": 0.2} | DEFAULTS | change))
  assert all(word in str(error.value) for word in words) and "\n" not in str(error.value)
