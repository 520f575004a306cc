"""Several policies, and the reference, walking side by side at one commanded speed."""

import os
from collections.abc import Callable, Sequence

import jax
import numpy as np

from wildrobot_exp.errors import UserError
from wildrobot_exp.evaluation.policies import make_actor
from wildrobot_exp.evaluation.rollouts import Roller
from wildrobot_exp.evaluation.showpiece import episode_overlay
from wildrobot_exp.evaluation.starts import SEED, make_evaluation_env, make_start
from wildrobot_exp.evaluation.video import write_videos
from wildrobot_exp.interrupts import raise_held
from wildrobot_exp.motions import Clip, to_states
from wildrobot_exp.runs import Run

LABEL_SIZE = 40  # characters of a run's name that fit on its picture


def side_by_side_video(
  path: str | os.PathLike,
  runs: Sequence[tuple[str, Run]],
  speed: float,
  seconds: float,
  *,
  reference: bool,
  width: int,
  height: int,
  fps: float,
  say: Callable[[str], None] = print,
) -> None:
  """Roll out every run's policy once, deterministic, from its home pose, and write one mp4.

  Args:
    path: the file to write.
    runs: label and run, from left to right.
    speed: commanded, m/s; where a run was not trained for it, that run walks at its nearest trained speed.
    seconds: length of the video.
    reference: also show the first run's clip nearest to that speed, at the right.
    width, height: px of each column, even.
    fps: frames per second.
    say: told of runs that walk at another speed.

  Raises:
    UserError: the runs have different control rates, or there is no clip to show.
    RenderingUnavailable: no image could be drawn here.
  """
  first = runs[0][1]
  if {run.experiment.env.dt for _, run in runs} != {first.experiment.env.dt}:
    raise UserError("the runs have different env.control_dt: one video cannot show them together")
  if reference and not first.experiment.clips:
    raise UserError("the run has no reference clips to show: leave out --reference")
  columns, overlays, walked = [], [], []
  for label, run in runs:
    raise_held()
    env = make_evaluation_env(run.cfg, states=1)
    steps = round(seconds / env.dt)
    walked.append(env.speeds.nearest(speed))
    if instead := env.speeds.instead(speed):
      say(f"{f'{label}: ' if len(runs) > 1 else ''}--speed {speed:g}: {instead}")
    record = Roller(env, make_actor(run.experiment.networks), steps).roll(
      run.params, make_start(env, np.array(walked[-1:])), steps, jax.random.PRNGKey(SEED)
    )
    columns.append(record.qpos[:, 0])
    overlays.append([f"{label[-LABEL_SIZE:]}\n{line}" for line in episode_overlay(record, 0, env.gait_period)])
  if reference:
    clip = min(first.experiment.clips, key=lambda clip: abs(clip.speed - walked[0]))
    columns.append(play_clip(first, clip, len(columns[0])))
    overlays.append([f"reference\n{clip.speed:.2f} m/s"] * len(columns[0]))
  raise_held()
  robot, dt = first.experiment.robot, first.experiment.env.dt
  write_videos(path, robot, columns, dt, fps=fps, width=width, height=height, overlays=overlays)


def play_clip(run: Run, clip: Clip, steps: int) -> np.ndarray:
  """[steps, nq] poses of a clip played over and over; one that does not loop stops at its end."""
  qpos, _ = to_states(run.experiment.robot, clip)
  frame = np.arange(steps)
  if not clip.loop:
    return qpos[np.minimum(frame, len(qpos) - 1)]
  rounds, frame = np.divmod(frame, len(qpos))
  played = qpos[frame].copy()
  played[:, 0] += rounds * clip.speed * clip.seconds
  return played
