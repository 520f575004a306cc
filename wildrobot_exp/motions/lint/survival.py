"""How long the robot stays up when its servos play the clip without any feedback."""

import copy

import mujoco
import numpy as np

from wildrobot_exp.motions.lint.dynamics import Forces
from wildrobot_exp.motions.lint.posed import Posed

SECONDS = 10.0
FALLEN_HEIGHT = 0.3  # m of the base
FALLEN_TILT = 0.5  # z of the base's up axis


def survive(posed: Posed, asked: Forces, seconds: float = SECONDS) -> tuple[float, float]:
  """Play a clip open loop; every target leads its angle by what the servo sags under the clip's torque.

  Args:
    posed: the clip, started at its first frame.
    asked: its forces.
    seconds: for how long a loop is played; any other clip is played once.

  Returns:
    seconds until the fall, and the seconds it was played for (the same if it never fell).
  """
  robot, clip = posed.robot, posed.clip
  model = copy.copy(robot.model)
  data = mujoco.MjData(model)
  data.qpos[:], data.qvel[:] = posed.qpos[0], posed.qvel[0]
  kp, kv = model.actuator_gainprm[:, 0], -model.actuator_biasprm[:, 2]
  torque = np.clip(asked.torque, model.actuator_forcerange[:, 0], model.actuator_forcerange[:, 1])
  targets = posed.joints + (torque + kv * posed.qvel[:, robot.joint_qvel]) / kp
  seconds = seconds if clip.loop else min(seconds, clip.seconds)
  for step in range(round(seconds / model.opt.timestep)):
    frame = step * model.opt.timestep * clip.fps
    first = int(frame) % len(targets)
    second = (first + 1) % len(targets) if clip.loop else min(first + 1, len(targets) - 1)
    data.ctrl[:] = targets[first] + (frame - int(frame)) * (targets[second] - targets[first])
    mujoco.mj_step(model, data)
    up = 1 - 2 * (data.qpos[4] ** 2 + data.qpos[5] ** 2)
    if not (data.qpos[2] > FALLEN_HEIGHT and up > FALLEN_TILT):
      return step * model.opt.timestep, seconds
  return seconds, seconds
