"""The generated gait: true to its formula, true to the robot, true to what was asked."""

import subprocess
import sys
import time

import mujoco
import numpy as np
import pytest

from wildrobot_exp.errors import UserError
from wildrobot_exp.motions import make_gait, make_gait_grid, to_states
from wildrobot_exp.motions.gait import SERVO_SPEED, pendulum_com
from wildrobot_exp.motions.step_plan import Stance, plan_steps
from wildrobot_exp.robots import load_robot
from wildrobot_exp.robots.robot import FEET

SPEEDS = [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]
DEFAULTS = {"stride_seconds": 0.8, "lift": 0.035, "crouch": 0.02, "double_support": 0.2}


@pytest.fixture(scope="module")
def robot():
  return load_robot()


@pytest.fixture(scope="module")
def clips(robot):
  """Every default speed, stepping in place at 0."""
  return make_gait_grid(robot, SPEEDS, stand_at_zero=False, **DEFAULTS)


def pose(robot, qpos):
  """By forward kinematics: sole corners [T, 2, 4, 3], sole centres [T, 2, 3], centre of mass [T, 3]."""
  data = mujoco.MjData(robot.model)
  names = [f"{end}_{side}" for end in ("front", "back") for side in ("left", "right")]
  corners, soles, com = [], [], []
  for q in qpos:
    data.qpos[:] = q
    mujoco.mj_kinematics(robot.model, data)
    mujoco.mj_comPos(robot.model, data)
    corners.append([[data.geom(f"{foot}_sole_{n}").xpos.copy() for n in names] for foot in FEET])
    soles.append([data.site(f"{foot}_foot").xpos.copy() for foot in FEET])
    com.append(data.subtree_com[0].copy())
  return np.array(corners), np.array(soles), np.array(com)


def test_lateral_sway_is_the_closed_form_of_the_pendulum():
  omega, stride_seconds, width = 5.84, 0.8, 0.184
  stance = Stance(base_height=0.5, com_height=0.287, foot_separation=width, toe=0.07)
  steps = plan_steps(1280, 0.0, stride_seconds, 0.03, 0.0, stance)
  sway = pendulum_com(steps.zmp, omega, stride_seconds)[:, 1]
  expected = width / 2 * (1 - 1 / np.cosh(omega * stride_seconds / 4))
  assert sway.max() == pytest.approx(expected, rel=1e-3)
  assert sway.min() == pytest.approx(-expected, rel=1e-3)


def test_the_pendulum_obeys_its_equation_of_motion():
  omega, seconds, n = 5.7, 0.8, 640
  time_ = np.arange(n) * seconds / n
  zmp = np.stack([0.05 * np.sin(2 * np.pi * time_ / seconds), 0.02 * np.cos(6 * np.pi * time_ / seconds)], -1)
  com = pendulum_com(zmp, omega, seconds)
  step = seconds / n
  acceleration = (np.roll(com, 1, axis=0) - 2 * com + np.roll(com, -1, axis=0)) / step**2
  np.testing.assert_allclose(acceleration, omega**2 * (com - zmp), atol=1e-3)


def test_the_robots_centre_of_mass_sways_as_planned(robot, clips):
  _, soles, com = pose(robot, to_states(robot, clips[4])[0])
  width = soles[0, 1, 1] - soles[0, 0, 1]
  stance = Stance(base_height=0.5, com_height=0.2925, foot_separation=width, toe=0.07)
  steps = plan_steps(1280, 0.2, 0.8, 0.035, 0.2, stance)
  planned = pendulum_com(steps.zmp[:, 1:], np.sqrt(9.81 / 0.2925), 0.8)[::32, 0]
  np.testing.assert_allclose(com[:, 1], planned, atol=4e-3)
  assert np.corrcoef(com[:, 1], planned)[0, 1] > 0.99


def test_the_root_moves_at_the_asked_speed(robot, clips):
  for speed, clip in zip(SPEEDS, clips, strict=True):
    _, qvel = to_states(robot, clip)
    np.testing.assert_allclose(qvel[:, :3].mean(axis=0), [speed, 0, 0], atol=1e-9)
    assert clip.speed == speed and clip.loop and clip.num_frames == 40 and clip.seconds == pytest.approx(0.8)


def test_the_seam_is_as_smooth_as_the_rest(robot, clips):
  for clip in clips:
    qpos, qvel = to_states(robot, clip)
    after = qpos[0] + np.eye(len(qpos[0]))[0] * clip.speed * clip.seconds
    for values, end in ((qpos, after), (qvel, qvel[0])):
      inside = np.abs(np.diff(values, axis=0)).max(axis=0)
      assert (np.abs(end - values[-1]) <= 1.1 * inside + 1e-6).all()


def test_the_left_half_mirrors_the_right_half(robot, clips):
  mirror = {"hip_pitch": -1, "hip_roll": -1, "knee_pitch": 1, "ankle_pitch": 1, "foot_roll": 1}
  for clip in clips:
    half = clip.num_frames // 2
    for joint, sign in mirror.items():
      right = clip.dof_pos[:, clip.joint_names.index(f"right_{joint}")]
      left = clip.dof_pos[:, clip.joint_names.index(f"left_{joint}")]
      # The chassis' centre of mass is 2.5 mm to the left, hence not exactly.
      np.testing.assert_allclose(np.roll(left, half), sign * right, atol=0.015, err_msg=joint)
    np.testing.assert_array_equal(np.roll(clip.contacts[:, 1], half), clip.contacts[:, 0])


def test_feet_touch_the_ground_and_never_go_below(robot, clips):
  radius = robot.model.geom("right_sole_front_left").size[0]
  for clip in clips:
    corners, _, _ = pose(robot, to_states(robot, clip)[0])
    height = corners[..., 2].min(axis=-1) - radius
    assert height.min() > -5e-4
    assert height[clip.contacts].max() < 5e-4
    assert height[~clip.contacts].min() > -5e-4
    assert height.max() == pytest.approx(0.035, abs=0.002)


def test_a_foot_on_the_ground_does_not_slip(robot, clips):
  for clip in clips:
    qpos, _ = to_states(robot, clip)
    two = np.concatenate([qpos, qpos + np.eye(len(qpos[0]))[0] * clip.speed * clip.seconds])
    corners, soles, _ = pose(robot, two)
    along = (corners[:, :, 0] - corners[:, :, 2])[..., :2]
    heading = np.degrees(np.arctan2(along[..., 1], along[..., 0]))
    contacts = np.tile(clip.contacts, (2, 1))
    for foot in range(2):
      landing = np.flatnonzero(contacts[1:, foot] & ~contacts[:-1, foot])[0] + 1
      stance = slice(landing, landing + clip.contacts[:, foot].sum())
      assert contacts[stance, foot].all()
      assert np.ptp(soles[stance, foot, :2], axis=0).max() < 2e-3
      assert np.ptp(heading[stance, foot]) < 5  # five joints per leg: a level sole turns a little


def test_joints_stay_within_their_range_and_the_servos_speed(robot, clips):
  for clip in clips:
    low, high = robot.joint_range.T
    assert (clip.dof_pos >= low).all() and (clip.dof_pos <= high).all()
    assert np.abs(to_states(robot, clip)[1][:, robot.joint_qvel]).max() < SERVO_SPEED
    assert not clip.dof_pos[:, clip.joint_names.index("waist_yaw")].any()


@pytest.mark.parametrize("start", [0, 20])
@pytest.mark.parametrize("index", [0, 2])
def test_the_servos_can_walk_it_without_feedback(robot, clips, index, start):
  """Slow clips played open loop for 5 s: what AMP imitates is close to what the robot can do."""
  clip = clips[index]
  qpos, qvel = to_states(robot, clip)
  data = mujoco.MjData(robot.model)
  data.qpos[:], data.qvel[:] = qpos[start], qvel[start]
  for step in range(250):
    data.ctrl[:] = qpos[(start + step + 1) % clip.num_frames, robot.joint_qpos]
    mujoco.mj_step(robot.model, data, robot.substeps)
  assert data.qpos[2] > 0.42
  assert (data.qpos[0] - qpos[start, 0]) / 5 == pytest.approx(clip.speed, abs=0.06)


def test_standing_is_the_home_pose_on_the_ground(robot):
  stand, walk = make_gait_grid(robot, [0.0, 0.1], stand_at_zero=True, **DEFAULTS)
  qpos, qvel = to_states(robot, stand)
  assert stand.num_frames == walk.num_frames and stand.contacts.all() and not qvel.any()
  np.testing.assert_allclose(qpos[:, 7:], np.tile(robot.home_qpos[7:], (40, 1)))
  np.testing.assert_allclose(pose(robot, qpos)[1][..., 2], 0, atol=1e-9)


def test_stepping_in_place_lifts_the_feet(clips):
  assert clips[0].speed == 0 and not clips[0].contacts.all()


def test_the_whole_grid_takes_less_than_two_seconds(robot):
  start = time.process_time()
  make_gait_grid(robot, SPEEDS, stand_at_zero=True, **DEFAULTS)
  assert time.process_time() - start < 2


def test_the_gait_is_made_without_jax():
  code = "import sys, wildrobot_exp.motions; sys.exit('jax' in sys.modules)"
  assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
  "change, words",
  [
    ({"stride_seconds": 0.81}, ["stride_seconds", "0.8"]),
    ({"stride_seconds": 0.0}, ["stride_seconds"]),
    ({"double_support": 1.0}, ["double_support"]),
    ({"lift": -0.01}, ["lift"]),
    ({"crouch": 0.0}, ["crouch"]),
    ({"crouch": 1.0}, ["crouch"]),
    ({"speed": -0.1}, ["speed"]),
    ({"speed": float("nan")}, ["finite"]),
    ({"speed": 1.5}, ["1.5 m/s", "leg", "mm"]),
    ({"lift": 0.06}, ["0.2 m/s", "ankle_pitch", "rad", "range"]),
    ({"stride_seconds": 0.4, "speed": 0.05}, ["0.05 m/s", "rad/s", "5.8"]),
  ],
)
def test_what_cannot_be_done_is_refused_in_one_line_with_the_numbers(robot, change, words):
  with pytest.raises(UserError) as error:
    make_gait(robot, **({"speed": 0.2} | DEFAULTS | change))
  assert all(word in str(error.value) for word in words) and "\n" not in str(error.value)


def test_a_grid_without_speeds_is_refused(robot):
  with pytest.raises(UserError, match="speeds"):
    make_gait_grid(robot, [], stand_at_zero=True, **DEFAULTS)
