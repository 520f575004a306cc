"""Names of the model: bus order, indices by name, and errors that suggest the right name."""

import hashlib

import mujoco
import numpy as np
import pytest

from wildrobot_exp.errors import UserError
from wildrobot_exp.robots import load_robot
from wildrobot_exp.robots.robot import model_xml

LEG = ("hip_pitch", "hip_roll", "knee_pitch", "ankle_pitch", "foot_roll")
BUS = tuple(f"{side}_{joint}" for side in ("right", "left") for joint in LEG) + ("waist_yaw",)


def test_the_eleven_actuators_are_in_hardware_bus_order_and_drive_the_joint_of_their_name(robot):
  actuators = [robot.model.actuator(i) for i in range(robot.model.nu)]
  assert tuple(a.name for a in actuators) == BUS
  assert tuple(robot.model.joint(int(a.trnid[0])).name for a in actuators) == BUS
  assert robot.joint_names == BUS
  assert robot.num_joints == 11


def test_the_model_has_the_mission_robots_size(robot):
  assert (robot.model.nq, robot.model.nv, robot.model.nu) == (18, 17, 11)


def test_joint_indices_are_those_of_the_joint_of_that_name(robot):
  for i, name in enumerate(robot.joint_names):
    joint = robot.model.joint(name)
    assert robot.joint_index(name) == i
    assert robot.joint_qpos[i] == joint.qposadr[0]
    assert robot.joint_qvel[i] == joint.dofadr[0]
    np.testing.assert_array_equal(robot.joint_range[i], joint.range)


def test_sensor_slices_are_those_of_the_sensor_of_that_name(robot):
  data = mujoco.MjData(robot.model)
  data.qvel[:] = np.linspace(0.1, 1.0, robot.model.nv)
  mujoco.mj_forward(robot.model, data)
  assert len(robot.sensors) == robot.model.nsensor
  for name in robot.sensors:
    np.testing.assert_array_equal(data.sensordata[robot.sensor_slice(name)], data.sensor(name).data)


def test_home_pose_and_targets_are_the_keyframe(robot):
  home = robot.model.key("home")
  np.testing.assert_array_equal(robot.home_qpos, home.qpos)
  np.testing.assert_array_equal(robot.home_ctrl, home.ctrl)
  np.testing.assert_array_equal(robot.home_qpos[robot.joint_qpos], robot.home_ctrl)
  bent = {
    "hip_pitch": 0.25,
    "knee_pitch": 0.5,
    "ankle_pitch": -0.25,
  }  # flexion; the right hip's sign is mirrored
  for joint, angle in bent.items():
    right = -angle if joint == "hip_pitch" else angle
    assert robot.home_ctrl[robot.joint_index(f"left_{joint}")] == pytest.approx(angle)
    assert robot.home_ctrl[robot.joint_index(f"right_{joint}")] == pytest.approx(right)


def test_an_unknown_joint_is_refused_with_the_nearest_name(robot):
  with pytest.raises(UserError, match="unknown joint 'left_knee': did you mean 'left_knee_pitch'"):
    robot.joint_index("left_knee")


def test_an_unknown_sensor_is_refused_with_the_nearest_name(robot):
  with pytest.raises(UserError, match="unknown sensor 'gyroo': did you mean 'gyro'"):
    robot.sensor_slice("gyroo")


@pytest.mark.parametrize(("timestep", "substeps"), [(0.004, 5), (0.002, 10), (0.02, 1)])
def test_the_physics_timestep_divides_the_control_period(timestep, substeps):
  robot = load_robot(timestep=timestep)
  assert robot.substeps == substeps
  assert robot.model.opt.timestep == timestep
  assert robot.control_dt == 0.02


@pytest.mark.parametrize("timestep", [0.003, 0.03])
def test_a_timestep_that_does_not_divide_the_control_period_is_refused(timestep):
  with pytest.raises(ValueError, match="does not divide"):
    load_robot(timestep=timestep)


def test_the_model_hash_names_the_file_and_not_the_timestep(robot):
  assert robot.model_hash == hashlib.sha256(model_xml().encode()).hexdigest()
  assert load_robot(timestep=0.002).model_hash == robot.model_hash
