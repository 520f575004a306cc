"""DeepMimic motions: JSON with `Frames` of 44 numbers for its humanoid, y up."""

import json
from pathlib import Path

import numpy as np

from wildrobot_exp.errors import UserError
from wildrobot_exp.motions.formats.human import RAW_RETARGET
from wildrobot_exp.motions.formats.quaternions import Order, rotate, to_wxyz
from wildrobot_exp.motions.formats.raw import RawMotion
from wildrobot_exp.motions.mocap import sagittal_pose
from wildrobot_exp.robots import Robot

# Columns of a frame, right then left. The humanoid faces +x with +z to its right; all hinges turn about z.
COLUMNS = 44
DURATION, ROOT_POS, ROOT_QUAT = 0, slice(1, 4), slice(4, 8)
HIPS, KNEES, ANKLES = (slice(16, 20), slice(30, 34)), (20, 34), (slice(21, 25), slice(35, 39))
LEG_LENGTH = 0.8315  # m, its thigh and shank


def read_deepmimic(path: Path, robot: Robot, order: Order = "wxyz") -> RawMotion:
  """Hips, knees, ankles and root of the humanoid.

  Raises:
    UserError: no JSON, or not frames of this humanoid.
  """
  try:
    content = json.loads(path.read_text(encoding="utf-8"))
    frames = np.asarray(content["Frames"], dtype=np.float64)
  except (ValueError, KeyError, TypeError) as error:
    raise UserError(f"{path}: no DeepMimic motion, needs JSON with `Frames` of {COLUMNS} numbers each") from error
  if frames.ndim != 2 or frames.shape[1] != COLUMNS:
    raise UserError(f"{path}: Frames has shape {frames.shape}, needs [T, {COLUMNS}] of the humanoid of DeepMimic")
  durations = frames[:, DURATION]
  known = len(durations) > 1 and durations[0] > 0
  angles = np.stack([_leg(frames, leg, order) for leg in (0, 1)], axis=1)
  return RawMotion(
    format="DeepMimic JSON",
    fps=float(1 / np.median(durations[:-1])) if known else None,
    joint_names=robot.joint_names,
    dof_pos=sagittal_pose(robot, angles)[:, robot.joint_qpos],
    root_pos=frames[:, ROOT_POS],
    root_quat=frames[:, ROOT_QUAT],
    order=order,
    y_up=True,
    leg_length=LEG_LENGTH,
    notes=(RAW_RETARGET,),
  )


def _leg(frames: np.ndarray, leg: int, order: Order) -> np.ndarray:
  """[T, 3] hip flexion, knee flexion, ankle dorsiflexion, rad."""
  thigh = rotate(_unit(frames[:, HIPS[leg]], order), np.array([0.0, -1.0, 0.0]))
  toes = rotate(_unit(frames[:, ANKLES[leg]], order), np.array([1.0, 0.0, 0.0]))
  hip, ankle = np.arctan2(thigh[:, 0], -thigh[:, 1]), np.arctan2(toes[:, 1], toes[:, 0])
  return np.stack([hip, -frames[:, KNEES[leg]], ankle], axis=1)


def _unit(columns: np.ndarray, order: Order) -> np.ndarray:
  quat = to_wxyz(columns, order)
  return quat / np.maximum(np.linalg.norm(quat, axis=1, keepdims=True), 1e-9)
