"""From a config to its clips. Imports no JAX: whether a motion can be had is asked before anything starts."""

from typing import Any

from wildrobot_exp.motions.clip import Clip
from wildrobot_exp.motions.files import load_clips
from wildrobot_exp.motions.gait import make_gait_grid
from wildrobot_exp.motions.mirror import mirror_clip
from wildrobot_exp.motions.mocap import make_mocap_grid
from wildrobot_exp.motions.resample import resample
from wildrobot_exp.robots import Robot


def make_clips(motion: Any, robot: Robot) -> list[Clip]:
  """The clips of the config's `motion` section, at the control rate.

  Raises:
    UserError: a file cannot be read or is of another robot, or the robot cannot perform the motion.
  """
  fps = 1 / robot.control_dt
  if motion.name == "file":
    clips = [resample(clip, fps) for clip in load_clips(motion.path, robot)]
  else:
    make, own = {"gait": (make_gait_grid, "double_support"), "mocap": (make_mocap_grid, "amplitude")}[motion.name]
    keys = ("stride_seconds", "lift", "crouch", "stand_at_zero", own)
    clips = make(robot, list(motion.speeds), fps=fps, **{key: getattr(motion, key) for key in keys})
  return clips + [mirror_clip(robot, clip) for clip in clips] if motion.mirror else clips
