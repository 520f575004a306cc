"""Videos and pictures of a recorded episode, without a display."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np

from wildrobot_exp.children import run_child
from wildrobot_exp.robots import Robot

BACKENDS = ("egl", "osmesa")  # values of MUJOCO_GL
INSTALL = "apt-get install libegl1 libegl-mesa0"  # libEGL.so.1, and what draws where there is no GPU


class RenderingUnavailable(Exception):
  """No image could be drawn. The message is one line and names what to install."""


def write_video(
  path: str | os.PathLike,
  robot: Robot,
  qpos: np.ndarray,
  control_dt: float,
  *,
  fps: float = 25,
  width: int = 480,
  height: int = 360,
  overlay: Sequence[str] = (),
) -> None:
  """Write an mp4 (H.264, yuv420p: plays in browsers), seen from the camera that follows the robot.

  See `write_videos` for the arguments and errors.
  """
  texts = [list(overlay)] if len(overlay) else []
  write_videos(path, robot, [qpos], control_dt, fps=fps, width=width, height=height, overlays=texts)


def write_videos(
  path: str | os.PathLike,
  robot: Robot,
  columns: Sequence[np.ndarray],
  control_dt: float,
  *,
  fps: float = 25,
  width: int = 480,
  height: int = 360,
  overlays: Sequence[Sequence[str]] = (),
) -> None:
  """Several robots side by side in one mp4, each followed by a camera of its own.

  Args:
    path: the file to write; it appears when it is complete.
    robot: whose model is drawn.
    columns: for every robot its poses [T, nq], one per control step; all of the same length.
    control_dt: seconds per control step.
    fps: frames per second, at most one per control step.
    width, height: px of each column, even.
    overlays: for every column its text [T] for each control step, lines separated by newlines; none by default.

  Raises:
    RenderingUnavailable: no graphics library works here, or the video could not be encoded.
  """
  steps = len(columns[0])
  count = max(int(steps * control_dt * fps + 1e-6), 1)
  rows = np.minimum(np.round(np.arange(count) / (fps * control_dt)).astype(int), steps - 1)
  texts = [overlays[i][row] if len(overlays) else "" for row in rows for i in range(len(columns))]
  poses = np.stack([column[rows] for column in columns], axis=1).reshape(count * len(columns), -1)
  _render(path, robot, poses, texts, width=width, height=height, fps=float(fps), columns=len(columns))


def check_rendering(robot: Robot) -> None:
  """Draw one small picture, for nothing but to know that it can be done.

  Raises:
    RenderingUnavailable: no graphics library works here.
  """
  with tempfile.TemporaryDirectory() as folder:
    picture(pathlib.Path(folder) / "try.png", robot, robot.home_qpos[None], width=32, height=32)


def picture(
  path: str | os.PathLike,
  robot: Robot,
  qpos: np.ndarray,
  *,
  width: int = 240,
  height: int = 360,
  overlay: Sequence[str] = (),
) -> None:
  """Write a PNG with the poses [F, nq] side by side, each width x height px; F = 1 is a still.

  Raises:
    RenderingUnavailable: no graphics library works here.
  """
  _render(path, robot, qpos, overlay or [""] * len(qpos), width=width, height=height)


def _render(
  path: str | os.PathLike, robot: Robot, qpos: np.ndarray, overlay: Sequence[str], **job: Any
) -> None:
  target = pathlib.Path(path)
  with tempfile.TemporaryDirectory() as folder:
    scratch = pathlib.Path(folder)
    model, output, job_file = scratch / "model.mjb", scratch / f"out{target.suffix}", scratch / "job.npz"
    mujoco.mj_saveModel(robot.model, str(model))
    texts = np.array(overlay, dtype=np.str_)
    np.savez(job_file, model=str(model), output=str(output), qpos=qpos, overlay=texts, **job)
    reasons = []
    for backend in _backends():
      environment = os.environ | {"MUJOCO_GL": backend, "PYOPENGL_PLATFORM": backend}
      command = [sys.executable, "-m", "wildrobot_exp.evaluation.render", str(job_file)]
      done = run_child(command, environment=environment)
      if done.returncode == 0 and output.is_file():
        _move(output, target)
        return
      reasons.append(f"{backend}: {_last_line(done)}")
  raise RenderingUnavailable(
    f"{target.name} not drawn, rendering without a display failed ({'; '.join(reasons)}): {INSTALL}"
  )


def _move(made: pathlib.Path, target: pathlib.Path) -> None:
  """Also to another file system: a reader never sees half of it."""
  partial = target.with_name(f".{target.name}.partial")
  try:
    shutil.copyfile(made, partial)
    os.replace(partial, target)
  except BaseException:
    partial.unlink(missing_ok=True)
    raise


def _backends() -> list[str]:
  """The user's MUJOCO_GL first, if it is one that needs no display."""
  chosen = os.environ.get("MUJOCO_GL", "").strip().lower()
  return sorted(BACKENDS, key=lambda name: name != chosen)


def _last_line(done: subprocess.CompletedProcess) -> str:
  lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
  return lines[-1].strip() if lines else f"exit code {done.returncode}"
