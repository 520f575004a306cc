"""Names of the model, looked up once: joints, sensors, home pose.

Everything else in the package speaks of joints and sensors by name or in *joint order*,
which is the order of the actuators on the hardware bus (`Robot.joint_names`).
"""

import dataclasses
import hashlib
import importlib.resources
from collections.abc import Mapping

import mujoco
import numpy as np

from wildrobot_exp.errors import unknown_name

FEET = ("right", "left")


@dataclasses.dataclass(frozen=True, eq=False)
class Robot:
  """A compiled model and the indices of its names.

  Attributes:
    model: the compiled MuJoCo model. One control step is `substeps` of its timesteps.
    control_dt: seconds per control step.
    substeps: physics steps per control step.
    joint_names: [J] in actuator order.
    joint_qpos: [J] index of each joint in qpos.
    joint_qvel: [J] index of each joint in qvel.
    joint_range: [J, 2] rad.
    home_qpos: [nq] the home keyframe.
    home_ctrl: [J] servo targets that hold the home pose, rad.
    sensors: slice of every named sensor in sensordata.
    model_hash: sha256 of the MJCF text.
  """

  model: mujoco.MjModel
  control_dt: float
  substeps: int
  joint_names: tuple[str, ...]
  joint_qpos: np.ndarray
  joint_qvel: np.ndarray
  joint_range: np.ndarray
  home_qpos: np.ndarray
  home_ctrl: np.ndarray
  sensors: Mapping[str, slice]
  model_hash: str

  @property
  def num_joints(self) -> int:
    return len(self.joint_names)

  @property
  def joint_torque(self) -> slice:
    """The slice of the servo torques [J] in sensordata: their sensors stand together, in joint order."""
    first = self.sensor_slice(f"{self.joint_names[0]}_torque").start
    return slice(first, first + self.num_joints)

  def sensor_slice(self, name: str) -> slice:
    """The slice of sensor `name` in sensordata.

    Raises:
      UserError: no such sensor.
    """
    if name not in self.sensors:
      raise unknown_name("sensor", name, self.sensors)
    return self.sensors[name]

  def joint_index(self, name: str) -> int:
    """Position of joint `name` in joint order.

    Raises:
      UserError: no such joint.
    """
    if name not in self.joint_names:
      raise unknown_name("joint", name, self.joint_names)
    return self.joint_names.index(name)


def model_xml() -> str:
  """The MJCF text shipped with the package."""
  return (importlib.resources.files("wildrobot_exp.robots") / "wildrobot.xml").read_text()


def model_hash() -> str:
  """The sha256 of the MJCF text shipped with the package."""
  return hashlib.sha256(model_xml().encode()).hexdigest()


def load_robot(control_dt: float = 0.02, timestep: float = 0.004) -> Robot:
  """Compile the model with the given physics timestep.

  Args:
    control_dt: seconds per control step.
    timestep: seconds per physics step; has to divide control_dt.

  Raises:
    ValueError: timestep does not divide control_dt.
  """
  substeps = round(control_dt / timestep)
  if substeps < 1 or abs(substeps * timestep - control_dt) > 1e-9:
    raise ValueError(f"timestep {timestep} s does not divide the control period {control_dt} s")
  model = mujoco.MjModel.from_xml_string(model_xml())
  model.opt.timestep = timestep

  joint_ids = model.actuator_trnid[:, 0]
  home = model.key("home")
  sensors = {}
  for i in range(model.nsensor):
    start = int(model.sensor_adr[i])
    sensors[model.sensor(i).name] = slice(start, start + int(model.sensor_dim[i]))
  return Robot(
    model=model,
    control_dt=control_dt,
    substeps=substeps,
    joint_names=tuple(model.joint(j).name for j in joint_ids),
    joint_qpos=model.jnt_qposadr[joint_ids].copy(),
    joint_qvel=model.jnt_dofadr[joint_ids].copy(),
    joint_range=model.jnt_range[joint_ids].copy(),
    home_qpos=home.qpos.copy(),
    home_ctrl=home.ctrl.copy(),
    sensors=sensors,
    model_hash=model_hash(),
  )
