"""A live policy in MuJoCo's native viewer: a window on this machine's display."""

import queue
import warnings
from collections.abc import Sequence

import mujoco

from wildrobot_exp.live import KEYS, Key, LiveRun


class NoWindow(Exception):
  """No window can be opened here. The message is part of a line."""


class NativeScreen:
  """The window.

  Args:
    live: the policy, for its model.

  Raises:
    NoWindow: no display, or no graphics library.
  """

  def __init__(self, live: LiveRun):
    viewer = _viewer_module()
    self._model = live.env.robot.model
    self._data = mujoco.MjData(self._model)
    self._data.qpos[:] = live.qpos
    self._queue: queue.SimpleQueue[int] = queue.SimpleQueue()
    self._window = viewer.launch_passive(
      self._model, self._data, key_callback=self._queue.put, show_left_ui=False, show_right_ui=False
    )
    camera = self._window.cam
    camera.type, camera.trackbodyid = mujoco.mjtCamera.mjCAMERA_TRACKING, 1
    camera.distance, camera.azimuth, camera.elevation = 1.8, 130.0, -12.0

  def is_open(self) -> bool:
    return self._window.is_running()

  def pressed(self) -> Sequence[Key]:
    codes = [self._queue.get() for _ in range(self._queue.qsize())]
    known = {key.glfw: key for key in KEYS}
    return [known[code] for code in codes if code in known]

  def draw(self, live: LiveRun, lines: Sequence[tuple[str, str]]) -> None:
    with self._window.lock():
      self._data.qpos[:], self._data.qvel[:], self._data.time = live.qpos, live.qvel, live.time
      mujoco.mj_forward(self._model, self._data)
    self._window.set_texts([
      _text(mujoco.mjtGridPos.mjGRID_TOPLEFT, lines),
      _text(mujoco.mjtGridPos.mjGRID_BOTTOMLEFT, [(key.label, key.meaning) for key in KEYS]),
    ])
    self._window.sync()

  def close(self) -> None:
    self._window.close()


def _text(place: int, lines: Sequence[tuple[str, str]]) -> tuple[int, int, str, str]:
  left, right = zip(*lines, strict=True)
  return mujoco.mjtFontScale.mjFONTSCALE_100, place, "\n".join(left), "\n".join(right)


def check_window() -> None:
  """Raises NoWindow where `NativeScreen` would."""
  _viewer_module()


def _viewer_module():
  """mujoco.viewer, once a window is known to be possible: without one its launch waits for ever."""
  try:
    import glfw
    import mujoco.viewer
  except (ImportError, RuntimeError) as error:
    raise NoWindow(f"{error} (pip install glfw)") from error
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # glfw's own line about the display; ours follows
    works = glfw.init()
  if not works:
    raise NoWindow("no window can be opened on this display (DISPLAY, WAYLAND_DISPLAY)")
  return mujoco.viewer
