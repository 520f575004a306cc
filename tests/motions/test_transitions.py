"""Starts, stops and curves: true to the floor, and seamless with the steady walk."""

import mujoco
import numpy as np
import pytest
from on_the_floor import assert_sane, soles

from wildrobot_exp.errors import UserError
from wildrobot_exp.motions import make_gait, to_states
from wildrobot_exp.motions.transitions import make_transition

SHAPE = {"stride_seconds": 0.8, "lift": 0.03, "crouch": 0.02, "double_support": 0.2}
STRIDE = 40  # frames


@pytest.fixture(scope="module")
def start(robot):
  return make_transition(robot, "start", 0.2, **SHAPE)


@pytest.fixture(scope="module")
def stop(robot):
  return make_transition(robot, "stop", 0.2, **SHAPE)


@pytest.fixture(scope="module")
def left(robot):
  return make_transition(robot, "turn", 0.2, **SHAPE, turn=0.3)


@pytest.fixture(scope="module")
def steady(robot):
  return make_gait(robot, 0.2, **SHAPE)


def yaw(clip):
  return 2 * np.arctan2(clip.root_quat_wxyz[:, 3], clip.root_quat_wxyz[:, 0])


@pytest.mark.parametrize("name", ["start", "stop", "left"])
def test_the_robot_can_do_it(robot, request, name):
  clip = request.getfixturevalue(name)
  assert not clip.loop and clip.speed == 0.2
  np.testing.assert_allclose(clip.root_pos[0, :2], 0, atol=1e-12)
  assert_sane(robot, clip)


@pytest.mark.parametrize("speed, turn", [(0.0, 0.3), (0.1, -0.2), (0.25, 0.1)])
def test_curves_of_other_radii(robot, speed, turn):
  assert_sane(robot, make_transition(robot, "turn", speed, **SHAPE, turn=turn))


def test_a_start_begins_at_rest_in_the_home_pose_and_ends_in_the_steady_walk(robot, start, steady):
  qpos, qvel = to_states(robot, start)
  np.testing.assert_allclose(qpos[0, 7:], robot.home_qpos[7:], atol=0.05)
  assert np.abs(qvel[0]).max() < 0.05
  np.testing.assert_allclose(start.dof_pos[-1 - STRIDE : -1], steady.dof_pos, atol=0.01)
  np.testing.assert_array_equal(start.contacts[-1 - STRIDE : -1], steady.contacts)
  assert start.root_pos[-1, 0] - start.root_pos[-1 - STRIDE, 0] == pytest.approx(0.16, abs=1e-3)


def test_a_stop_begins_in_the_steady_walk_and_ends_at_rest_in_the_home_pose(robot, stop, steady):
  qpos, qvel = to_states(robot, stop)
  np.testing.assert_allclose(stop.dof_pos[:STRIDE], steady.dof_pos, atol=0.01)
  np.testing.assert_allclose(qpos[-1, 7:], robot.home_qpos[7:], atol=0.05)
  assert np.abs(qvel[-1]).max() < 0.05
  assert stop.contacts[-10:].all()
  centres, _ = soles(robot, qpos[-1:])
  assert centres[0, 0, 0] == pytest.approx(centres[0, 1, 0], abs=1e-3)


def test_the_body_is_thrown_over_the_first_stance_foot_and_moves_smoothly(robot, start):
  """The first swing is the right one: the centre of mass goes left, and nothing jumps."""
  qpos, qvel = to_states(robot, start)
  lift_off = np.flatnonzero(~start.contacts[:, 0])[0]
  assert start.contacts[:lift_off].all()
  assert qpos[lift_off, 1] > 0.01
  assert np.abs(np.diff(qvel[:, :3], axis=0)).max() * start.fps < 8  # m/s^2


def test_a_curve_turns_at_the_asked_rate_along_its_arc(robot, left):
  np.testing.assert_allclose(yaw(left), 0.3 * np.arange(left.num_frames) / left.fps, atol=1e-9)
  ends = left.root_pos[[0, STRIDE, 2 * STRIDE], :2]
  chord = 2 * 0.2 / 0.3 * np.sin(0.3 * 0.8 / 2)
  np.testing.assert_allclose(np.linalg.norm(np.diff(ends, axis=0), axis=1), chord, atol=2e-3)
  assert ends[2, 1] > 0.03


def test_each_stride_of_a_curve_is_the_one_before_turned(robot, left):
  np.testing.assert_allclose(left.dof_pos[STRIDE:], left.dof_pos[: STRIDE + 1], atol=2e-3)


def test_the_feet_face_where_the_body_faces(robot, left):
  qpos, _ = to_states(robot, left)
  data = mujoco.MjData(robot.model)
  for q, heading in zip(qpos, yaw(left), strict=True):
    data.qpos[:] = q
    mujoco.mj_kinematics(robot.model, data)
    for foot in ("right", "left"):
      forward = data.site(f"{foot}_foot").xmat.reshape(3, 3)[:, 0]
      assert np.arctan2(forward[1], forward[0]) == pytest.approx(heading, abs=0.12)


def test_a_curve_to_the_right_mirrors_one_to_the_left(robot, left):
  right = make_transition(robot, "turn", 0.2, **SHAPE, turn=-0.3)
  np.testing.assert_allclose(yaw(right), -yaw(left), atol=1e-12)
  half = STRIDE // 2
  a, b = robot.joint_index("left_knee_pitch"), robot.joint_index("right_knee_pitch")
  np.testing.assert_allclose(right.dof_pos[half:, a], left.dof_pos[:-half, b], atol=0.02)


@pytest.mark.parametrize(
  "manoeuvre, change, words",
  [
    ("turn", {"turn": 1.0}, "no hip yaw, use at most 0.45 rad/s"),
    ("turn", {}, "other than 0"),
    ("start", {"turn": 0.2}, "only there"),
    ("turn", {"turn": float("nan")}, "finite"),
    ("hop", {}, "unknown manoeuvre 'hop'"),
    ("start", {"speed": -0.1}, "backwards"),
    ("start", {"stride_seconds": 0.81}, "nearest that is: 0.8"),
    ("start", {"crouch": 1.0}, "crouch"),
    ("stop", {"lift": 0.07}, "lower the speed or lift"),
    ("stop", {"speed": 1.0}, "1 m/s"),
  ],
)
def test_what_cannot_be_done_is_refused_in_one_line(robot, manoeuvre, change, words):
  with pytest.raises(UserError) as error:
    make_transition(robot, manoeuvre, **({"speed": 0.2} | SHAPE | change))
  assert words in str(error.value) and "\n" not in str(error.value)
