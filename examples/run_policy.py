"""Walk with an exported policy in plain MuJoCo: policy.json says how, policy.onnx acts, the MJCF is the robot.

  python run_policy.py [FOLDER [SPEED ...]]     by default at the evaluation's speeds; the last line is all of them"""

import json
import sys

import mujoco
import numpy as np
import onnxruntime


class Walker:
  def __init__(self, folder):
    self.spec = spec = json.load(open(f"{folder}/policy.json"))
    self.model = model = mujoco.MjModel.from_xml_path(f"{folder}/{spec['model']['file']}")
    model.opt.timestep = spec["physics"]["timestep_s"]
    self.data = data = mujoco.MjData(model)
    one_core = onnxruntime.SessionOptions()
    one_core.intra_op_num_threads = 1
    self.session = onnxruntime.InferenceSession(f"{folder}/{spec['onnx']['file']}", one_core)
    self.qpos, self.qvel = np.array([(j.qposadr[0], j.dofadr[0]) for j in map(model.joint, spec["action"]["joints"])]).T
    self.motors = [model.actuator(name).id for name in spec["action"]["actuators"]]
    self.home, self.clip = np.array(spec["action"]["home_rad"]), np.array(spec["action"]["clip_rad"]).T
    base = data.joint(spec["model"]["base_joint"])
    self.base_pos, self.base_quat, self.base_vel = base.qpos[:3], base.qpos[3:], base.qvel[:3]  # live views
    self.sensor = {model.sensor(i).name: data.sensor(i).data for i in range(model.nsensor)}
    self.read = {
      "sensors": lambda f: f["scale"] * np.concatenate([self.sensor[name] for name in f["sensors"]]),
      "command": lambda f: [self.command],
      "stand": lambda f: [float(self.command == 0)],
      "joint_pos": lambda f: data.qpos[self.qpos] - self.home,
      "joint_vel": lambda f: data.qvel[self.qvel],
      "last_action": lambda f: self.last_action,
      "gait_clock": lambda f: [g(2 * np.pi * (self.phase + self.seconds / f["period_s"])) for g in (np.sin, np.cos)],
      "base_velocity": lambda f: self.to_heading(self.base_vel),
      "base_height": lambda f: self.base_pos[2:],
      "from_base": lambda f: np.concatenate([self.to_heading(self.sensor[s] - self.base_pos) for s in f["sensors"]]),
    }

  def to_heading(self, vec):
    w, x, y, z = self.base_quat
    yaw = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    return np.array([[np.cos(yaw), np.sin(yaw), 0], [-np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]]) @ vec

  def reset(self, qpos, qvel, command, phase):
    mujoco.mj_resetData(self.model, self.data)
    self.data.qpos[:], self.data.qvel[:], self.data.ctrl[self.motors] = qpos, qvel, qpos[self.qpos]
    mujoco.mj_forward(self.model, self.data)
    self.command, self.seconds, self.phase, self.last_action = command, 0.0, phase, np.zeros(len(self.home))

  def observe(self):
    return np.concatenate([self.read[f["kind"]](f) for f in self.spec["observation"]["fields"]]).astype(np.float32)

  def step(self):  # False after a fall
    self.last_action = self.session.run(None, {"obs": self.observe()[None]})[0][0]
    self.data.ctrl[self.motors] = np.clip(self.home + self.spec["action"]["scale_rad"] * self.last_action, *self.clip)
    mujoco.mj_step(self.model, self.data, self.spec["physics"]["substeps"])
    for refresh in (mujoco.mj_fwdPosition, mujoco.mj_sensorPos, mujoco.mj_fwdVelocity, mujoco.mj_sensorVel):
      refresh(self.model, self.data)
    self.seconds += self.spec["control"]["period_s"]
    falls, fastest = self.spec["falls"], abs(self.data.qvel).max()  # NaN compares false below: a fall
    stands = self.base_pos[2] >= (falls["base_height_min_m"] or -np.inf) and fastest < falls["speed_max"]
    return stands and 1 - 2 * np.sum(self.base_quat[1:3] ** 2) >= np.cos(falls["base_tilt_max_rad"] or np.pi)  # z axis

  def starts(self, count):
    trial, rng = self.spec["trial"], np.random.default_rng(self.spec["trial"]["seed"])
    qpos, noise = np.tile(self.model.key(trial["keyframe"]).qpos, (count, 1)), trial["joint_noise_rad"]
    joints = qpos[:, self.qpos] + rng.uniform(-noise, noise, (count, len(self.qpos)))
    qpos[1:, self.qpos] = np.clip(joints, *self.clip)[1:]  # episode 0 starts at home and at rest
    qvel = trial["velocity_noise"] * rng.uniform(-1, 1, (count, self.model.nv)) * (np.arange(count) > 0)[:, None]
    soles = [i for i in range(self.model.ngeom) if trial["floor_geoms"] in self.model.geom(i).name]
    for i in range(1, count):
      self.data.qpos[:] = qpos[i]
      mujoco.mj_kinematics(self.model, self.data)
      qpos[i, 2] -= (self.data.geom_xpos[soles, 2] - self.model.geom_size[soles, 0]).min()
    return list(zip(qpos, qvel, np.random.default_rng(trial["seed"]).uniform(size=count)))

  def walk(self, speed, start):  # returns: survived, mean velocity, tracking error
    self.reset(start[0], start[1], speed, start[2])
    (steps, settle, cycle), vx = (self.spec["trial"][f"{key}_steps"] for key in ("episode", "settle", "cycle")), []
    while len(vx) < steps and self.step():
      vx.append(self.to_heading(self.base_vel)[0])
    strides = np.convolve([*vx, 0], np.ones(cycle) / cycle)[settle + cycle - 1 : len(vx)]  # means over whole cycles
    return len(vx) == steps, *(np.mean(x) if len(x) else np.nan for x in (vx[settle:], np.abs(strides - speed)))


if __name__ == "__main__":
  walker = Walker(sys.argv[1] if sys.argv[1:] else ".")
  trial, command = walker.spec["trial"], walker.spec["command"]
  speeds = np.resize([float(x) for x in sys.argv[2:]] or trial["speeds"], trial["episodes"])
  low, high, slowest = command["range"][0] - 1e-6, command["range"][1] + 1e-6, command["slowest"] - 1e-6
  if any(not (low <= x <= high and abs(x) >= slowest or x == 0 and command["zero"]) for x in speeds):
    print(f"warning: not all of these speeds were trained. {command['how']}", file=sys.stderr)
  results = np.array([walker.walk(*job) for job in zip(speeds, walker.starts(len(speeds)))])
  for speed in [*np.unique(speeds), None]:
    rows = results[(speeds == speed) | (speed is None)]
    means = [x[np.isfinite(x)].mean() if np.isfinite(x).any() else None for x in rows.T]
    print(json.dumps(dict(zip(("vx", "survival", "vx_mean", "vx_error"), [speed, *means]), episodes=len(rows))))
