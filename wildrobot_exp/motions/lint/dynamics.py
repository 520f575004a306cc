"""Forces a clip asks for: where the ground has to push, and what the servos have to hold.

Inverse dynamics without contacts gives the force on the floating base that nothing provides: the ground has
to. Its zero moment point is compared with the soles on the floor; spread over their corners it leaves the
servos' torques.
"""

import copy
import dataclasses

import mujoco
import numpy as np

from wildrobot_exp.motions.lint.findings import Finding, graded
from wildrobot_exp.motions.lint.posed import Posed
from wildrobot_exp.motions.soles import sole_geoms
from wildrobot_exp.robots.robot import FEET

SERVO_PEAK = 4.0  # N m, force range of the servo
SERVO_CONTINUOUS = 2.65  # N m
OVER_PEAK_WARN, OVER_PEAK_REFUSE = 0.02, 0.20  # share of a joint's frames above SERVO_PEAK
FLIGHT = 0.1  # of the weight: below this the ground need not push
OUTSIDE = 0.015  # m outside the soles that count: foot placement and differences are no better than this
OUTSIDE_WARN, OUTSIDE_REFUSE = 0.05, 0.40  # share of frames


@dataclasses.dataclass(frozen=True, eq=False)
class Forces:
  """What a clip asks for.

  Attributes:
    zmp: [T, 2] on the floor, m; NaN where the ground need not push.
    outside: [T] how far the zmp is outside the soles on the floor, m; NaN with it, inf without a sole.
    torque: [T, J] of the servos in joint order, N m.
  """

  zmp: np.ndarray
  outside: np.ndarray
  torque: np.ndarray


def forces(posed: Posed) -> Forces:
  """Inverse dynamics of every frame."""
  robot = posed.robot
  model = copy.copy(robot.model)
  model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONSTRAINT
  data = mujoco.MjData(model)
  weight = -model.opt.gravity[2] * model.body_mass.sum()
  bodies = [model.geom_bodyid[sole_geoms(robot, side)[0]] for side in FEET]
  frames = len(posed.qpos)
  zmp, outside = np.full((frames, 2), np.nan), np.full(frames, np.nan)
  torque = np.empty((frames, robot.num_joints))
  for frame in range(frames):
    data.qpos[:], data.qvel[:], data.qacc[:] = posed.qpos[frame], posed.qvel[frame], posed.qacc[frame]
    mujoco.mj_inverse(model, data)
    feet = np.flatnonzero(posed.stance[frame])
    points = posed.corners[frame, feet].reshape(-1, 3)
    if data.qfrc_inverse[2] > FLIGHT * weight:
      zmp[frame] = _zmp(data)
      outside[frame] = outside_of(zmp[frame], points[:, :2])
    jacobians = _jacobians(model, data, points, np.repeat([bodies[foot] for foot in feet], posed.corners.shape[2]))
    ground = _spread(jacobians[:, :, :6], data.qfrc_inverse[:6])
    left = data.qfrc_inverse - np.einsum("cxv,cx->v", jacobians, ground)
    torque[frame] = left[robot.joint_qvel]
  return Forces(zmp, outside, torque)


def check_zmp(posed: Posed, asked: Forces) -> Finding:
  """Is the zero moment point within the soles on the floor?"""
  pushed = np.isfinite(asked.zmp[:, 0])
  if not pushed.any():
    return Finding("zmp", "refuse", "the ground never carries the robot: it falls all the time, check root_pos and fps")
  share = float((asked.outside > OUTSIDE)[pushed].mean())
  worst = int(np.nanargmax(asked.outside))
  if share <= OUTSIDE_WARN:
    inside = f"less than {1e3 * OUTSIDE:g} mm outside the soles on the floor in {1 - share:.0%} of the frames"
    return Finding("zmp", "ok", inside)
  distance = asked.outside[worst]
  if np.isfinite(distance):
    seen = f"farthest at {posed.at(worst)} by {1e3 * distance:.0f} mm: it tips while that lasts"
    advice = "let it sway farther over the stance foot or slow it down"
  else:
    seen = f"at {posed.at(worst)} no sole is on the floor though the ground has to push"
    advice = "put it on the floor (--on-floor) or check joint signs"
  message = f"outside the soles on the floor in {share:.0%} of the frames, {seen}, {advice}"
  return graded("zmp", share, OUTSIDE_WARN, OUTSIDE_REFUSE, message)


def check_torque(posed: Posed, asked: Forces) -> Finding:
  """Can the servos hold it?"""
  size = np.abs(asked.torque)
  over = (size > SERVO_PEAK).mean(axis=0)
  joint = int(np.argmax(over)) if over.max() > 0 else int(np.argmax(size.max(axis=0)))
  frame = int(np.argmax(size[:, joint]))
  rms = np.sqrt((asked.torque**2).mean(axis=0))
  hottest = int(np.argmax(rms))
  names = posed.robot.joint_names
  peak = f"{names[joint]} needs {size[frame, joint]:.1f} N m at {posed.at(frame)}"
  warm = f"{names[hottest]} has the highest rms, {rms[hottest]:.1f} N m"
  if over[joint] <= OVER_PEAK_WARN and rms[hottest] <= SERVO_CONTINUOUS:
    return Finding("torque", "ok", f"{peak}, the servo gives {SERVO_PEAK:g}; {warm}, {SERVO_CONTINUOUS:g} can last")
  if over[joint] > OVER_PEAK_WARN:
    return graded(
      "torque", over[joint], OVER_PEAK_WARN, OVER_PEAK_REFUSE,
      f"{peak}, more than the servo's {SERVO_PEAK:g} in {over[joint]:.0%} of the frames: "
      "slow the clip down, bend the knees less, or put the feet closer together",
    )  # fmt: skip
  return Finding("torque", "warn", f"{warm}, above the {SERVO_CONTINUOUS:g} a servo can hold for long: slow it down")


def outside_of(point: np.ndarray, corners: np.ndarray) -> float:
  """Distance of a point [2] from the convex hull of corners [N, 2], m; 0 inside, inf without corners."""
  if not len(corners):
    return float("inf")
  offsets = corners - point
  angles = np.sort(np.arctan2(offsets[:, 1], offsets[:, 0]))
  gaps = np.diff(angles, append=angles[0] + 2 * np.pi)
  if gaps.max() <= np.pi:
    return 0.0
  starts, ends = offsets[:, None], offsets[None, :]  # outside: the hull's nearest point lies between two corners
  way = ends - starts
  along = np.clip(-(starts * way).sum(-1) / np.maximum((way**2).sum(-1), 1e-18), 0.0, 1.0)
  return float(np.linalg.norm(starts + along[..., None] * way, axis=-1).min())


def _zmp(data: mujoco.MjData) -> np.ndarray:
  """[2] where on the floor z = 0 the ground reaction has no horizontal moment."""
  force, height = data.qfrc_inverse[:3], data.qpos[2]
  moment = np.empty(3)
  mujoco.mju_rotVecQuat(moment, data.qfrc_inverse[3:6], data.qpos[3:7])
  return data.qpos[:2] + np.array([-moment[1] - height * force[0], moment[0] - height * force[1]]) / force[2]


def _jacobians(model: mujoco.MjModel, data: mujoco.MjData, points: np.ndarray, bodies: np.ndarray) -> np.ndarray:
  """[C, 3, nv] of points [C, 3] fixed to bodies [C]."""
  jacobians = np.zeros((len(points), 3, model.nv))
  for jacobian, point, body in zip(jacobians, points, bodies, strict=True):
    mujoco.mj_jac(model, data, jacobian, None, point, body)
  return jacobians


def _spread(jacobians: np.ndarray, wrench: np.ndarray) -> np.ndarray:
  """[C, 3] smallest corner forces that push and give the wrench [6] on the base as far as they can.

  jacobians: [C, 3, 6]. A corner that would have to pull is left out, the worst first.
  """
  found = np.zeros(jacobians.shape[:2])
  used = np.arange(len(jacobians))
  while len(used):
    matrix = jacobians[used].reshape(-1, 6).T
    share = np.linalg.lstsq(matrix, wrench, rcond=1e-9)[0].reshape(-1, 3)
    if share[:, 2].min() >= 0:
      found[used] = share
      break
    used = np.delete(used, share[:, 2].argmin())
  return found
