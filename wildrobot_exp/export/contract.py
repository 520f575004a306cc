"""policy.json: everything a stranger needs to run the policy on wildrobot.xml in plain MuJoCo, or on the robot.

Each observation field says in words how it is computed (`how`), where it comes from on the robot (`on_robot`),
and the same for programs (`kind` with its keys), which is all that examples/run_policy.py reads.
"""

# isort: off
from wildrobot_exp.physics import quiet_mjx as _quiet_mjx  # noqa: F401  before Brax imports mujoco.mjx, aloud

# isort: on
from collections.abc import Callable
from typing import Any

import mujoco

from wildrobot_exp.envs.terminations import TERMINATIONS
from wildrobot_exp.envs.walk import MAX_SPEED, POLICY, WalkEnv
from wildrobot_exp.errors import UserError
from wildrobot_exp.evaluation.measures import SETTLE_SECONDS
from wildrobot_exp.evaluation.starts import SEED
from wildrobot_exp.export.onnx_policy import INPUT, OPSET, OUTPUT
from wildrobot_exp.learning.networks import MAX_NORMALISED
from wildrobot_exp.robots import Robot

Json = dict[str, Any]

SCHEMA = 1
MODEL_FILE, ONNX_FILE, JSON_FILE = "wildrobot.xml", "policy.onnx", "policy.json"
BASE = "root"  # the free joint
HEADING = "heading frame: the world turned about z to face where the base faces, yaw = atan2(2(wz+xy), 1-2(yy+zz))"
NOT_MEASURABLE = "not measurable: simulation only"


def _sensors(size: int, unit: str, on_robot: str, how: str, names: list[str], scale: float = 1.0) -> Json:
  reading = {"kind": "sensors", "sensors": names, "scale": scale}
  return {"size": size, "unit": unit, "on_robot": on_robot, "how": how} | reading


FIELDS: dict[str, Callable[[Robot, float], Json]] = {  # observation: (robot, gait period in s) -> its description
  "gyro": lambda robot, period: _sensors(
    3, "rad/s", "IMU gyroscope", "MuJoCo sensor gyro: angular velocity of site imu on the chassis, in its frame"
    " (x forward, y left, z up when upright)", ["gyro"],
  ),
  "gravity": lambda robot, period: _sensors(
    3, "1", "IMU orientation estimate", "unit vector along gravity in the frame of site imu, (0, 0, -1) upright:"
    " minus the MuJoCo sensor up", ["up"], -1.0,
  ),
  "command": lambda robot, period: {
    "size": 1, "unit": "m/s", "on_robot": "operator", "kind": "command",
    "how": "commanded forward velocity, see command",
  },
  "stand": lambda robot, period: {
    "size": 1, "unit": "1", "on_robot": "operator", "kind": "stand", "how": "1 where the command is exactly 0, else 0",
  },
  "joint_pos": lambda robot, period: {
    "size": robot.num_joints, "unit": "rad", "on_robot": "servo encoders", "kind": "joint_pos",
    "how": "joint angles in the order of action.joints, minus action.home_rad",
  },
  "joint_vel": lambda robot, period: {
    "size": robot.num_joints, "unit": "rad/s", "on_robot": "servo encoders, differentiated", "kind": "joint_vel",
    "how": "joint velocities in the order of action.joints",
  },
  "last_action": lambda robot, period: {
    "size": robot.num_joints, "unit": "1", "on_robot": "the policy's own output", "kind": "last_action",
    "how": "the policy's output one control step ago, before scaling and clipping; zeros at the first step",
  },
  "gait_clock": lambda robot, period: {
    "size": 2, "unit": "1", "on_robot": "a clock", "kind": "gait_clock", "period_s": period,
    "how": "sin(2 pi p), cos(2 pi p); p starts anywhere in [0, 1) and gains control.period_s / period_s per control"
    " step, modulo 1",
  },
  "root_linvel": lambda robot, period: {
    "size": 3, "unit": "m/s", "on_robot": NOT_MEASURABLE, "kind": "base_velocity",
    "how": f"velocity of the base origin (qvel[0:3] of the free joint) in the {HEADING}",
  },
  "root_height": lambda robot, period: {
    "size": 1, "unit": "m", "on_robot": NOT_MEASURABLE, "kind": "base_height",
    "how": "height of the base origin above the floor (qpos[2] of the free joint)",
  },
  "feet_load": lambda robot, period: _sensors(
    2, "10 N", "needs pressure sensors in the soles", "normal force on the right and the left sole, in units of 10 N:"
    " the touch sensors' readings of the last physics step times 0.1", ["right_foot_load", "left_foot_load"], 0.1,
  ),
  "feet_pos": lambda robot, period: {
    "size": 6, "unit": "m", "on_robot": "forward kinematics and IMU", "kind": "from_base",
    "sensors": ["right_foot_pos", "left_foot_pos"],
    "how": f"MuJoCo sensors right_foot_pos and left_foot_pos minus the position of the base, in the {HEADING}",
  },
}  # fmt: skip

FALLS: dict[str, tuple[str, str, str]] = {  # termination: its parameter, its key here, in words
  "fallen": ("min_height", "base_height_min_m", "the base origin is lower than this above the floor"),
  "tilted": ("max_tilt", "base_tilt_max_rad", "the base's z axis leans by more than this from the vertical"),
}


def observation_fields(env: WalkEnv) -> list[Json]:
  """The policy's observation, field by field in order.

  Raises:
    UserError: a field that this file does not describe.
  """
  fields, start = [], 0
  for name in env.fields[POLICY]:
    if name not in FIELDS:
      raise UserError(f"observation {name} cannot be exported: describe it in wildrobot_exp/export/contract.py")
    field = {"name": name, "start": start} | FIELDS[name](env.robot, env.gait_period)
    fields.append(field)
    start += field["size"]
  return fields


def falls(terminations: dict[str, dict[str, float]]) -> Json:
  """When an episode counts as a fall: limits by name, in words under `how`; a limit not used is None.

  Raises:
    UserError: a condition that this file does not describe.
  """
  known: Json = {key: None for _, key, _ in FALLS.values()}
  words = []
  for name, params in terminations.items():
    if name not in FALLS:
      raise UserError(f"termination {name} cannot be exported: describe it in wildrobot_exp/export/contract.py")
    parameter, key, how = FALLS[name]
    known[key] = (TERMINATIONS.parameters(name) | dict(params))[parameter]
    words.append(f"{key}: {how}")
  words.append("speed_max: any |qvel| reaches this or is not a number, the simulation has exploded")
  return known | {"speed_max": MAX_SPEED, "how": "; ".join(words)}


def make_contract(cfg: Any, env: WalkEnv, facts: Json) -> Json:
  """The content of policy.json.

  Args:
    cfg: the run's config.
    env: the task it trained in.
    facts: what was measured and hashed: run, checkpoint_step, parity, latency...

  Raises:
    UserError: an observation or termination without a description.
  """
  robot, option = env.robot, env.robot.model.opt
  fields = observation_fields(env)
  return {
    "schema": SCHEMA,
    **facts,
    "model": {"file": MODEL_FILE, "sha256": robot.model_hash, "base_joint": BASE},
    "onnx": {
      "file": ONNX_FILE,
      "opset": OPSET,
      "input": {"name": INPUT, "shape": [1, sum(field["size"] for field in fields)], "dtype": "float32"},
      "output": {"name": OUTPUT, "shape": [1, robot.num_joints], "dtype": "float32"},
      "how": "deterministic: the mean of the policy. Feed raw observations: mean, standard deviation and the clip at"
      f" {MAX_NORMALISED:g} standard deviations are inside",
    },
    "control": {"period_s": robot.control_dt, "latency_s": 0.0, "how": "observe, run, send targets, wait one period"},
    "physics": _physics(robot, option),
    "observation": {
      "fields": fields,
      "how": "fields in this order, joined; no history: only the present step. Quaternions are w, x, y, z",
    },
    "action": {
      "joints": list(robot.joint_names),
      "actuators": [robot.model.actuator(i).name for i in range(robot.num_joints)],
      "home_rad": robot.home_ctrl.tolist(),
      "scale_rad": cfg.env.action_scale,
      "clip_rad": robot.joint_range.tolist(),
      "how": "servo position target = clip(home_rad + scale_rad * action, clip_rad), held for one control period",
    },
    "command": {
      "range": list(cfg.env.command.vx),
      "slowest": cfg.env.command.slowest,
      "zero": env.speeds.zero,
      "unit": "m/s",
      "how": f"forward velocity in the heading frame; trained: {env.speeds}, that is range without what is nearer to 0"
      " than slowest, and 0 where zero is true. Send no other commands",
    },
    "falls": falls(cfg.env.terminations),
    "trial": _trial(cfg, env),
  }


def _physics(robot: Robot, option: mujoco.MjOption) -> Json:
  return {
    "timestep_s": option.timestep,
    "substeps": robot.substeps,
    "integrator": mujoco.mjtIntegrator(option.integrator).name,
    "solver": mujoco.mjtSolver(option.solver).name,
    "cone": mujoco.mjtCone(option.cone).name,
    "iterations": option.iterations,
    "ls_iterations": option.ls_iterations,
    "gravity": option.gravity.tolist(),
    "how": "all but timestep_s is in the model file. mj_step substeps times per control step; then mj_fwdPosition,"
    " mj_sensorPos, mj_fwdVelocity and mj_sensorVel, so that position and velocity sensors are those of the new state",
  }


def _trial(cfg: Any, env: WalkEnv) -> Json:
  settings, reset = cfg.evaluation, cfg.env.reset
  return {
    "episodes": settings.episodes,
    "episode_steps": round(settings.episode_seconds / env.dt),
    "speeds": env.speeds.grid(),
    "seed": SEED,
    "keyframe": "home",
    "joint_noise_rad": reset.joint_noise,
    "velocity_noise": reset.velocity_noise,
    "floor_geoms": "_sole_",
    "settle_steps": round(SETTLE_SECONDS / env.dt),
    "cycle_steps": max(round(env.gait_period / env.dt), 1),
    "how": "the evaluation: episode i has speed i modulo their number, starts at keyframe with uniform noise (episode 0"
    " without), the lowest sphere whose name holds floor_geoms on the floor, servos at rest. vx_error: mean absolute"
    " error of the forward velocity averaged over cycle_steps, after settle_steps",
  }
