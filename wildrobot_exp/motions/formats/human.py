"""What every human recording needs to come to this robot's size."""

import mujoco

from wildrobot_exp.robots import Robot

RAW_RETARGET = (
  "raw retarget of a human motion: hip, knee and ankle angles about the mediolateral axis and the root alone, "
  "the other joints at 0; horizontal motion scaled by leg length, the lowest sole put on the floor in every frame; "
  "expect findings on speed, slip and zmp"
)


def leg_length(robot: Robot) -> float:
  """Hip pitch to ankle pitch joint with the leg straight, m."""
  data = mujoco.MjData(robot.model)
  mujoco.mj_kinematics(robot.model, data)
  hip, ankle = (data.xanchor[robot.model.joint(f"right_{name}").id] for name in ("hip_pitch", "ankle_pitch"))
  return float(hip[2] - ankle[2])
