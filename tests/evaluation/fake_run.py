"""A run folder with every file the report reads, filled with plausible numbers."""

import csv
import json
from pathlib import Path

import numpy as np
import yaml

JOINTS = [f"{side}_{joint}" for side in ("right", "left") for joint in ("hip_pitch", "knee_pitch")] + [
  "waist_yaw"
]

CONFIG = {
  "seed": 0,
  "num_envs": 256,
  "total_steps": 4_000_000,
  "physics": "${hardware.physics}",
  "env": {"command": {"vx": [0.0, 0.3]}},
  "reward": {"terms": {"track_vx": {"weight": 1.0, "sigma": 0.1}, "torque": {"weight": 0.001}}},
  "algo": {"name": "ppo_amp"},
  "amp": {"weight": 0.5},
  "motion": {"name": "gait", "stride_seconds": 0.8},
  "hardware": {"physics": "native"},
}
VERSIONS = {
  "run": "2026-11-21/05-40-12",
  "command": "python run.py seed=0",
  "overrides": ["seed=0"],
  "git_commit": "0123abc",
  "versions": {"python": "3.11.9", "jax": "0.10.2"},
  "machine": {"cpu": "a small one", "cpus": 2},
  "wall_s": 275.4,
}


def fake_evaluation() -> dict:
  gait = {
    "step_frequency_hz": 2.26,
    "stride_frequency_hz": [1.13, 1.13],
    "duty_factor": [0.62, 0.6],
    "double_support": 0.22,
    "swing_clearance_m": 0.0265,
    "swing_clearance_feet_m": [0.027, 0.026],
    "symmetry": 0.95,
    "knee_range_knees_rad": [0.61, 0.58],
  }
  reference = gait | {
    "clip_speed": 0.25,
    "stride_frequency_hz": [1.25, 1.25],
    "swing_clearance_feet_m": [0.035, 0.035],
  }
  commands = [
    {
      "vx": vx,
      "survival": 1.0,
      "vx_mean": 0.9 * vx,
      "vx_error": 0.02 + 0.05 * vx,
      "vy_error": 0.01,
      "yaw_rate_error": 0.05,
      "distance_m": 9.4 * vx,
      "torque_mean_nm": 0.9,
      "power_mean_w": 6.0,
      "cost_of_transport": None if vx == 0 else 0.6,
      "joint_rms_rad": None if vx == 0 else 0.0712,
      "gait": gait,
    }
    | ({"drift_m": 0.041} if vx == 0 else {})
    for vx in (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
  ]
  return {
    "schema": 1,
    "run": "r",
    "checkpoint_step": 3_500_000,
    "physics": "native",
    "seed": 0,
    "episodes": 64,
    "episode_seconds": 10.0,
    "commands": commands,
    "survival": 1.0,
    "survival_ci": [0.943, 1.0],
    "vx_error": 0.031,
    "stochastic": {"survival": 0.984, "vx_error": 0.04},
    "baselines": {
      "zero_action": {"survival": 0.0, "vx_error": 0.16, "return": 1.2},
      "random_policy": {"survival": 0.0, "vx_error": None, "return": 0.4},
    },
    "long_walk": {"distance_goal_m": 50.0, "rollouts": 20, "completed": 20, "completed_ci": [0.84, 1.0]},
    "pushes": [
      {"force_n": 10.0, "seconds": 0.2, "direction": "lateral", "trials": 100, "recovered": 0.61}
      | {"recovered_ci": [0.512, 0.7]},
      {"force_n": 10.0, "seconds": 0.2, "direction": "forward", "trials": 100, "recovered": 0.0}
      | {"recovered_ci": [0.0, 0.037]},
    ],
    "fine_timestep": {"timestep": 0.002, "survival": 1.0, "vx_error": 0.032},
    "worlds": [
      {"world": "friction x 0.5", "physics": "native", "survival": 1.0, "survival_ci": [0.943, 1.0], "vx_error": 0.033},
      {"world": "engine mjx", "physics": "mjx", "survival": 0.984, "survival_ci": [0.917, 0.997], "vx_error": 0.03},
    ],
    "gait": gait | {"reference": reference},
    "style": {
      "reference": "gait",
      "feature_distance": 0.4,
      "classifier_auc": 0.7,
      "joint_rms_rad": 0.0712,
      "field_auc": {"feet_pos": 0.66, "joint_pos": 0.64, "root_height": 0.58, "gravity": 0.5},
      "furthest_features": {"joint_pos/left_knee_pitch": 0.59, "feet_pos/left_z": 0.47},
    },
  }


def fake_metrics(rows: int = 150) -> list[dict]:
  rng = np.random.default_rng(0)
  table = []
  for i in range(rows):
    p = i / (rows - 1)
    noise = rng.normal(0, 0.02, 12)
    row = {
      "step": round(4e6 * p) + 5120,
      "wall_s": 5 + 260 * p,
      "train/return": 22 * (1 - np.exp(-5 * p)) + noise[0],
    }
    row |= {
      "train/episode_steps": 1000 * (1 - np.exp(-6 * p)),
      "train/falls": np.exp(-6 * p),
      "train/value_loss": 0.1,
    }
    row |= {
      "train/entropy_loss": -0.01 + noise[1],
      "perf/steps_per_s": 16000 + 9000 * noise[2],
      "perf/compile_s": 11.8,
    }
    row |= {"eval/survival": 1 - np.exp(-9 * p) if i % 18 == 0 else "", "eval/vx_error": ""}
    row |= {"amp/style_reward": 0.2 + 0.5 * p + noise[3], "amp/reward_contrast": 0.7 - 0.5 * p + noise[4]}
    row |= {"amp/logit_reference": 0.65 - 0.4 * p + noise[5], "amp/logit_policy": -0.8 + 0.6 * p + noise[6]}
    row |= {
      "amp/accuracy_reference": 0.99 - 0.1 * p,
      "amp/accuracy_policy": 1 - 0.2 * p,
      "amp/loss": 0.5 + 0.3 * p,
    }
    row |= {"reward/track_vx": 0.3 + 0.6 * p + noise[7], "reward/torque": 8 - 3 * p + 5 * noise[8]}
    table.append(row)
  return table


def fake_gait(seconds: float = 10.0, period: float = 0.88) -> dict:
  time_s = np.arange(round(seconds * 50)) * 0.02
  phase = 2 * np.pi * (time_s[:, None] / period + np.array([0.0, 0.5]))
  lift = np.maximum(0, np.sin(phase))
  joints = np.concatenate([0.3 * np.sin(phase), 0.5 + 0.3 * np.cos(phase), 0 * phase[:, :1]], axis=1)[
    :, [0, 2, 1, 3, 4]
  ]
  torque = np.concatenate([np.cos(phase) * [1, -1], 0.5 * np.sin(phase), 0 * phase[:, :1]], axis=1)[:, [0, 2, 1, 3, 4]]
  speed = np.concatenate([np.sin(phase) * [3, -3], np.cos(phase), 0 * phase[:, :1]], axis=1)[:, [0, 2, 1, 3, 4]]
  cycle = 2 * np.pi * (np.arange(40)[:, None] / 40 + np.array([0.2, 0.7]))
  wanted = np.concatenate([0.33 * np.sin(cycle), 0.5 + 0.33 * np.cos(cycle), 0 * cycle[:, :1]], axis=1)
  return {
    "time": time_s,
    "contacts": lift < 0.2,
    "feet_height": 0.001 + 0.027 * lift,
    "joint_pos": joints,
    "joint_names": np.array(JOINTS),
    "torque": torque,
    "joint_vel": speed,
    "torque_limit": np.full(5, 4.0),
    "leg_pairs": np.array([[0, 2, -1], [1, 3, 1]]),
    "vx": 0.25 + 0.04 * np.sin(2 * phase[:, 0]),
    "command": np.array(0.25),
    "reference_joint_pos": wanted[:, [0, 2, 1, 3, 4]],
    "reference_feet_height": 0.035 * np.maximum(0, np.sin(cycle)),
    "reference_contacts": np.sin(cycle) < 0.2,
    "stride_seconds": np.array(0.8),
  }


def make_run(folder: Path, video: bytes = b"not really a film") -> Path:
  """A run folder with every file the report reads."""
  (folder / ".hydra").mkdir(parents=True)
  (folder / ".hydra" / "config.yaml").write_text(yaml.safe_dump(CONFIG))
  (folder / "versions.json").write_text(json.dumps(VERSIONS))
  (folder / "evaluation.json").write_text(json.dumps(fake_evaluation()))
  (folder / "video.mp4").write_bytes(video)
  np.savez(folder / "gait.npz", **fake_gait())
  rows = fake_metrics()
  with (folder / "metrics.csv").open("w", newline="") as file:
    writer = csv.DictWriter(file, rows[0])
    writer.writeheader()
    writer.writerows(rows)
  return folder
