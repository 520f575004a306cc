"""Makes wildrobot_exp/motions/data/human_walk.json from the recording in gaitkit 1.5.0 (PyPI, sdist or wheel).

  python tools/fit_human_walk.py GAITKIT/data/example_healthy.json wildrobot_exp/motions/data/human_walk.json

The recording holds landmarks in mm at 150 Hz, x forward, y up. Its hip_angle column is not an angle of the hip and
its DOI is another paper's: neither is used.
"""

import json
import pathlib
import re
import sys

import numpy as np

from wildrobot_exp.motions.human_walk import HARMONICS, JOINTS
from wildrobot_exp.robots.robot import FEET

FLAT = (0.15, 0.35)  # part of the stride, from heel strike on, in which the foot is flat on the ground
TOE_RISE = 0.01  # m of the toe above its height in FLAT: it has left the ground


def joint_angles(frames: list[dict], side: str) -> tuple[np.ndarray, np.ndarray]:
  """[T, 3] flexion of hip, knee and ankle in the sagittal plane, rad (ankle up to a constant); [T] toe height, m."""
  hip, knee, ankle, heel, toe = (
    np.array([frame["landmark_positions"][f"{side}_{name}"] for frame in frames]) / 1000
    for name in ("hip", "knee", "ankle", "heel", "toe")
  )
  thigh, shank, foot = knee - hip, ankle - knee, toe - heel
  thigh_forward = np.arctan2(thigh[:, 0], -thigh[:, 1])
  shank_forward = np.arctan2(shank[:, 0], -shank[:, 1])
  toe_up = np.arctan2(foot[:, 1], foot[:, 0])
  return np.stack([thigh_forward, thigh_forward - shank_forward, toe_up - shank_forward], axis=-1), toe[:, 1]


def fit(phase: np.ndarray, values: np.ndarray) -> np.ndarray:
  """[1 + 2 HARMONICS, K] least squares: mean, then cosine and sine of each harmonic."""
  turns = 2 * np.pi * phase[:, None] * np.arange(1, HARMONICS + 1)
  waves = np.stack([np.cos(turns), np.sin(turns)], axis=-1).reshape(len(phase), -1)
  return np.linalg.lstsq(np.column_stack([np.ones(len(phase)), waves]), values, rcond=None)[0]


def main(source: str, target: str) -> None:
  recording = json.loads(pathlib.Path(source).read_text())
  frames, fps = recording["angle_frames"], recording["fps"]
  strikes = recording["ground_truth"]["hs_frames"]["right"]
  period = strikes[1] - strikes[0]
  phase = (np.arange(len(frames)) - strikes[0]) / period
  sides, stance = {}, []
  for side, begin in zip(FEET, (0.0, 0.5), strict=True):
    angles, toe = joint_angles(frames, side)
    since = (phase - begin) % 1.0
    flat = (since > FLAT[0]) & (since < FLAT[1])
    toe_up = angles[:, 0] - angles[:, 1] + angles[:, 2]
    angles[:, 2] -= toe_up[flat].mean()  # 0 where a flat foot stands under a straight leg
    coefficients = fit(phase, angles)
    sides[side] = {joint: np.round(coefficients[:, i], 4).tolist() for i, joint in enumerate(JOINTS)}
    left_ground = (since > FLAT[1]) & (toe > toe[flat].mean() + TOE_RISE)
    stance.append(since[left_ground].min())
  walk = {
    "source": "Fukuchi, Fukuchi and Duarte 2018, A public dataset of overground and treadmill walking kinematics and "
    "kinetics in healthy individuals, PeerJ 6:e4640, doi 10.7717/peerj.4640; one healthy adult overground, as "
    "shipped in the PyPI package gaitkit 1.5.0 (example_healthy.json)",
    "licence": "CC-BY-4.0",
    "changes": "sagittal angles of hip, knee and ankle computed from the landmarks; "
    f"{HARMONICS} harmonics of all strides kept",
    "unit": "rad; flexion, dorsiflexion positive; phase 0 is the right heel strike; mean, cos 1, sin 1, cos 2, ...",
    "stride_seconds": round(period / fps, 4),
    "stance_share": round(float(np.mean(stance)), 3),
    "angles": sides,
  }
  text = json.dumps(walk, indent=2)
  text = re.sub(r"\[[^\[\]]*\]", lambda numbers: json.dumps(json.loads(numbers[0])), text)  # a list is a line
  pathlib.Path(target).write_text(text + "\n")


if __name__ == "__main__":
  main(*sys.argv[1:])
