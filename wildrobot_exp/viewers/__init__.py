"""Where a live policy is shown: MuJoCo's native window, or its web viewer. `show` runs the loop."""

import importlib
import os
import sys
import time
import types
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from wildrobot_exp.errors import UserError
from wildrobot_exp.live import KEYS, Key, LiveRun, status

LATEST = 0.25  # s behind real time; what is beyond that is given up instead of caught up with


class Screen(Protocol):
  """A viewer that is open."""

  def is_open(self) -> bool:
    """False once the user closed it."""

  def pressed(self) -> Sequence[Key]:
    """Keys since the last call, in order."""

  def draw(self, live: LiveRun, lines: Sequence[tuple[str, str]]) -> None:
    """Show the robot as it is now, and (name, value) lines beside it."""

  def close(self) -> None:
    """Put it away."""


def show(
  live: LiveRun,
  screen: Screen,
  seconds: float | None = None,
  clock: Any = time,
  stopped: Callable[[], bool] = lambda: False,
) -> None:
  """Walk in real time, obeying keys, until the viewer is closed. Where drawing is slow, pictures are left out.

  Args:
    live: the policy.
    screen: the viewer; closed at the end.
    seconds: wall clock, then stop; None: only when it is closed.
    clock: has `monotonic()` and `sleep(s)`.
    stopped: asked before every picture; True is the end.
  """
  screen.draw(live, status(live, 1.0))  # the first picture takes long
  started = due = marked = clock.monotonic()
  walked, pace = 0, 1.0
  try:
    while not stopped() and screen.is_open() and (seconds is None or clock.monotonic() - started < seconds):
      for key in screen.pressed():
        key.press(live)
      now = clock.monotonic()
      due = max(due, now - LATEST)
      while due <= now:
        if not live.paused:
          live.step()
          walked += 1
        due += live.env.dt
      screen.draw(live, status(live, pace))
      now = clock.monotonic()
      if now - marked >= 1.0:
        pace, walked, marked = walked * live.env.dt / (now - marked), 0, now
      clock.sleep(max(due - now, 0.0))
  finally:
    screen.close()


def check_screen(kind: str, port: int) -> None:
  """Is there a viewer for `open_screen` to open? Nothing is opened, and nothing compiled.

  Raises:
    UserError: no display, no package, or the port is taken.
  """
  if kind == "native" or (kind == "auto" and _has_display()):
    from wildrobot_exp.viewers.native import NoWindow, check_window

    try:
      check_window()
      return
    except NoWindow as reason:
      if kind == "native":
        raise _no_window(reason) from reason
  _web().check_port(port)


def open_screen(live: LiveRun, kind: str, port: int) -> Screen:
  """The viewer that works here.

  Args:
    live: the policy, for its model.
    kind: "native", "web", or "auto": native where there is a display it can open a window on.
    port: of the web viewer; 0: the first free one from 8080 on.

  Raises:
    UserError: it cannot be opened here; says what to install or to choose.
  """
  if kind == "native" or (kind == "auto" and _has_display()):
    from wildrobot_exp.viewers.native import NativeScreen, NoWindow

    try:
      return NativeScreen(live)
    except NoWindow as reason:
      if kind == "native":
        raise _no_window(reason) from reason
  return _web().WebScreen(live, port)


def _no_window(reason: Exception) -> UserError:
  return UserError(f"no native viewer: {reason}; use --viewer web, or --video FILE.mp4")


def _web() -> types.ModuleType:
  try:
    return importlib.import_module("wildrobot_exp.viewers.web")
  except ImportError as error:
    raise UserError(f"no web viewer ({error}): pip install mujoco-studio, or use --video FILE.mp4") from error


def key_list() -> str:
  """All keys in one line."""
  return ", ".join(f"{key.label} {key.meaning}" for key in KEYS)


def _has_display() -> bool:
  if sys.platform == "darwin":
    return False  # its windows need another Python, mjpython
  return sys.platform == "win32" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
