"""The mirror map comes from the geometry, and forward kinematics agrees with it."""

import dataclasses

import mujoco
import numpy as np
import pytest

from wildrobot_exp.motions import make_gait
from wildrobot_exp.motions.mirror import leg_pairs, mirror_clip, mirror_map, mirror_qpos
from wildrobot_exp.robots.robot import model_xml


def other(name: str) -> str:
  if name.startswith("left_"):
    return name.replace("left_", "right_", 1)
  return name.replace("right_", "left_", 1)


@pytest.fixture(scope="module")
def poses(robot):
  """[20, nq] anywhere, any way up, the joints anywhere in their range."""
  rng = np.random.default_rng(0)
  qpos = rng.normal(size=(20, robot.model.nq))
  qpos[:, 3:7] /= np.linalg.norm(qpos[:, 3:7], axis=1, keepdims=True)
  qpos[:, robot.joint_qpos] = rng.uniform(*robot.joint_range.T, (20, robot.num_joints))
  return qpos


def bodies(robot, qpos):
  data = mujoco.MjData(robot.model)
  data.qpos[:] = qpos
  mujoco.mj_kinematics(robot.model, data)
  names = [robot.model.body(i).name for i in range(1, robot.model.nbody)]
  places = {name: data.body(name).xpos.copy() for name in names}
  turns = {name: data.body(name).xmat.reshape(3, 3).copy() for name in names}
  return places, turns


def test_every_body_of_the_mirrored_robot_is_where_the_mirror_shows_its_partner(robot, poses):
  flip = np.diag([1.0, -1.0, 1.0])
  for qpos, mirrored in zip(poses, mirror_qpos(robot, poses), strict=True):
    (places, turns), (mirror_places, mirror_turns) = bodies(robot, qpos), bodies(robot, mirrored)
    for name, place in places.items():
      np.testing.assert_allclose(mirror_places[other(name)], flip @ place, atol=1e-9, err_msg=name)
      np.testing.assert_allclose(mirror_turns[other(name)], flip @ turns[name] @ flip, atol=1e-9, err_msg=name)


def test_mirroring_twice_changes_nothing(robot, poses):
  np.testing.assert_allclose(mirror_qpos(robot, mirror_qpos(robot, poses)), poses, atol=1e-15)


def test_mirrored_joints_stay_in_their_range(robot, poses):
  joints = mirror_qpos(robot, poses)[:, robot.joint_qpos]
  assert (joints >= robot.joint_range[:, 0]).all() and (joints <= robot.joint_range[:, 1]).all()


def test_partners_are_the_same_joint_of_the_other_leg(robot):
  mirror = mirror_map(robot)
  assert [robot.joint_names[j] for j in mirror.partner] == [other(name) for name in robot.joint_names]
  np.testing.assert_array_equal(mirror.sign[mirror.partner], mirror.sign)
  assert mirror.sign[robot.joint_index("waist_yaw")] == -1
  pairs = leg_pairs(robot)
  assert len(pairs) == 5 and set(pairs[:, 2]) == {-1, 1}


def test_a_model_that_limps_is_refused(robot):
  spec = mujoco.MjSpec.from_string(model_xml())
  spec.body("left_lower_leg").pos[2] -= 0.02
  with pytest.raises(ValueError, match="no mirror image"):
    mirror_map(dataclasses.replace(robot, model=spec.compile()))


def test_a_generated_stride_is_its_own_mirror_image_half_a_stride_later(robot):
  """So mirrored copies of the gait would add nothing: motion=gait leaves them out."""
  clip = make_gait(robot, 0.2, 0.8, 0.035, 0.02, 0.2)
  mirrored = mirror_clip(robot, clip)
  half = clip.num_frames // 2
  # The chassis' centre of mass is 2.5 mm to the left, hence not exactly.
  np.testing.assert_allclose(np.roll(mirrored.dof_pos, half, axis=0), clip.dof_pos, atol=0.015)
  np.testing.assert_array_equal(np.roll(mirrored.contacts, half, axis=0), clip.contacts)
  assert (mirrored.speed, mirrored.loop, mirrored.fps) == (clip.speed, clip.loop, clip.fps)


def test_columns_in_another_order_are_matched_by_name(robot):
  clip = make_gait(robot, 0.1, 0.8, 0.035, 0.02, 0.2)
  shuffled = dataclasses.replace(clip, joint_names=clip.joint_names[::-1], dof_pos=clip.dof_pos[:, ::-1])
  np.testing.assert_allclose(mirror_clip(robot, shuffled).dof_pos, mirror_clip(robot, clip).dof_pos)
