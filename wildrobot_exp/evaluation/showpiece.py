"""The video of one evaluated episode, with its command, speed and time written on it."""

import os
from typing import Any

import numpy as np

from wildrobot_exp.evaluation.rollouts import Record
from wildrobot_exp.evaluation.video import write_video
from wildrobot_exp.robots import Robot


def episode_overlay(record: Record, index: int, cycle: float) -> list[str]:
  """[T] lines for each step of an episode; the speed is the mean over the last gait cycle (s)."""
  speed = record.linvel[:, index, 0]
  window = max(round(cycle / record.dt), 1)
  sums = np.concatenate([[0.0], np.cumsum(speed)])
  last = np.arange(1, len(speed) + 1)
  first = np.maximum(last - window, 0)
  mean = (sums[last] - sums[first]) / (last - first)
  command = record.commands[index]
  return [
    f"command {command:.2f} m/s\nspeed {v:.2f} m/s\n{(t + 1) * record.dt:.1f} s"
    + ("" if record.alive[t, index] else "\nfallen")
    for t, v in enumerate(mean)
  ]


def episode_video(
  path: str | os.PathLike, robot: Robot, record: Record, index: int, settings: Any, cycle: float
) -> None:
  """Write the video of episode `index` of a record, as far as `settings.seconds`.

  Args:
    settings: seconds, width, height, fps, as in `evaluation.video` of the config.
    cycle: s, of one gait cycle.

  Raises:
    RenderingUnavailable: no image could be drawn here; the message says what to install.
  """
  steps = round(settings.seconds / record.dt)
  write_video(
    path,
    robot,
    record.qpos[:steps, index],
    record.dt,
    fps=settings.fps,
    width=settings.width,
    height=settings.height,
    overlay=episode_overlay(record, index, cycle)[:steps],
  )
