"""Where the soles are, by forward kinematics."""

import mujoco
import numpy as np

from wildrobot_exp.robots import Robot
from wildrobot_exp.robots.robot import FEET


def sole_geoms(robot: Robot, side: str) -> list[int]:
  """Ids of the spheres that carry the outline of one sole."""
  return [i for i in range(robot.model.ngeom) if robot.model.geom(i).name.startswith(f"{side}_sole_")]


def sole_points(robot: Robot, qpos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Soles of the poses qpos [T, nq], right then left.

  Returns:
    the lowest points of their corners [T, 2, 4, 3] and their centres [T, 2, 3] in the world, m.
  """
  model, data = robot.model, mujoco.MjData(robot.model)
  geoms = [sole_geoms(robot, side) for side in FEET]
  sites = [model.site(f"{side}_foot").id for side in FEET]
  corners, centres = np.empty((len(qpos), 2, len(geoms[0]), 3)), np.empty((len(qpos), 2, 3))
  for frame, data.qpos[:] in enumerate(qpos):
    mujoco.mj_kinematics(model, data)
    corners[frame], centres[frame] = data.geom_xpos[geoms], data.site_xpos[sites]
  corners[..., 2] -= model.geom_size[geoms, 0]
  return corners, centres
