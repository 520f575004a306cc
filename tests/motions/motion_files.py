"""Motion files of other projects, made from a clip."""

import json
import pickle

import mujoco
import numpy as np

from wildrobot_exp.motions import to_states


def save_npz(path, **fields):
  with open(path, "wb") as file:
    np.savez(file, **fields)
  return path


def xyzw(quat):
  return np.roll(quat, -1, axis=-1)


def bodies(robot, clip):
  """World positions [T, B, 3] and wxyz quaternions [T, B, 4] of the robot's bodies, the base first."""
  data = mujoco.MjData(robot.model)
  positions, quats = [], []
  for qpos in to_states(robot, clip)[0]:
    data.qpos[:] = qpos
    mujoco.mj_kinematics(robot.model, data)
    positions.append(data.xpos[1:].copy())
    quats.append(data.xquat[1:].copy())
  return np.array(positions), np.array(quats)


def own(path, robot, clip):
  clip.save(path)
  return path


def unitree_csv(path, robot, clip):
  table = np.concatenate([clip.root_pos, xyzw(clip.root_quat_wxyz), clip.dof_pos], axis=1)
  np.savetxt(path, table, delimiter=",", fmt="%.12g")
  return path


def mjlab_npz(path, robot, clip):
  positions, quats = bodies(robot, clip)
  wrong = np.full_like(clip.dof_pos, 9.0)
  return save_npz(
    path, fps=np.array([clip.fps]), joint_pos=clip.dof_pos, joint_vel=wrong, body_pos_w=positions, body_quat_w=quats
  )


def holosoma_npz(path, robot, clip):
  positions, quats = bodies(robot, clip)
  joint_pos = np.concatenate([clip.root_pos, clip.root_quat_wxyz, clip.dof_pos], axis=1)
  names = np.array(clip.joint_names)
  return save_npz(path, fps=clip.fps, joint_pos=joint_pos, joint_names=names, body_pos_w=positions, body_quat_w=quats)


def isaac_npz(path, robot, clip):
  positions, quats = bodies(robot, clip)
  return save_npz(
    path,
    fps=np.int64(clip.fps),
    dof_names=np.array(clip.joint_names),
    dof_positions=clip.dof_pos,
    dof_velocities=np.zeros_like(clip.dof_pos),
    body_names=np.array([robot.model.body(i).name for i in range(1, robot.model.nbody)]),
    body_positions=positions,
    body_rotations=quats,
  )


def loco_mujoco_npz(path, robot, clip):
  qpos = np.concatenate([clip.root_pos, clip.root_quat_wxyz, clip.dof_pos], axis=1)
  names = np.array(["root", *clip.joint_names])
  return save_npz(path, qpos=qpos, qvel=np.zeros((len(qpos), 17)), joint_names=names, frequency=clip.fps)


def gmr_fields(clip):
  return {
    "fps": clip.fps,
    "root_pos": clip.root_pos,
    "root_rot": xyzw(clip.root_quat_wxyz),
    "dof_pos": clip.dof_pos,
    "local_body_pos": None,
  }


def gmr_pkl(path, robot, clip, protocol=4):
  path.write_bytes(pickle.dumps(gmr_fields(clip), protocol=protocol))
  return path


def gmr_npz(path, robot, clip):
  return save_npz(path, **{key: value for key, value in gmr_fields(clip).items() if value is not None})


def amp_rsl_rl_npy(path, robot, clip):
  content = {
    "joints_list": list(clip.joint_names),
    "joint_positions": list(clip.dof_pos),
    "root_position": list(clip.root_pos),
    "root_quaternion": list(xyzw(clip.root_quat_wxyz)),
    "fps": clip.fps,
  }
  np.save(path, content, allow_pickle=True)
  return path


# What a file of each format needs said about it.
ROBOT_FORMATS = {
  "own.npz": (own, ()),
  "unitree.csv": (unitree_csv, ("fps", "joint_names")),
  "mjlab.npz": (mjlab_npz, ("joint_names",)),
  "holosoma.npz": (holosoma_npz, ()),
  "isaac.npz": (isaac_npz, ()),
  "loco_mujoco.npz": (loco_mujoco_npz, ()),
  "gmr.pkl": (gmr_pkl, ("joint_names",)),
  "gmr.npz": (gmr_npz, ("joint_names",)),
  "amp_rsl_rl.npy": (amp_rsl_rl_npy, ()),
}


def sagittal(robot, clip):
  """[T, 2, 3] hip flexion, knee flexion, ankle dorsiflexion of this robot's clip, right then left."""
  joints = to_states(robot, clip)[0][:, robot.joint_qpos]
  at = robot.joint_index
  right = [-joints[:, at("right_hip_pitch")], joints[:, at("right_knee_pitch")], -joints[:, at("right_ankle_pitch")]]
  left = [joints[:, at("left_hip_pitch")], joints[:, at("left_knee_pitch")], -joints[:, at("left_ankle_pitch")]]
  return np.stack([np.stack(right, axis=1), np.stack(left, axis=1)], axis=1)


def deepmimic(path, robot, clip):
  """A humanoid that walks like the clip's legs: y up, facing +x, +z to its right."""
  angles = sagittal(robot, clip)
  frames = np.zeros((len(angles), 44))
  frames[:, 0] = 1 / clip.fps
  frames[:, 1:4] = np.stack(
    [clip.root_pos[:, 0] / 0.448, 0.9 + 0 * clip.root_pos[:, 2], -clip.root_pos[:, 1] / 0.448], axis=1
  )
  for start in (4, 8, 12, 25, 39):
    frames[:, start] = 1.0

  def about_z(angle):
    return np.stack([np.cos(angle / 2), 0 * angle, 0 * angle, np.sin(angle / 2)], axis=1)

  for leg, (hip, knee, ankle) in enumerate(((16, 20, 21), (30, 34, 35))):
    frames[:, hip : hip + 4] = about_z(angles[:, leg, 0])
    frames[:, knee] = -angles[:, leg, 1]
    frames[:, ankle : ankle + 4] = about_z(angles[:, leg, 2])
  path.write_text(json.dumps({"Loop": "wrap", "Frames": frames.tolist()}))
  return path


def bvh(path, robot, clip, hip="UpLeg"):
  """A person in cm, y up, facing +z, who walks like the clip's legs; angles turn about x."""
  leg = """  JOINT {side}{hip} {{ OFFSET {x} 0 0 CHANNELS 3 Zrotation Xrotation Yrotation
    JOINT {side}Leg {{ OFFSET 0 -42 0 CHANNELS 3 Zrotation Xrotation Yrotation
      JOINT {side}Foot {{ OFFSET 0 -41 0 CHANNELS 3 Zrotation Xrotation Yrotation
        JOINT {side}ToeBase {{ OFFSET 0 -6 14 CHANNELS 3 Zrotation Xrotation Yrotation
          End Site {{ OFFSET 0 0 6 }} }} }} }} }}
"""
  head = "HIERARCHY\nROOT Hips { OFFSET 0 0 0 CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation\n"
  spine = "  JOINT Spine { OFFSET 0 10 0 CHANNELS 3 Zrotation Xrotation Yrotation End Site { OFFSET 0 20 0 } }\n"
  head += spine + leg.format(side="Right", x=-9, hip=hip) + leg.format(side="Left", x=9, hip=hip) + "}\n"
  angles = np.rad2deg(sagittal(robot, clip))
  rows = np.zeros((len(angles), 6 + 3 + 2 * 12))
  rows[:, 1], rows[:, 2] = 90.0, 200 * clip.root_pos[:, 0]
  for side in (0, 1):
    column = 9 + 12 * side
    rows[:, column + 1] = -angles[:, side, 0]
    rows[:, column + 4] = angles[:, side, 1]
    rows[:, column + 7] = -angles[:, side, 2]
  lines = "\n".join(" ".join(f"{x:.9g}" for x in row) for row in rows)
  path.write_text(f"{head}MOTION\nFrames: {len(rows)}\nFrame Time: {1 / clip.fps:.9g}\n{lines}\n")
  return path
