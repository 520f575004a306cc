"""Roll out many robots from given states under given commands, and keep what the measures need."""

# isort: off
from wildrobot_exp.physics import quiet_mjx as _quiet_mjx  # noqa: F401  before Brax imports mujoco.mjx, aloud

# isort: on
import dataclasses
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from brax.envs.base import State

from wildrobot_exp.envs.walk import WalkEnv
from wildrobot_exp.evaluation.policies import Actor
from wildrobot_exp.evaluation.stages import stage
from wildrobot_exp.physics import quantities as q
from wildrobot_exp.physics.metered import MeteredState
from wildrobot_exp.physics.state import PhysicsState
from wildrobot_exp.robots.robot import FEET


@dataclasses.dataclass(frozen=True, eq=False)
class Start:
  """Where N episodes begin.

  Attributes:
    states: [N, ...] each.
    commands: [N] m/s, kept for the whole episode.
    phases: [N] of the gait clock, in [0, 1).
    modes: [N] who acts, see `policies`.
  """

  states: PhysicsState
  commands: np.ndarray
  phases: np.ndarray
  modes: np.ndarray

  def __len__(self) -> int:
    return len(self.commands)


@dataclasses.dataclass(frozen=True, eq=False)
class Record:
  """T control steps of N robots, as NumPy arrays; row t describes the robots after step t.

  Attributes:
    qpos: [T, N, nq] m, wxyz quaternion, rad.
    qvel: [T, N, nv] m/s, rad/s.
    torque: [T, N, S, J] servo torques in joint order, N m, in each of the S physics steps of a metered env; of the
      last one alone in another.
    joint_vel: [T, N, S, J] rad/s, after the same physics steps.
    feet_load: [T, N, 2] normal force on the soles, right then left, N.
    feet_pos: [T, N, 2, 3] sole centres in the world, m.
    linvel: [T, N, 3] base velocity in the heading frame, m/s.
    yaw_rate: [T, N] rad/s.
    reward: [T, N] task reward.
    alive: [T, N] bool: not fallen up to and including this step. What comes after a fall is no data.
    start_pos: [N, 3] base position before the first step, m.
    commands: [N] m/s.
    dt: seconds per control step.
  """

  qpos: np.ndarray
  qvel: np.ndarray
  torque: np.ndarray
  joint_vel: np.ndarray
  feet_load: np.ndarray
  feet_pos: np.ndarray
  linvel: np.ndarray
  yaw_rate: np.ndarray
  reward: np.ndarray
  alive: np.ndarray
  start_pos: np.ndarray
  commands: np.ndarray
  dt: float

  def select(self, robots: np.ndarray) -> "Record":
    """The record of some robots only (indices or a mask over N)."""
    fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
    for name, value in fields.items():
      if name in ("start_pos", "commands"):
        fields[name] = value[robots]
      elif name != "dt":
        fields[name] = value[:, robots]
    return Record(**fields)


_PER_STEP = ("qpos", "qvel", "torque", "joint_vel", "feet_load", "feet_pos", "linvel", "yaw_rate", "reward", "alive")


class Roller:
  """One compiled program per batch size that rolls out `chunk` steps; longer walks call it again.

  Args:
    env: the env for one robot; its command must not change by itself (`command_seconds` infinite).
    act: who acts; its parameters and modes are arguments of the program, so they may change freely.
    chunk: control steps per call.
  """

  def __init__(self, env: WalkEnv, act: Actor, chunk: int):
    self.env = env
    self._act = act
    self.chunk = chunk
    self._start = jax.jit(jax.vmap(env.start))
    self._roll = jax.jit(self._roll_chunk)

  def roll(
    self, params: Any, start: Start, steps: int, rng: jax.Array, pushes: np.ndarray | None = None
  ) -> Record:
    """Roll out and record.

    Args:
      params: of the actor.
      start: where the N episodes begin.
      steps: T, control steps.
      rng: key for the actor's noise.
      pushes: [T, N, 3] force on the chassis in the heading frame, N; none by default.
    """
    records = list(self.chunks(params, start, steps, rng, pushes))
    joined = {name: np.concatenate([getattr(r, name) for r in records]) for name in _PER_STEP}
    return dataclasses.replace(records[0], **joined)

  def chunks(
    self, params: Any, start: Start, steps: int, rng: jax.Array, pushes: np.ndarray | None = None
  ) -> Iterator[Record]:
    """`roll`, one record of at most `chunk` steps at a time: stop iterating to stop simulating."""
    timestep, seconds = self.env.robot.model.opt.timestep, steps * self.env.dt
    stage(f"  {len(start)} robots for {seconds:g} s in {self.env.physics.name}, physics step {1000 * timestep:g} ms")
    noise_key, env_key = jax.random.split(rng)
    keys = jax.random.split(env_key, len(start))
    f32 = jnp.float32
    state = self._start(start.states, keys, jnp.asarray(start.commands, f32), jnp.asarray(start.phases, f32))
    modes = jnp.asarray(start.modes, jnp.int32)
    start_pos = np.asarray(start.states.qpos[:, :3])
    standing = np.ones(len(start), dtype=bool)
    for first in range(0, steps, self.chunk):
      force = np.zeros((self.chunk, len(start), 3), np.float32)
      if pushes is not None:
        part = pushes[first : first + self.chunk]
        force[: len(part)] = part
      state, out = self._roll(params, state, modes, force, jax.random.fold_in(noise_key, first))
      kept = {name: np.asarray(value)[: steps - first] for name, value in out.items()}
      alive = standing & (np.cumsum(kept.pop("done"), axis=0) == 0)
      standing = alive[-1]
      yield Record(
        **kept, alive=alive, start_pos=start_pos, commands=np.asarray(start.commands), dt=self.env.dt
      )

  def _roll_chunk(
    self, params: Any, state: State, modes: jax.Array, pushes: jax.Array, rng: jax.Array
  ) -> tuple[State, dict[str, jax.Array]]:
    robot = self.env.robot

    def one_step(state: State, inputs: tuple[jax.Array, jax.Array]) -> tuple[State, dict[str, jax.Array]]:
      key, push = inputs
      action = self._act(params, state.obs, key, modes)
      state = jax.vmap(self.env.step)(state, action, jax.vmap(q.from_heading)(state.pipeline_state, push))
      return state, jax.vmap(observe)(state)

    def observe(state: State) -> dict[str, jax.Array]:
      physics = state.pipeline_state
      if isinstance(physics, MeteredState):
        torque, joint_vel = physics.torques, physics.joint_vels
      else:
        torque, joint_vel = q.joint_torque(robot, physics)[None], q.joint_vel(robot, physics)[None]
      return dict(
        qpos=physics.qpos,
        qvel=physics.qvel,
        torque=torque,
        joint_vel=joint_vel,
        feet_load=q.feet_load(robot, physics),
        feet_pos=jnp.stack([q.sensor(robot, physics, f"{side}_foot_pos") for side in FEET]),
        linvel=q.root_linvel(physics),
        yaw_rate=q.root_angvel(physics)[2],
        reward=state.reward,
        done=state.done,
      )

    return jax.lax.scan(one_step, state, (jax.random.split(rng, len(pushes)), pushes))
