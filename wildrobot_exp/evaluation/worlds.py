"""Does it walk where it was not trained? The same episodes in worlds that differ in one thing each."""

import dataclasses
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from wildrobot_exp.evaluation import summaries
from wildrobot_exp.evaluation.policies import Actor
from wildrobot_exp.evaluation.rollouts import Roller
from wildrobot_exp.evaluation.stages import stage
from wildrobot_exp.evaluation.starts import make_evaluation_env, make_start
from wildrobot_exp.interrupts import raise_held
from wildrobot_exp.physics import make_physics
from wildrobot_exp.physics.state import Physics, PhysicsState
from wildrobot_exp.robots import Robot, load_robot
from wildrobot_exp.robots.robot import model_xml

TRUNK = ("waist", "chassis")
VERTICAL = "vertical"  # a frame whose z axis points away from gravity
UP_SENSOR = "up"  # the vertical in the IMU frame


@dataclasses.dataclass(frozen=True)
class World:
  """What differs from the world of the training.

  Attributes:
    name: as in evaluation.json.
    engine: the physics engine; the config's if None.
    friction: times the friction of all contacts.
    trunk_mass: times mass and inertia of waist and chassis.
    latency_steps: control steps that an action reaches the servos late.
    slope_deg: degrees; up where the robot looks at the start if positive, down if negative.
  """

  name: str
  engine: str | None = None
  friction: float = 1.0
  trunk_mass: float = 1.0
  latency_steps: int = 0
  slope_deg: float = 0.0


def changed_worlds(cfg: Any) -> list[World]:
  """The worlds that `evaluation.worlds` of a config asks for."""
  settings = cfg.evaluation.worlds
  worlds = [World(f"friction x {scale:g}", friction=scale) for scale in settings.friction]
  worlds += [World(f"trunk mass x {scale:g}", trunk_mass=scale) for scale in settings.trunk_mass]
  worlds += [
    World(f"latency {1000 * steps * cfg.env.control_dt:g} ms", latency_steps=steps)
    for steps in settings.latency_steps
  ]
  worlds += [World(f"slope {slope:+g} deg", slope_deg=slope) for slope in settings.slope_deg]
  if settings.sim2sim:
    other = "native" if cfg.physics == "mjx" else "mjx"
    worlds.append(World(f"engine {other}", engine=other))
  return worlds


def measure_worlds(
  cfg: Any, act: Actor, params: Any, commands: np.ndarray, steps: int, rng: jax.Array
) -> list[dict[str, Any]]:
  """One row per world of `cfg.evaluation.worlds`: the deterministic episodes of the protocol, repeated there.

  Args:
    cfg: the run's config.
    act, params: who acts.
    commands: [N] m/s, of the protocol's episodes.
    steps: control steps of an episode.
    rng: key for the actor's noise.
  """
  rows = []
  for world in changed_worlds(cfg):
    raise_held()
    stage(f"measuring the episodes in another world: {world.name}")
    physics = make_physics(world.engine or cfg.physics, world_robot(world, cfg.env.control_dt, cfg.env.timestep))
    env = make_evaluation_env(cfg, states=len(commands), physics=physics)
    if world.latency_steps:
      env.physics = LatePhysics(physics, world.latency_steps)
    record = Roller(env, act, steps).roll(params, make_start(env, commands), steps, rng)
    row = {"world": world.name, "physics": physics.name, "episodes": len(commands)}
    rows.append(row | summaries.outcome(record, env.gait_period))
  return rows


def world_robot(world: World, control_dt: float, timestep: float) -> Robot:
  """The robot in a world; names, orders and indices are those of `load_robot`.

  On a slope the world frame stays that of the floor, so heights, headings and falls keep their meaning: gravity is
  tilted, and with it the vertical that the IMU senses.

  Args:
    world: the world.
    control_dt: seconds per control step.
    timestep: seconds per physics step.
  """
  robot = load_robot(control_dt, timestep)
  spec = mujoco.MjSpec.from_string(model_xml())
  for geom in spec.geoms:
    geom.friction[0] *= world.friction
  for name in TRUNK:
    body = spec.body(name)
    body.mass *= world.trunk_mass
    body.inertia *= world.trunk_mass
  if world.slope_deg:
    angle = np.deg2rad(world.slope_deg)
    up = np.array([np.sin(angle), 0.0, np.cos(angle)])
    spec.option.gravity = -np.linalg.norm(spec.option.gravity) * up
    spec.worldbody.add_site(name=VERTICAL, quat=[np.cos(angle / 2), 0.0, np.sin(angle / 2), 0.0])
    sensor = spec.sensor(UP_SENSOR)
    sensor.objtype, sensor.objname = mujoco.mjtObj.mjOBJ_SITE, VERTICAL
  model = spec.compile()
  model.opt.timestep = timestep
  return dataclasses.replace(robot, model=model)


@flax.struct.dataclass
class LateState(PhysicsState):
  """A state with the servo targets that are still on their way.

  Attributes:
    waiting: [L, J] rad, the next to arrive first.
  """

  waiting: jax.Array = flax.struct.field(kw_only=True)


class LatePhysics:
  """An engine whose servos get every target `latency_steps` control steps late.

  Args:
    physics: the engine.
    latency_steps: L, at least 1.
  """

  def __init__(self, physics: Physics, latency_steps: int):
    self.name = physics.name
    self.robot = physics.robot
    self._physics = physics
    self._latency_steps = latency_steps

  def begin(self, state: PhysicsState) -> LateState:
    """Nothing was sent to it yet: the home pose is on its way."""
    home = jnp.asarray(self.robot.home_ctrl, jnp.float32)
    return _late(state, jnp.tile(home, (self._latency_steps, 1)))

  def reset(self, qpos: jax.Array, qvel: jax.Array) -> LateState:
    return self.begin(self._physics.reset(qpos, qvel))

  def step(self, state: LateState, ctrl: jax.Array, push: jax.Array) -> LateState:
    after = self._physics.step(state, state.waiting[0], push)
    return _late(after, jnp.concatenate([state.waiting[1:], ctrl[None]]))


def _late(state: PhysicsState, waiting: jax.Array) -> LateState:
  own = {field.name: getattr(state, field.name) for field in dataclasses.fields(PhysicsState)}
  return LateState(**own, waiting=waiting)
