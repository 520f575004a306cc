"""Records made up by hand."""

import numpy as np

from wildrobot_exp.evaluation.rollouts import Record

DT = 0.02
SUBSTEPS = 5


def made_up_record(robot, steps: int = 200, commands=(0.2, 0.2), **fields) -> Record:
  """A record of robots that hold the home pose without moving, except for the fields given."""
  n = len(commands)
  still = dict(
    qpos=np.tile(robot.home_qpos, (steps, n, 1)),
    qvel=np.zeros((steps, n, robot.model.nv)),
    torque=np.zeros((steps, n, SUBSTEPS, robot.num_joints)),
    joint_vel=np.zeros((steps, n, SUBSTEPS, robot.num_joints)),
    feet_load=np.full((steps, n, 2), 17.0),
    feet_pos=np.zeros((steps, n, 2, 3)),
    linvel=np.zeros((steps, n, 3)),
    yaw_rate=np.zeros((steps, n)),
    reward=np.ones((steps, n)),
    alive=np.ones((steps, n), dtype=bool),
    start_pos=np.zeros((n, 3)),
    commands=np.array(commands),
    dt=DT,
  )
  return Record(**(still | fields))
