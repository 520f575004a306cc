"""A real person's walk on this robot, at a chosen speed.

What the person gives: how the pelvis rises and falls, how long a foot stays on the ground, its way forward and up
in the air and its pitch at lift-off; all by forward kinematics of the person's sagittal joint angles, scaled down, on
the robot's legs. What the robot needs: stance feet that stand still and flat, steps as long as the speed asks, and the
sway of its own inverted pendulum. Joint angles then follow by inverse kinematics, as for the generated gait.
"""

import dataclasses
from collections.abc import Sequence

import mujoco
import numpy as np

from wildrobot_exp.errors import UserError
from wildrobot_exp.motions.clip import Clip, clip_of_poses
from wildrobot_exp.motions.gait import (
  OVERSAMPLING,
  check_feasible,
  check_parameters,
  follow,
  measure,
  pendulum_com,
  stand,
)
from wildrobot_exp.motions.human_walk import JOINTS, HumanWalk, load_human_walk
from wildrobot_exp.motions.leg_ik import LegIK
from wildrobot_exp.motions.step_plan import Stance, StepPlan, ease, plan_steps
from wildrobot_exp.robots.robot import FEET, Robot

SAMPLES = 200  # of the person's stride
FLAT = (0.15, 0.45)  # of the stride from heel strike on: the sole's way under the pelvis is the speed
HEEL_RISE = 0.15  # strides before lift-off at which the heel begins to rise
PLATE = 0.5  # share of the person's pitch at lift-off: a person's toes bend, the robot's foot is one plate
BOB = 0.75  # share of the person's rise and fall, at full angles: it unloads the foot that is to lift
LANDING = 0.4  # share of the swing over which the foot slows down to stand still; the person's heel strikes
TOE_OFF = 0.7  # share of the swing over which the person's way up fades in: the servos cannot follow its jerk


def make_mocap_walk(
  robot: Robot, speed: float, stride_seconds: float, amplitude: float, lift: float, crouch: float, fps: float = 50
) -> Clip:
  """One stride of the person's walk, as a loop that starts at x = 0.

  Args:
    robot: whose joints, sizes and masses are used.
    speed: m/s; 0 steps in place.
    stride_seconds: two steps, s; a whole number of frames.
    amplitude: share of the person's joint angles, in (0, 1].
    lift: height added to the person's own swing foot, which barely clears the ground, m.
    crouch: how far the base sits below where the angles put it, m.
    fps: frames per second.

  Raises:
    UserError: a parameter is out of range, or the robot cannot do it.
  """
  walk = load_human_walk()
  double_support = 2 * walk.stance_share - 1
  frames = check_parameters(speed, stride_seconds, lift, crouch, double_support, fps)
  if not 0 < amplitude <= 1:
    raise UserError(f"mocap: amplitude {amplitude} is a share of the person's angles, give a value in (0, 1]")
  ik = LegIK(robot)
  stance = measure(ik)
  person = _person_on_robot(ik, walk, amplitude)
  samples = frames * OVERSAMPLING
  plan = plan_steps(samples, speed, stride_seconds, 0.0, double_support, stance)
  share = min(speed * stride_seconds / person.stride, 1.0)
  # the plan starts in mid double support, a quarter of a step's double support after the left heel strike
  phase = np.arange(samples) / samples + 0.5 + double_support / 4
  bob = np.interp(phase % 1.0, person.phase, person.height - person.height.mean())
  height = person.height.mean() - crouch + bob
  omega = np.sqrt(-robot.model.opt.gravity[2] / (stance.com_height - stance.base_height + height.mean()))
  drift = np.outer(plan.time, [speed, 0])
  com = pendulum_com(plan.zmp - drift, omega, stride_seconds) + drift
  feet, pitch = _feet(plan, person, walk.stance_share, phase, speed * stride_seconds, share**2, lift, stance)

  every = slice(None, None, OVERSAMPLING)
  qpos, residual = follow(ik, np.column_stack([com, height])[every], feet[every], pitch[every])
  qpos[:, 0] -= qpos[0, 0]
  clip = clip_of_poses(
    robot,
    qpos,
    fps=fps,
    speed=speed,
    loop=True,
    contacts=plan.contacts[every],
    source=f"{walk.source}; retargeted at {amplitude:g} of its angles by wildrobot_exp.motions.mocap",
    licence=walk.licence,
  )
  check_feasible(robot, clip, residual)
  return clip


def make_mocap_grid(
  robot: Robot,
  speeds: Sequence[float],
  stride_seconds: float,
  amplitude: float,
  lift: float,
  crouch: float,
  stand_at_zero: bool,
  fps: float = 50,
) -> list[Clip]:
  """One clip per speed; with `stand_at_zero` the clip of speed 0 stands instead of stepping.

  Raises:
    UserError: as `make_mocap_walk`.
  """
  clips = []
  for speed in speeds:
    if speed == 0 and stand_at_zero:
      clips.append(stand(robot, max(round(stride_seconds * fps), 2), fps))
    else:
      clips.append(make_mocap_walk(robot, speed, stride_seconds, amplitude, lift, crouch, fps))
  return clips


@dataclasses.dataclass(frozen=True, eq=False)
class _Person:
  """The person's stride with the robot's legs.

  Attributes:
    phase: [N] of the stride from the right heel strike, 0 to 1.
    height: [N] of the base above the ground, m.
    stride: its length, m.
    swing: [M] from lift-off to landing, 0 to 1.
    forward: [2, M] share of the foot's way (right, left).
    up: [2, M] of the sole, 0 at both ends, m.
    lift_off: [2] toe down at lift-off, rad.
  """

  phase: np.ndarray
  height: np.ndarray
  stride: float
  swing: np.ndarray
  forward: np.ndarray
  up: np.ndarray
  lift_off: np.ndarray


def sagittal_pose(robot: Robot, angles: np.ndarray) -> np.ndarray:
  """[N, nq] the zero pose with hip, knee and ankle (right, left) flexed by angles [N, 2, 3], rad."""
  data = mujoco.MjData(robot.model)
  data.qpos[:] = robot.model.qpos0
  mujoco.mj_kinematics(robot.model, data)
  forward = {"hip": -1.0, "knee": 1.0, "ankle": -1.0}  # flexion turns the segment below about +y or -y
  qpos = np.tile(robot.model.qpos0, (len(angles), 1))
  for foot, side in enumerate(FEET):
    for i, name in enumerate(JOINTS):
      joint = robot.model.joint(f"{side}_{name}_pitch")
      qpos[:, joint.qposadr[0]] = forward[name] * data.xaxis[joint.id, 1] * angles[:, foot, i]
  return qpos


def _person_on_robot(ik: LegIK, walk: HumanWalk, amplitude: float) -> _Person:
  phase = np.arange(SAMPLES + 1) / SAMPLES
  angles = amplitude * walk.angles(phase)
  soles = _soles(ik, angles)
  height = _pelvis_height(soles, phase, walk.stance_share)
  full = _pelvis_height(_soles(ik, walk.angles(phase)), phase, walk.stance_share)
  toe_down = angles[..., 1] - angles[..., 0] - angles[..., 2]
  swing = np.linspace(0, 1, SAMPLES // 2)
  since = walk.stance_share + swing * (1 - walk.stance_share)
  strides, forward, up, lift_off = [], [], [], []
  for foot in range(2):
    at = lambda values, when: np.interp((when + 0.5 * foot) % 1.0, phase, values[:, foot])
    x = soles[..., 0]
    strides.append((at(x, FLAT[0]) - at(x, FLAT[1])) / (FLAT[1] - FLAT[0]))
    way = at(x, since) + strides[-1] * since
    way = (way - way[0]) / (way[-1] - way[0])
    forward.append(way + ease(np.clip((swing - 1) / LANDING + 1, 0, 1)) * (ease(swing) - way))
    above = at(soles[..., 2] + height[:, None], since)
    above = np.maximum(above - above[0] - swing * (above[-1] - above[0]), 0.0)
    up.append(above * ease(np.clip(swing / TOE_OFF, 0, 1)))
    lift_off.append(PLATE * at(toe_down, walk.stance_share))
  return _Person(
    phase=phase,
    height=height.mean() + BOB * (full - full.mean()),
    stride=float(np.mean(strides)),
    swing=swing,
    forward=np.stack(forward),
    up=np.stack(up),
    lift_off=np.array(lift_off),
  )


def _soles(ik: LegIK, angles: np.ndarray) -> np.ndarray:
  """[N, 2, 3] sole centres (right, left) from the base, m."""
  return np.stack([ik.soles(qpos) - qpos[:3] for qpos in sagittal_pose(ik.robot, angles)])


def _pelvis_height(soles: np.ndarray, phase: np.ndarray, stance_share: float) -> np.ndarray:
  """[N] above the ground, over the leg that carries; smooth, and the same in both steps, m."""
  double = stance_share - 0.5  # in strides: weight passes from leg to leg meanwhile
  since = (phase[:, None] - [0.0, 0.5]) % 1.0
  weight = np.clip(np.minimum(since, stance_share - since) / double, 0, 1)
  height = -(weight * soles[..., 2]).sum(axis=1) / weight.sum(axis=1)
  spectrum = np.fft.rfft(height[:-1])
  spectrum[1::2] = 0
  spectrum[6:] = 0
  smooth = np.fft.irfft(spectrum, SAMPLES)
  return np.append(smooth, smooth[0])


def _feet(
  plan: StepPlan,
  person: _Person,
  stance_share: float,
  phase: np.ndarray,
  stride: float,
  tilt: float,
  lift: float,
  stance: Stance,
) -> tuple[np.ndarray, np.ndarray]:
  """Soles [N, 2, 3] and pitch [N, 2]: on the ground where the plan has them, in the air as the person's."""
  feet, pitch = np.empty_like(plan.feet), np.empty_like(plan.pitch)
  for foot in range(2):
    landed, since = np.divmod(phase - 0.5 * foot, 1.0)
    s = np.clip((since - stance_share) / (1 - stance_share), 0, 1)
    air = lambda curve: np.interp(s, person.swing, curve[foot])
    heel = ease(np.clip((since - stance_share) / HEEL_RISE + 1, 0, 1))
    pitch[:, foot] = tilt * person.lift_off[foot] * heel * (1 - ease(s))
    feet[:, foot, 0] = stride * (landed - 0.5 + 0.5 * foot + air(person.forward))
    feet[:, foot, 1] = plan.feet[:, foot, 1]
    feet[:, foot, 2] = air(person.up) + lift * np.sin(np.pi * s) ** 2
    feet[:, foot, 0] += stance.toe * (1 - np.cos(pitch[:, foot]))
    feet[:, foot, 2] += stance.toe * np.sin(pitch[:, foot])
  return feet, pitch
