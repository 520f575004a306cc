"""The evaluation of one policy, written into its run folder: evaluation.json, gait.npz, video.mp4."""

# isort: off
from wildrobot_exp.physics import quiet_mjx as _quiet_mjx  # noqa: F401  before Brax imports mujoco.mjx, aloud

# isort: on
import contextlib
import functools
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from brax.training.agents.ppo import networks as ppo_networks

from wildrobot_exp.evaluation.gait import CONTACT_FORCE, debounce
from wildrobot_exp.evaluation.policies import make_actor
from wildrobot_exp.evaluation.protocol import Evaluation, Programs, evaluate
from wildrobot_exp.evaluation.showpiece import episode_video
from wildrobot_exp.evaluation.stages import stage, stages_told
from wildrobot_exp.evaluation.strides import clip_stride
from wildrobot_exp.evaluation.symmetry import leg_pairs
from wildrobot_exp.evaluation.video import RenderingUnavailable
from wildrobot_exp.interrupts import before_leaving, raise_held
from wildrobot_exp.json_files import write_json
from wildrobot_exp.motions import Clip
from wildrobot_exp.npz_files import write_npz
from wildrobot_exp.physics import ENGINES
from wildrobot_exp.robots import Robot, load_robot

EVALUATION, GAIT, VIDEO = "evaluation.json", "gait.npz", "video.mp4"
STAGE = ".evaluation.partial"


def evaluate_into(
  run_dir: Path,
  cfg: Any,
  networks: ppo_networks.PPONetworks,
  params: Any,
  *,
  step: int,
  clips: Sequence[Clip],
  say: Callable[[str], None],
  programs: Programs | None = None,
  run: str | None = None,
  made: dict[str, Any] | None = None,
) -> dict[str, Any]:
  """Run the protocol on (normaliser, policy parameters) and write what it found: all its files at the end, or none.

  Args:
    run_dir: where to write: the run folder, or another.
    cfg: the run's config.
    networks: of the policy.
    params: normaliser and policy parameters.
    step: env steps the policy was trained for.
    clips: the reference motion, to put beside the gait and to measure the style against.
    say: told what is measured, and what is missing.
    programs: that serve this policy, where some are compiled already.
    run: name of the run, written down; the folder's by default.
    made: how this evaluation came about, where that is not how the run did; its duration (wall_s) is added.

  Returns:
    The content of evaluation.json.
  """
  started = time.monotonic()
  with stages_told(say):
    stage("measuring the episodes, deterministic and stochastic, and the baselines")
    evaluation = evaluate(
      cfg,
      programs or Programs(cfg, make_actor(networks)),
      params,
      run=run or run_dir.resolve().name,
      checkpoint_step=step,
      clips=clips,
      pushes=cfg.evaluation.pushes.enabled,
      worlds=cfg.evaluation.worlds.enabled,
    )
  raise_held()
  result = evaluation.result | ({"made": made | {"wall_s": time.monotonic() - started}} if made else {})
  robot = load_robot(cfg.env.control_dt, cfg.env.timestep)
  with _all_or_nothing(run_dir) as folder:
    write_npz(folder / GAIT, gait_arrays(robot, evaluation, clips))
    if cfg.evaluation.video.enabled:
      say("drawing the video")
      shown, settings = (evaluation.record, evaluation.nominal), cfg.evaluation.video
      try:
        episode_video(folder / VIDEO, robot, *shown, settings, cfg.env.gait_period)
      except (RenderingUnavailable, OSError) as reason:  # a full disk may still hold the numbers
        say(f"no video: {reason}")
    write_json(folder / EVALUATION, result)
    keep_another(run_dir, result)
  return result


def keep_another(run_dir: Path, result: Mapping[str, Any]) -> None:
  """Rename an evaluation.json that tells of another engine or checkpoint: it is another answer, not an older one."""
  path = run_dir / EVALUATION
  kept_evaluation(run_dir, result["physics"], result["checkpoint_step"]).unlink(missing_ok=True)
  try:
    before = json.loads(path.read_text())
    which = (before["physics"], int(before["checkpoint_step"]))
  except (OSError, ValueError, KeyError, TypeError):
    return
  if which[0] not in ENGINES:
    return  # nothing that was written here
  if which != (result["physics"], result["checkpoint_step"]):
    os.replace(path, kept_evaluation(run_dir, *which))


def kept_evaluation(run_dir: Path, physics: str, step: int) -> Path:
  """Where `keep_another` puts it: evaluation-native-3000320.json."""
  return run_dir / f"evaluation-{physics}-{step}.json"


@contextlib.contextmanager
def _all_or_nothing(run_dir: Path) -> Iterator[Path]:
  """A folder for the files of an evaluation; at the end they replace all those of the one before.

  What a killed process left is taken away by the next evaluation.
  """
  stage = run_dir / STAGE
  clear = functools.partial(shutil.rmtree, stage, ignore_errors=True)
  clear()
  stage.mkdir()
  try:
    with before_leaving(clear):
      yield stage
      for name in (VIDEO, GAIT, EVALUATION):
        if (stage / name).exists():
          os.replace(stage / name, run_dir / name)
        else:
          (run_dir / name).unlink(missing_ok=True)
  finally:
    clear()


def gait_arrays(robot: Robot, evaluation: Evaluation, clips: Sequence[Clip]) -> dict[str, np.ndarray]:
  """gait.npz: the shown episode up to its end or fall, and the mean stride of the clip nearest to its command."""
  record, index = evaluation.record, evaluation.nominal
  steps = max(int(record.alive[:, index].sum()), 1)
  command = float(record.commands[index])
  arrays = {
    "time": (np.arange(steps) + 1) * record.dt,
    "contacts": np.stack([debounce(foot) for foot in (record.feet_load[:steps, index] > CONTACT_FORCE).T], axis=1),
    "feet_height": record.feet_pos[:steps, index, :, 2],
    "joint_pos": record.qpos[:steps, index][:, robot.joint_qpos],
    "joint_names": np.array(robot.joint_names),
    "torque": record.torque[:steps, index],
    "joint_vel": record.joint_vel[:steps, index],
    "torque_limit": robot.model.actuator_forcerange[:, 1],
    "leg_pairs": leg_pairs(robot),
    "vx": record.linvel[:steps, index, 0],
    "command": np.array(command),
  }
  return arrays | _reference_arrays(robot, command, clips)


def _reference_arrays(robot: Robot, command: float, clips: Sequence[Clip]) -> dict[str, np.ndarray]:
  if not clips:
    return {}
  speed = min((clip.speed for clip in clips), key=lambda speed: abs(speed - command))
  strides = (clip_stride(robot, clip) for clip in clips if clip.speed == speed)
  stride = next((stride for stride in strides if stride is not None), None)
  if stride is None:
    why = f"There is no reference beside it: the clip nearest in speed, {speed:.2f} m/s, has no whole stride."
    return {"no_reference": np.array(why)}
  return {
    "reference_joint_pos": stride.joints,
    "reference_feet_height": stride.heights,
    "reference_contacts": stride.contacts,
    "stride_seconds": np.array(stride.seconds),
  }


def summary(result: dict[str, Any]) -> dict[str, float]:
  """The few numbers of evaluation.json that a sweep compares; what was not measured is left out."""
  gait = result.get("gait", {})
  walk = result.get("long_walk", {})
  style = result.get("style", {})
  baselines = result["baselines"]
  commands = result["commands"]
  torque, power = ([row[key] for row in commands] for key in ("torque_mean_nm", "power_mean_w"))
  pushes = {(row["direction"], row["force_n"]): row["recovered"] for row in result.get("pushes", [])}
  worlds = [row["survival"] for row in result.get("worlds", [])]
  still = [row for row in commands if row["vx"] == 0.0]
  numbers = {
    "survival": result["survival"],
    "vx_error": result["vx_error"],
    "stochastic_survival": result["stochastic"]["survival"],
    "fine_timestep_survival": result["fine_timestep"]["survival"],
    "return": result["return"],
    "zero_action_return": baselines["zero_action"]["return"],
    "zero_action_survival": baselines["zero_action"]["survival"],
    "random_policy_return": baselines["random_policy"]["return"],
    "random_policy_survival": baselines["random_policy"]["survival"],
    "long_walk_completed": walk["completed"] / walk["rollouts"] if walk else None,
    "push_lateral_10n_recovered": pushes.get(("lateral", 10.0)),
    "push_forward_10n_recovered": pushes.get(("forward", 10.0)),
    "worst_world_survival": min(worlds, default=None),
    "torque_mean_nm": None if None in torque else max(torque),
    "power_mean_w": None if None in power else max(power),
    "drift_at_zero_m": still[0]["drift_m"] if still else None,
    "stride_frequency_hz": _mean(gait.get("stride_frequency_hz")),
    "swing_clearance_m": _least(gait.get("swing_clearance_feet_m")),
    "symmetry": gait.get("symmetry"),
    "classifier_auc": style.get("classifier_auc"),
    "feature_distance": style.get("feature_distance"),
    "joint_rms_rad": style.get("joint_rms_rad"),
  }
  return {name: float(value) for name, value in numbers.items() if value is not None}


def intervals(result: dict[str, Any]) -> dict[str, tuple[float, float]]:
  """The 95 % intervals of the rates among the numbers of `summary`, by the same names."""
  pushes = {(row["direction"], row["force_n"]): row for row in result.get("pushes", [])}
  worlds = result.get("worlds", [])
  rows = {
    "survival": result,
    "stochastic_survival": result["stochastic"],
    "fine_timestep_survival": result["fine_timestep"],
    "zero_action_survival": result["baselines"]["zero_action"],
    "random_policy_survival": result["baselines"]["random_policy"],
    "long_walk_completed": result.get("long_walk", {}),
    "push_lateral_10n_recovered": pushes.get(("lateral", 10.0), {}),
    "push_forward_10n_recovered": pushes.get(("forward", 10.0), {}),
    "worst_world_survival": min(worlds, key=lambda row: row["survival"], default={}),
  }
  found = {name: row.get(f"{name.rpartition('_')[2]}_ci") for name, row in rows.items()}
  return {name: tuple(ends) for name, ends in found.items() if ends is not None}


def _mean(pair: Sequence[float | None] | None) -> float | None:
  return None if pair is None or None in pair else float(np.mean(pair))


def _least(pair: Sequence[float | None] | None) -> float | None:
  return None if pair is None or None in pair else float(min(pair))
