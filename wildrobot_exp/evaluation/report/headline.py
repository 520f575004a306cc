"""The head of the report in words: the run's name, what was asked of it, and what came out."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from wildrobot_exp.evaluation.report.criteria import Goal
from wildrobot_exp.evaluation.report.run_files import RunFiles, number
from wildrobot_exp.evaluation.report.words import percent

ALGORITHMS = {"ppo": "PPO", "ppo_amp": "PPO + AMP", "brax_ppo": "Brax PPO"}


def run_name(run: RunFiles) -> str:
  """As the run called itself, else the last two parts of its folder."""
  for source in (run.versions, run.evaluation):
    if source and isinstance(source.get("run"), str) and source["run"]:
      return source["run"]
  return "/".join(run.folder.resolve().parts[-2:])


def asked(run: RunFiles) -> str:
  """What the config asked for, in one line."""
  config = run.config
  if config is None:
    return "unknown: .hydra/config.yaml is not in the run folder."
  parts = []
  speeds = ((config.get("env") or {}).get("command") or {}).get("vx")
  if isinstance(speeds, list) and len(speeds) == 2:
    parts.append(f"walk forward at {speeds[0]:g} to {speeds[1]:g} m/s")
  algorithm = (config.get("algo") or {}).get("name")
  if algorithm:
    parts.append(ALGORITHMS.get(algorithm, algorithm) + _style(config))
  steps, robots = number(config.get("total_steps")), number(config.get("num_envs"))
  if steps:
    parts.append(f"{short(steps)} steps" + (f" with {robots:.0f} robots" if robots else ""))
  if config.get("physics"):
    parts.append(f"{config['physics']} physics")
  if config.get("seed") is not None:
    parts.append(f"seed {config['seed']}")
  return ", ".join(parts) + "."


def came_out(run: RunFiles, goals: Sequence[Goal]) -> str:
  """What was reached, in one line."""
  parts = []
  evaluation = run.evaluation or {}
  survival, vx_error = number(evaluation.get("survival")), number(evaluation.get("vx_error"))
  if survival is not None:
    episodes, seconds = number(evaluation.get("episodes")), number(evaluation.get("episode_seconds"))
    which = f"{episodes:.0f} episodes" if episodes else "episodes"
    which += f" of {seconds:g} s" if seconds else ""
    parts.append(f"{percent(survival)} of {which} without a fall")
  if vx_error is not None:
    parts.append(f"speed off by {vx_error:.3f} m/s on average")
  engine = evaluation.get("physics")
  if parts and engine and engine != (run.config or {}).get("physics", engine):
    parts[-1] += f", in {engine} physics"
  judged = [goal for goal in goals if goal.met is not None]
  if judged:
    open_goals = len(goals) - len(judged)
    parts.append(f"{sum(bool(goal.met) for goal in judged)} of {len(goals)} goals met")
    if open_goals:
      parts[-1] += f" ({open_goals} not judged)"
  if not parts:
    parts.append("no evaluation")
  return ", ".join(parts) + _trained(run) + "."


def duration(seconds: float) -> str:
  """Seconds for people: 42 s, 4 min 35 s, 2 h 05 min."""
  whole = round(seconds)
  if whole < 60:
    return f"{whole} s"
  if whole < 3600:
    return f"{whole // 60} min {whole % 60:02d} s"
  return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def short(value: Any) -> str:
  """A number in at most four characters or so: 4 M, 12.3 k, 0.0312."""
  value = number(value)
  if value is None:
    return "-"
  for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
    if abs(value) >= size:
      return f"{value / (1e3 if letter == 'k' else size):.3g} {letter}"
  return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _style(config: Any) -> str:
  amp = config.get("amp")
  if not amp:
    return ""
  motion = (config.get("motion") or {}).get("name")
  weight = number(amp.get("weight"))
  words = ([f"weight {weight:g}"] if weight is not None else []) + ([f"imitating {motion}"] if motion else [])
  return f" ({', '.join(words)})" if words else ""


def _trained(run: RunFiles) -> str:
  steps = run.metrics.get("step", np.array([]))
  steps = steps[np.isfinite(steps)]
  wall = number((run.versions or {}).get("wall_s"))
  if wall is not None:
    return f", in {duration(wall)}"
  return f", after {short(float(steps[-1]))} steps" if len(steps) else ""
