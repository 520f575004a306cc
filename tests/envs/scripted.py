"""A physics whose every step is known beforehand, for tests of what the env adds to it."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from wildrobot_exp.physics.state import PhysicsState
from wildrobot_exp.robots import Robot


class ScriptedPhysics:
  """`script(state, ctrl)` is the state after one control step."""

  name = "scripted"

  def __init__(self, robot: Robot, script: Callable[[PhysicsState, jax.Array], PhysicsState]):
    self.robot = robot
    self._script = script

  def reset(self, qpos: jax.Array, qvel: jax.Array) -> PhysicsState:
    model = self.robot.model
    return PhysicsState(qpos, qvel, jnp.zeros(model.nv), jnp.zeros(model.nsensordata))

  def begin(self, state):
    return state

  def step(self, state: PhysicsState, ctrl: jax.Array, push: jax.Array) -> PhysicsState:
    return self._script(state, ctrl)


def sink(metres: float) -> Callable[[PhysicsState, jax.Array], PhysicsState]:
  """A script: the base loses so much height in every step."""
  return lambda state, ctrl: state.replace(qpos=state.qpos.at[2].add(-metres))
