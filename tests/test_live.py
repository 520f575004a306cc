"""A live policy without a window: commands, pushes, pause, single steps, and every key of the table."""

import contextlib
import socket
import sys
import urllib.request
from types import SimpleNamespace

import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from wildrobot_exp import viewers
from wildrobot_exp.config.compose import load
from wildrobot_exp.errors import UserError
from wildrobot_exp.evaluation.starts import make_evaluation_env
from wildrobot_exp.live import KEYS, LiveRun, status


def hold(params, observation, rng, mode):
  """An actor that holds the home pose."""
  return jnp.zeros((len(mode), 11))


@pytest.fixture(scope="module")
def standing(native):
  """A robot that stands, in an env whose speeds begin at 0."""
  return LiveRun(make_evaluation_env(load(["algo=ppo"]), states=1, physics=native), hold, None, 0.2)


@pytest.fixture
def live(standing):
  standing.paused, standing.command = False, 0.2
  standing.reset()
  return standing


def press(live: LiveRun, label: str) -> None:
  next(key for key in KEYS if key.label == label).press(live)


def test_it_goes_on_in_control_periods(live):
  for _ in range(5):
    live.step()
  assert live.time == pytest.approx(0.1) and not live.fallen
  assert live.qpos[2] == pytest.approx(live.env.robot.home_qpos[2], abs=0.01)


def test_the_policy_sees_the_command(live):
  assert live._state.info["command"] == pytest.approx(0.2)
  live.command = 0.1
  live.step()
  assert live._state.info["command"] == pytest.approx(0.1)
  assert live.env.fields["state"][:3] == ("gyro", "gravity", "command")
  assert live._state.obs["state"][0, 6] == pytest.approx(0.1)


@pytest.mark.parametrize(
  ("asked", "taken"), [(0.2, 0.2), (0.9, 0.3), (-0.1, 0.0), (0.01, 0.0), (0.04, 0.05), (0.0, 0.0)]
)
def test_a_command_stays_within_what_was_trained(live, asked, taken):
  live.command = asked
  assert live.command == pytest.approx(taken)


def test_the_picture_says_which_commands_were_trained(live):
  assert dict(status(live, 1.0))["command"] == "0.20 m/s (0 and 0.05 to 0.3 m/s trained)"


def test_a_policy_that_never_stood_is_not_told_to_stand(native):
  cfg = load(["algo=ppo", "env.command.vx=[0.1,0.3]", "env.command.zero_share=0"])
  live = LiveRun(make_evaluation_env(cfg, states=1, physics=native), hold, None, 0.0)
  assert live.command == pytest.approx(0.1)


@pytest.mark.parametrize(("label", "axis", "sign"), [("Enter", 0, 1), ("Left", 1, 1), ("Right", 1, -1)])
def test_a_push_goes_where_its_key_says_and_ends(live, label, axis, sign):
  press(live, label)
  for _ in range(10):
    assert live.pushed
    live.step()
  assert not live.pushed
  assert sign * live.qvel[axis] > 0.05


def test_the_keys_change_the_command(live):
  press(live, "Up")
  assert live.command == pytest.approx(0.25)
  press(live, "Down")
  press(live, "Down")
  assert live.command == pytest.approx(0.15)
  press(live, "9")
  assert live.command == 0.0


def test_pause_one_step_and_start_again(live):
  press(live, "Space")
  assert live.paused
  press(live, ".")
  assert live.paused and live.time == pytest.approx(0.02)
  press(live, "Space")
  assert not live.paused
  press(live, "Left")
  press(live, "Backspace")
  assert live.time == 0.0 and not live.pushed and live.command == pytest.approx(0.2)
  np.testing.assert_allclose(live.qpos, live.env.robot.home_qpos, atol=1e-6)


def test_one_step_pauses_a_robot_that_walks(live):
  press(live, ".")
  assert live.paused and live.time == pytest.approx(0.02)


def test_a_fall_is_said_and_forgotten_at_the_next_start(live):
  live._push, live._push_steps = np.array([0.0, 300.0, 0.0], np.float32), 25
  for _ in range(75):
    live.step()
  assert live.fallen and dict(status(live, 1.0))["state"].startswith("fallen")
  live.reset()
  assert not live.fallen


def test_every_key_is_there_once_and_leaves_mujoco_s_own_shortcuts_alone():
  imgui = pytest.importorskip("mujoco.studio.dear_imgui.dear_imgui")
  assert len({key.glfw for key in KEYS}) == len({key.imgui for key in KEYS}) == len({key.label for key in KEYS})
  assert all(hasattr(imgui.Key, key.imgui) for key in KEYS)
  taken = {row[2] for row in (*mujoco.mjVISSTRING, *mujoco.mjRNDSTRING)}
  assert not taken & {chr(key.glfw) for key in KEYS if key.glfw < 256}


class FakeClock:
  """Time passes only where somebody sleeps or draws."""

  def __init__(self):
    self.now = 100.0

  def monotonic(self) -> float:
    return self.now

  def sleep(self, seconds: float) -> None:
    self.now += seconds + 1e-9


class FakeScreen:
  """Presses the keys it was given, one per picture, and is closed by the user after the last."""

  def __init__(self, clock: FakeClock, *labels: str, drawing: float = 0.0):
    self.clock, self.drawing = clock, drawing
    self.labels, self.drawn, self.closed = list(labels), [], False

  def is_open(self) -> bool:
    return bool(self.labels)

  def pressed(self):
    label = self.labels.pop(0)
    return [key for key in KEYS if key.label == label]

  def draw(self, live, lines):
    self.clock.now += self.drawing
    self.drawn.append((live.time, dict(lines)))

  def close(self):
    self.closed = True


def test_the_loop_obeys_keys_and_draws_the_paused_robot(live):
  clock = FakeClock()
  screen = FakeScreen(clock, "", "Up", "Space", "", ".", "Space")
  viewers.show(live, screen, clock=clock)
  assert [round(time, 2) for time, _ in screen.drawn] == [0.0, 0.02, 0.04, 0.04, 0.04, 0.06, 0.08]
  assert [lines["state"] for _, lines in screen.drawn][2:5] == ["walking", "paused", "paused"]
  assert screen.drawn[-1][1]["command"].startswith("0.25 m/s") and screen.closed


@pytest.mark.parametrize("drawing", [0.0, 0.01, 0.1])
def test_the_loop_keeps_real_time_however_slow_the_drawing(live, drawing):
  clock = FakeClock()
  screen = FakeScreen(clock, *[""] * 500, drawing=drawing)
  viewers.show(live, screen, seconds=3.0, clock=clock)
  assert live.time == pytest.approx(3.0, abs=0.11) and screen.closed
  assert "100% of real time" in screen.drawn[-1][1]["time"] or drawing == 0.1


def test_drawing_that_is_far_too_slow_is_said(live):
  clock = FakeClock()
  screen = FakeScreen(clock, *[""] * 8, drawing=0.5)
  viewers.show(live, screen, clock=clock)
  assert live.time < 8 * 0.28 and "5" in screen.drawn[-1][1]["time"].split(", ")[1][:2]


class Keyboard:
  """What a user does at each picture of a viewer, as the label of a key; a viewer without a window or a browser."""

  def __init__(self, live: LiveRun, *labels: str):
    self.labels = list(labels)
    self.data = mujoco.MjData(live.env.robot.model)
    self.cam = mujoco.MjvCamera()
    self.callback, self.texts, self.closed = None, [], False

  def is_running(self) -> bool:
    return bool(self.labels)

  def close(self) -> None:
    self.closed = True


class NativeWindow(Keyboard):
  """In place of MuJoCo's: GLFW's codes arrive at the callback."""

  def lock(self):
    return contextlib.nullcontext()

  def set_texts(self, texts) -> None:
    self.texts = [text for *_, left, right in texts for text in (left, right)]

  def sync(self) -> None:
    label = self.labels.pop(0)
    self.callback(290)  # F1: not one of ours
    for key in KEYS:
      if key.label == label:
        self.callback(key.glfw)


class Browser(Keyboard):
  """In place of the viewer's thread: Dear ImGui asks for keys, or draws buttons, in every picture."""

  def __init__(self, live: LiveRun, *labels: str, clicks: bool):
    super().__init__(live, *labels)
    self.panel, self.clicks, self.pressed = None, clicks, None

  def set_model(self, model) -> None:
    pass

  def sync(self) -> None:
    self.pressed = self.labels.pop(0)
    self.texts.clear()
    self.panel.on_gui(None)

  def text(self, line: str) -> None:
    self.texts.append(line)

  def button(self, words: str) -> bool:
    return self.clicks and words.startswith(f"{self.pressed}: ")

  def key_is_pressed(self, key, again: bool) -> bool:
    return not self.clicks and not again and key.name in [own.imgui for own in KEYS if own.label == self.pressed]


@pytest.fixture(params=["native", "web, keys", "web, buttons"])
def open_with(request, live, monkeypatch):
  """open_with(*labels): a viewer in which a user presses these keys, one per picture, and its stand-in."""

  def native(*labels: str):
    from wildrobot_exp.viewers import native

    window = NativeWindow(live, *labels)

    def launch_passive(model, data, *, key_callback, **_):
      window.callback = key_callback
      return window

    monkeypatch.setattr(native, "_viewer_module", lambda: SimpleNamespace(launch_passive=launch_passive))
    return viewers.open_screen(live, "native", 0), window

  def web(*labels: str):
    pytest.importorskip("mujoco.studio.web_viewer")
    from wildrobot_exp.viewers import web

    browser = Browser(live, *labels, clicks=request.param.endswith("buttons"))

    class Panel(web._Panel):
      def __init__(self):
        super().__init__()
        browser.panel = self
        self.ready.set()

    drawn = {name: lambda *_, **__: None for name in ("SetNextWindowPos", "Begin", "Separator", "SameLine", "End")}
    asked = {"Text": browser.text, "Button": browser.button, "IsKeyPressed": browser.key_is_pressed}
    for name, stand_in in (drawn | asked).items():
      monkeypatch.setattr(web.imgui, name, stand_in)
    monkeypatch.setattr(web, "_Panel", Panel)
    monkeypatch.setattr(web.launch_thread, "launch_thread", lambda serve: browser)
    return viewers.open_screen(live, "web", 0), browser

  return native if request.param == "native" else web


def test_what_a_user_presses_in_a_viewer_reaches_the_robot(open_with, live):
  screen, stand_in = open_with("", "Up", "Enter", "Space", "", ".", "", "")
  viewers.show(live, screen, clock=FakeClock())
  assert live.command == pytest.approx(0.25) and live.paused and live.pushed
  assert live.time == pytest.approx(4 * 0.02)  # three until it paused, and one step
  said = "\n".join(stand_in.texts)
  assert "0.25 m/s" in said and "paused, pushed" in said and stand_in.closed


@pytest.mark.parametrize("label", [key.label for key in KEYS])
def test_every_key_of_the_table_works_in_every_viewer(open_with, live, monkeypatch, label):
  pressed = []
  for key in KEYS:
    monkeypatch.setitem(key.__dict__, "press", lambda live, own=key.label: pressed.append(own))
  screen, _ = open_with("", label, "")
  viewers.show(live, screen, clock=FakeClock())
  assert pressed == [label]


def test_a_signal_closes_the_viewer(live):
  clock, signals = FakeClock(), []
  screen = FakeScreen(clock, *[""] * 50)
  draw = screen.draw

  def draw_and_interrupt(*args):
    draw(*args)
    if len(screen.drawn) == 5:
      signals.append(2)

  screen.draw = draw_and_interrupt
  viewers.show(live, screen, clock=clock, stopped=lambda: bool(signals))
  assert len(screen.drawn) == 5 and screen.closed


def test_a_free_port_and_any_port_are_fine_before_the_viewer_is_opened(monkeypatch):
  pytest.importorskip("mujoco.studio.web_viewer")
  with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
  viewers.check_screen("web", port)
  viewers.check_screen("web", 0)


def test_a_taken_port_is_one_line(live):
  pytest.importorskip("mujoco.studio.web_viewer")
  with socket.socket() as taken:
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    with pytest.raises(UserError, match="already in use"):
      viewers.open_screen(live, "web", taken.getsockname()[1])


def test_the_web_page_is_served_on_this_machine_alone(live, capsys):
  pytest.importorskip("mujoco.studio.web_viewer")
  screen = viewers.open_screen(live, "web", 0)
  try:
    live.step()
    screen.draw(live, status(live, 1.0))
    assert screen.is_open() and screen.pressed() == []
    port = screen.url.rsplit(":", 1)[1].strip("/")
    assert b"<html" in urllib.request.urlopen(f"http://127.0.0.1:{port}/").read().lower()
    assert screen._handle.data.qpos[2] == pytest.approx(live.qpos[2])
  finally:
    screen.close()


def test_without_the_web_viewer_s_package_the_line_names_it(live, monkeypatch):
  monkeypatch.setitem(sys.modules, "wildrobot_exp.viewers.web", None)
  with pytest.raises(UserError, match="pip install mujoco-studio"):
    viewers.open_screen(live, "web", 0)


def test_without_a_display_there_is_no_native_window(live, monkeypatch):
  glfw = pytest.importorskip("glfw")
  monkeypatch.setattr(glfw, "init", lambda: False)
  with pytest.raises(UserError, match="use --viewer web"):
    viewers.open_screen(live, "native", 0)
