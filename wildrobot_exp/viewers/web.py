"""A live policy in MuJoCo's web viewer: the browser draws it, so this machine needs no display and no OpenGL."""

import logging
import queue
import socket
import threading
from collections.abc import Sequence

import mujoco
from mujoco.studio import launch_thread, messages, plugin, ux, viewer_protocol, web_viewer
from mujoco.studio.dear_imgui import dear_imgui as imgui

from wildrobot_exp.errors import UserError
from wildrobot_exp.live import KEYS, Key, LiveRun

LOOPBACK = "127.0.0.1"
KEYS_PER_LINE = 3


class _LoopbackViewer(web_viewer.WebViewer):
  """The page on this machine alone: MuJoCo's own choice is every interface, and it asks nobody who they are."""

  _host = property(lambda self: LOOPBACK, lambda self, value: None)


class _Panel(plugin.ViewerPlugin):
  """The box with command, velocity, time and keys; runs on the viewer's thread, once per picture."""

  def __init__(self):
    self.lines: Sequence[tuple[str, str]] = ()
    self.keys: queue.SimpleQueue[Key] = queue.SimpleQueue()
    self.ready = threading.Event()
    self.port = 0

  @messages.handler
  def on_init(self, event: viewer_protocol.ViewerInitEvent) -> None:
    self.port = event.viewer._http_port  # the one that was free; it has no public name
    self.ready.set()

  @messages.handler
  def on_model(self, event: messages.PostModelEvent) -> None:
    camera = self.viewer.camera
    camera.type, camera.trackbodyid = mujoco.mjtCamera.mjCAMERA_TRACKING, 1
    camera.distance, camera.azimuth, camera.elevation = 1.8, 130.0, -12.0
    self.viewer.camera_index = ux.TRACKING_CAMERA_IDX

  @messages.handler
  def on_gui(self, event: messages.BuildGuiEvent) -> None:
    imgui.SetNextWindowPos(imgui.Vec2(12, 12), int(imgui.Cond.Once))
    imgui.Begin("WildRobot", flags=int(imgui.WindowFlags.AlwaysAutoResize))
    for name, value in self.lines:
      imgui.Text(f"{name:9} {value}")
    imgui.Separator()
    for place, key in enumerate(KEYS):
      if place % KEYS_PER_LINE:
        imgui.SameLine()
      if imgui.Button(f"{key.label}: {key.meaning}") or imgui.IsKeyPressed(getattr(imgui.Key, key.imgui), False):
        self.keys.put(key)
    imgui.End()


def check_port(port: int) -> None:
  """Raises UserError if the page cannot be served on this port; 0 is any."""
  with socket.socket() as probe:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
      probe.bind((LOOPBACK, port))
    except OSError as error:
      raise UserError(f"no web viewer on port {port}: {error.strerror}; use another --port") from error


class WebScreen:
  """The page, at `url`. It goes on without a browser; one that comes later sees the robot as it is then.

  Args:
    live: the policy, for its model.
    port: 0: the first free one from 8080 on.

  Raises:
    UserError: the port is taken.
  """

  def __init__(self, live: LiveRun, port: int):
    self._panel = _Panel()
    logging.getLogger("WebServer").setLevel(logging.WARNING)  # no line for every browser that comes and goes
    config = viewer_protocol.ViewerConfig(title="WildRobot", gfx="web", http_port=port, open_browser=True)

    def serve(endpoint) -> None:
      viewer_protocol.run_viewer_loop(_LoopbackViewer(config, endpoint, plugins=[self._panel]))

    self._handle = launch_thread.launch_thread(serve)
    try:
      while not self._panel.ready.wait(0.05):
        self._handle.is_running()  # raises what ended the viewer's thread
    except RuntimeError as error:
      raise UserError(f"no web viewer on port {port}: {error}") from error
    self.url = f"http://localhost:{self._panel.port}/"
    self._handle.set_model(live.env.robot.model)

  def is_open(self) -> bool:
    return self._handle.is_running()

  def pressed(self) -> Sequence[Key]:
    return [self._panel.keys.get() for _ in range(self._panel.keys.qsize())]

  def draw(self, live: LiveRun, lines: Sequence[tuple[str, str]]) -> None:
    self._panel.lines = list(lines)
    data = self._handle.data
    data.qpos[:], data.qvel[:], data.time = live.qpos, live.qvel, live.time
    self._handle.sync()

  def close(self) -> None:
    self._handle.close()
