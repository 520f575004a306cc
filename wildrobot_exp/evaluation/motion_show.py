"""A reference clip to look at: a video, and one page with its joints, feet, speed, source and licence."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from wildrobot_exp.evaluation.gait import Walk, clip_walk, measure
from wildrobot_exp.evaluation.report.gait_plots import SIDES, timeline_figures
from wildrobot_exp.evaluation.report.page import embedded_video, fill
from wildrobot_exp.evaluation.report.plots import INK, LIMIT, draw
from wildrobot_exp.evaluation.report.tables import MISSING, gait_rows
from wildrobot_exp.evaluation.summaries import gait_json
from wildrobot_exp.evaluation.video import RenderingUnavailable, write_video
from wildrobot_exp.motions import Clip, to_states
from wildrobot_exp.motions.gait import SERVO_SPEED
from wildrobot_exp.robots import Robot

AT_LIMIT = 0.01  # rad from a limit
TIMELINE_SECONDS = 2.4  # a shorter loop is shown several times
VIDEO_SECONDS = 6.0  # likewise
LONGEST_VIDEO = 30.0  # s


@dataclasses.dataclass(frozen=True)
class Shown:
  """What was written. `video` is None where nothing can be drawn."""

  page: Path
  video: Path | None


def show_clip(robot: Robot, clip: Clip, name: str, folder: Path, say: Callable[[str], None]) -> Shown:
  """Write NAME.mp4 and NAME.html into an existing folder.

  Args:
    robot: who performs it.
    clip: the motion.
    name: of the files, and the page's title.
    folder: where to write.
    say: told in one line if there is no video.

  Raises:
    UserError: the clip's joints are not the robot's.
  """
  qpos, qvel = to_states(robot, clip)
  video, missing = folder / f"{name}.mp4", ""
  try:
    poses = travel(clip, qpos, _rounds(clip, VIDEO_SECONDS))[: round(LONGEST_VIDEO * clip.fps)]
    write_video(video, robot, poses, 1 / clip.fps, fps=min(25.0, clip.fps))
  except RenderingUnavailable as reason:
    missing = f"No video: {reason}"
    say(missing)
    video = None
  walk = clip_walk(robot, clip)
  context = {
    "name": name,
    "line": _line(clip),
    "warnings": _warnings(robot, clip, qpos, qvel),
    "facts": _facts(clip),
    "gait": _gait_facts(robot, walk),
    "timelines": _timelines(clip, walk),
    "joints": _joint_figures(robot, clip, qpos),
    "joint_rows": _joint_rows(robot, qpos, qvel),
    **(embedded_video(video) if video else {"video": None, "video_missing": missing}),
  }
  page = folder / f"{name}.html"
  page.write_text(fill("motion.html.j2", context), encoding="utf-8")
  return Shown(page, video)


def travel(clip: Clip, qpos: np.ndarray, rounds: int) -> np.ndarray:
  """[rounds * T, nq] the poses [T, nq] of a clip, a loop moved forward by its length in every round."""
  poses = np.tile(qpos, (rounds, 1))
  poses[:, 0] += np.repeat(np.arange(rounds), len(qpos)) * clip.speed * clip.seconds
  return poses


def _rounds(clip: Clip, seconds: float) -> int:
  return max(math.ceil(seconds / clip.seconds - 1e-9), 1) if clip.loop else 1


def _line(clip: Clip) -> str:
  kind = "a loop" if clip.loop else "played once"
  return f"{clip.speed:.2f} m/s, {clip.seconds:.2f} s, {clip.num_frames} frames at {clip.fps:g} per second, {kind}"


def _warnings(robot: Robot, clip: Clip, qpos: np.ndarray, qvel: np.ndarray) -> list[str]:
  """What the robot cannot do, and what is not known about the clip."""
  low, high = robot.joint_range.T
  joints = qpos[:, robot.joint_qpos]
  outside = ((joints < low - 1e-6) | (joints > high + 1e-6)).any(axis=0)
  fast = np.abs(qvel[:, robot.joint_qvel]).max(axis=0) > SERVO_SPEED
  lines = []
  for which, words in ((outside, "outside its limits"), (fast, f"faster than the servo's {SERVO_SPEED} rad/s")):
    names = [name.replace("_", " ") for name, bad in zip(robot.joint_names, which, strict=True) if bad]
    if names:
      lines.append(f"Moves {words}: {', '.join(names)}.")
  unknown = [what for what, text in (("source", clip.source), ("licence", clip.licence)) if not text]
  return lines + ([f"The file does not name its {' and '.join(unknown)}."] if unknown else [])


def _facts(clip: Clip) -> dict[str, str]:
  return {
    "Source": clip.source or "unknown",
    "Licence": clip.licence or "unknown",
    "Contacts": "as the clip says" if clip.contacts is not None else "estimated from the foot heights",
  }


def _gait_facts(robot: Robot, walk: Walk) -> list[tuple[str, str, str]]:
  """(what, unit, value) of the gait, right | left; what was not measured is left out."""
  rows = gait_rows(gait_json(measure(robot, walk)))
  return [(words, unit, value) for words, unit, value, _ in rows if value != MISSING]


def _timelines(clip: Clip, walk: Walk) -> list[tuple[str, str, str]]:
  """Contacts, foot heights and speed: the whole clip, or a few rounds of a short loop."""
  count = min(len(walk.vx), _rounds(clip, TIMELINE_SECONDS) * clip.num_frames)
  gait = {
    "time": np.arange(count) * walk.dt,
    "contacts": walk.contacts[:count],
    "feet_height": walk.heights[:count],
    "vx": walk.vx[:count],
    "command": np.array(clip.speed),
  }
  return timeline_figures(gait, window=count * walk.dt, labels=("clip", "nominal"))


def _joint_figures(robot: Robot, clip: Clip, qpos: np.ndarray) -> list[tuple[str, str, str]]:
  """(title, unit, SVG) of every joint over the clip, with its limits."""
  time = np.arange(len(qpos)) / clip.fps
  figures = []
  for name, column, limits in zip(robot.joint_names, robot.joint_qpos, robot.joint_range, strict=True):
    colour = dict(SIDES).get(name.split("_")[0], INK)

    def paint(axes: Axes) -> None:
      axes.plot(time, qpos[:, column], color=colour)
      for limit in limits:
        axes.axhline(limit, color=LIMIT, linestyle=":", linewidth=1.2)
      axes.set_xlim(0, time[-1])
      axes.set_xlabel("s")

    figures.append((name.replace("_", " ").capitalize(), "rad", draw(f"{name} over the clip", paint)))
  return figures


def _joint_rows(robot: Robot, qpos: np.ndarray, qvel: np.ndarray) -> list[tuple[str, ...]]:
  """(joint, lowest, highest, limits, peak speed, share of frames at a limit) as text."""
  rows = []
  for joint, name in enumerate(robot.joint_names):
    angle, speed = qpos[:, robot.joint_qpos[joint]], qvel[:, robot.joint_qvel[joint]]
    low, high = robot.joint_range[joint]
    at_limit = np.mean((angle < low + AT_LIMIT) | (angle > high - AT_LIMIT))
    rows.append(
      (
        name.replace("_", " "),
        f"{angle.min():.2f}",
        f"{angle.max():.2f}",
        f"{low:.2f} to {high:.2f}",
        f"{np.abs(speed).max():.1f}",
        f"{at_limit:.0%}",
      )
    )
  return rows
