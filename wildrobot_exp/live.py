"""A policy that walks now: command it, push it, pause it. No window in here; `viewers` shows it."""

# isort: off
from wildrobot_exp.physics import quiet_mjx as _quiet_mjx  # noqa: F401  before Brax imports mujoco.mjx, aloud

# isort: on
import collections
import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from brax.envs.base import State

from wildrobot_exp.envs.walk import WalkEnv
from wildrobot_exp.evaluation.policies import DETERMINISTIC, Actor, make_actor
from wildrobot_exp.evaluation.pushes import PUSH_SECONDS
from wildrobot_exp.evaluation.starts import make_evaluation_env
from wildrobot_exp.physics import make_physics
from wildrobot_exp.physics import quantities as q
from wildrobot_exp.robots import load_robot
from wildrobot_exp.runs import Run

COMMAND_STEP = 0.05  # m/s for every press
PUSH_NEWTON = 10.0
DIRECTIONS = {"forward": (1.0, 0.0, 0.0), "left": (0.0, 1.0, 0.0), "right": (0.0, -1.0, 0.0)}  # heading frame


class LiveRun:
  """One robot under its policy's mean action, from the home pose, one control period at a time.

  Args:
    env: an env whose command never changes by itself, in the native engine.
    act: who acts.
    params: the actor's (normaliser, policy parameters).
    speed: first command, m/s; the nearest trained one is taken.
  """

  def __init__(self, env: WalkEnv, act: Actor, params: Any, speed: float):
    self.env = env
    self.paused = False
    self._params = params
    self._first = jax.jit(jax.vmap(env.start))
    self._advance = jax.jit(self._policy_step(env, act))
    self._speeds: collections.deque[float] = collections.deque(maxlen=max(round(env.gait_period / env.dt), 1))
    self._command = env.speeds.nearest(speed)
    self.reset()

  def reset(self) -> None:
    """Back to the home pose, at time 0, with the present command."""
    self._state = self._first(
      jax.tree.map(lambda x: x[:1], self.env.bank.states),
      jax.random.PRNGKey(0)[None],
      jnp.full(1, self._command, jnp.float32),
      jnp.zeros(1),
    )
    self._push, self._push_steps, self._steps = np.zeros(3, np.float32), 0, 0
    self._speeds.clear()
    self.fallen = False

  def step(self) -> None:
    """One control period, paused or not."""
    push = self._push if self._push_steps > 0 else np.zeros(3, np.float32)
    self._push_steps = max(self._push_steps - 1, 0)
    info = self._state.info | {"command": jnp.full(1, self._command, jnp.float32)}
    self._state, velocity = self._advance(self._params, self._state.replace(info=info), push)
    self._speeds.append(float(velocity[0, 0]))
    self._steps += 1
    self.fallen = self.fallen or bool(self._state.done[0])

  def push(self, direction: str) -> None:
    """Push the chassis with 10 N for 0.2 s: "forward", "left" or "right", as the robot faces."""
    self._push = PUSH_NEWTON * np.array(DIRECTIONS[direction], np.float32)
    self._push_steps = round(PUSH_SECONDS / self.env.dt)

  def faster(self, difference: float) -> None:
    """Change the command by so much, m/s, within what was trained."""
    self.command = self._command + difference

  @property
  def command(self) -> float:
    """Commanded forward velocity, m/s. The policy sees a new one from the next control period on."""
    return self._command

  @command.setter
  def command(self, speed: float) -> None:
    self._command = self.env.speeds.nearest(speed)

  @property
  def speed(self) -> float:
    """Forward velocity in the heading frame, averaged over the last gait cycle, m/s."""
    return float(np.mean(self._speeds)) if self._speeds else 0.0

  @property
  def time(self) -> float:
    """Simulated seconds since the last reset."""
    return self._steps * self.env.dt

  @property
  def pushed(self) -> bool:
    """Whether the next step is pushed."""
    return self._push_steps > 0

  @property
  def qpos(self) -> np.ndarray:
    """[nq]."""
    return np.asarray(self._state.pipeline_state.qpos[0])

  @property
  def qvel(self) -> np.ndarray:
    """[nv]."""
    return np.asarray(self._state.pipeline_state.qvel[0])

  @staticmethod
  def _policy_step(env: WalkEnv, act: Actor) -> Callable[..., tuple[State, jax.Array]]:
    def advance(params: Any, state: State, push: jax.Array) -> tuple[State, jax.Array]:
      action = act(params, state.obs, jax.random.PRNGKey(0), jnp.full(1, DETERMINISTIC))
      force = jax.vmap(q.from_heading, in_axes=(0, None))(state.pipeline_state, push)
      after = jax.vmap(env.step)(state, action, force)
      return after, jax.vmap(q.root_linvel)(after.pipeline_state)

    return advance


def make_live(run: Run, speed: float) -> LiveRun:
  """A run's policy in the native engine, whichever engine trained it."""
  robot = load_robot(run.cfg.env.control_dt, run.cfg.env.timestep)
  env = make_evaluation_env(run.cfg, states=1, physics=make_physics("native", robot))
  return LiveRun(env, make_actor(run.experiment.networks), run.params, speed)


@dataclasses.dataclass(frozen=True)
class Key:
  """What a key does, and how each viewer calls it.

  Attributes:
    label: as it stands on the keyboard.
    meaning: in the viewer's list.
    glfw: its code in the native viewer. MuJoCo's own shortcuts there take every letter.
    imgui: its name in the web viewer.
    press: the deed.
  """

  label: str
  meaning: str
  glfw: int
  imgui: str
  press: Callable[[LiveRun], None]


def _pause(live: LiveRun) -> None:
  live.paused = not live.paused


def _one_step(live: LiveRun) -> None:
  live.paused = True
  live.step()


def _stop(live: LiveRun) -> None:
  live.command = 0.0


KEYS = (
  Key("Up", "faster", 265, "UpArrow", lambda live: live.faster(COMMAND_STEP)),
  Key("Down", "slower", 264, "DownArrow", lambda live: live.faster(-COMMAND_STEP)),
  Key("9", "stop", 57, "N9", _stop),
  Key("Enter", "push forward", 257, "Enter", lambda live: live.push("forward")),
  Key("Left", "push left", 263, "LeftArrow", lambda live: live.push("left")),
  Key("Right", "push right", 262, "RightArrow", lambda live: live.push("right")),
  Key("Space", "pause, go on", 32, "Space", _pause),
  Key(".", "one step", 46, "Period", _one_step),
  Key("Backspace", "start again", 259, "Backspace", lambda live: live.reset()),
)


def status(live: LiveRun, pace: float) -> list[tuple[str, str]]:
  """What a viewer writes beside the robot: (name, value) lines. `pace` is simulated over real time."""
  state = "fallen: Backspace starts again" if live.fallen else "paused" if live.paused else "walking"
  return [
    ("command", f"{live.command:.2f} m/s ({live.env.speeds} trained)"),
    ("velocity", f"{live.speed:.2f} m/s"),
    ("time", f"{live.time:.1f} s, {pace:.0%} of real time"),
    ("state", state + (", pushed" if live.pushed else "")),
  ]
