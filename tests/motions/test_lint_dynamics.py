"""Forces by inverse dynamics agree with the simulator and with what can be worked out by hand."""

import dataclasses

import mujoco
import numpy as np
import pytest

from wildrobot_exp.motions import make_gait
from wildrobot_exp.motions.gait import stand
from wildrobot_exp.motions.lint import lint_clip, survival
from wildrobot_exp.motions.lint.dynamics import forces, outside_of
from wildrobot_exp.motions.lint.posed import pose
from wildrobot_exp.motions.mirror import leg_pairs

SQUARE = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])


@pytest.fixture(scope="module")
def clip(robot):
  return make_gait(robot, 0.2, 0.8, 0.035, 0.02, 0.2)


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [2, 0, 3, 1]])
@pytest.mark.parametrize(
  "point, distance", [((0.5, 0.5), 0), ((0.1, 0.9), 0), ((1.5, 0.5), 0.5), ((2, 2), np.sqrt(2)), ((-0.2, 0.3), 0.2)]
)
def test_distance_from_a_support_polygon(order, point, distance):
  assert outside_of(np.array(point), SQUARE[order]) == pytest.approx(distance)


def test_without_support_everything_is_outside():
  assert outside_of(np.zeros(2), np.empty((0, 2))) == np.inf


def test_standing_still_the_zmp_is_below_the_centre_of_mass(robot):
  posed = pose(robot, stand(robot, 3))
  data = mujoco.MjData(robot.model)
  data.qpos[:] = posed.qpos[0]
  mujoco.mj_forward(robot.model, data)
  np.testing.assert_allclose(forces(posed).zmp[0], data.subtree_com[0, :2], atol=1e-6)


def test_standing_torques_are_those_the_simulator_settles_at(robot):
  """Simulated with the servos holding the pose: within the servo's sag."""
  posed = pose(robot, stand(robot, 3))
  asked = forces(posed).torque[0]
  data = mujoco.MjData(robot.model)
  data.qpos[:] = posed.qpos[0]
  data.ctrl[:] = posed.joints[0] + asked / robot.model.actuator_gainprm[:, 0]
  for _ in range(500):
    mujoco.mj_step(robot.model, data)
  np.testing.assert_allclose(data.actuator_force, asked, atol=0.08)


def test_on_one_foot_the_torque_does_not_depend_on_how_the_load_is_spread(robot, clip):
  """The base's missing wrench is all on one foot, so the joints between carry it whole."""
  posed = pose(robot, clip)
  one = posed.stance.sum(axis=1) == 1
  asked = forces(posed)
  inside = one & (asked.outside == 0)
  assert inside.sum() >= 4
  pair = next(p for p in leg_pairs(robot) if robot.joint_names[p[0]] == "right_hip_roll")
  roll = np.abs(asked.torque[:, pair[:2]])
  stance = posed.stance[inside].argmax(axis=1)
  assert (roll[inside, stance] > 1.0).all()


def test_both_legs_ask_for_the_same_half_a_stride_apart(robot, clip):
  asked = forces(pose(robot, clip)).torque
  for right, left, sign in leg_pairs(robot):
    np.testing.assert_allclose(asked[:, right], sign * np.roll(asked[:, left], 20), atol=0.25)


def test_twice_as_fast_asks_for_more_than_the_servos_have(robot, clip):
  fast = {f.code: f for f in lint_clip(robot, dataclasses.replace(clip, fps=100.0, speed=0.4))}
  assert fast["torque"].level == "refuse" and "N m at frame" in fast["torque"].message
  assert fast["zmp"].level == "refuse"


def test_a_robot_in_the_air_has_no_sole_for_its_zmp(robot, clip):
  high = dataclasses.replace(clip, root_pos=clip.root_pos + [0, 0, 0.5])
  found = {f.code: f for f in lint_clip(robot, high)}["zmp"]
  assert found.level == "refuse" and "no sole" in found.message


def test_free_fall_is_not_carried_by_the_ground(robot, clip):
  time = np.arange(clip.num_frames)[:, None] / clip.fps
  still = stand(robot, clip.num_frames)
  falling = dataclasses.replace(still, root_pos=still.root_pos + 5 - 4.905 * time**2 * [0, 0, 1], loop=False)
  found = {f.code: f for f in lint_clip(robot, falling)}["zmp"]
  assert found.level == "refuse"


@pytest.mark.parametrize("speed", [0.0, 0.2])
def test_what_is_known_to_walk_open_loop_survives(robot, speed):
  assert "all 10.0 s" in survival(robot, make_gait(robot, speed, 0.8, 0.035, 0.02, 0.2))


def test_a_clip_that_cannot_be_walked_falls(robot, clip):
  assert "falls after" in survival(robot, dataclasses.replace(clip, fps=100.0, speed=0.4))
