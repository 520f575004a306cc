"""The same engines, telling what the servos did in every physics step and not only at the end of a control step.

A servo works hardest when its target has just moved: read once per control step, its torque would look smaller.
"""

import dataclasses
import math
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from wildrobot_exp.physics.mjx_engine import MjxPhysics
from wildrobot_exp.physics.native import NativePhysics
from wildrobot_exp.physics.state import PhysicsState
from wildrobot_exp.robots import Robot


@flax.struct.dataclass
class MeteredState(PhysicsState):
  """A state, and what the servos did in each of the S physics steps of the control step that led to it.

  Attributes:
    torques: [S, J] in joint order, N m.
    joint_vels: [S, J] at the end of each physics step, rad/s. MuJoCo's Euler step moves a joint by this velocity, so
      torque times it is the step's work per second.
  """

  torques: jax.Array = flax.struct.field(kw_only=True)
  joint_vels: jax.Array = flax.struct.field(kw_only=True)


class MeteredNative(NativePhysics):
  """`native`, with MeteredStates; the motion is the same to the bit."""

  def __init__(self, robot: Robot, threads: int = 0):
    super().__init__(robot, threads)
    self._meter = (robot.substeps, 2, robot.num_joints)
    self._out = jax.ShapeDtypeStruct((self._width + math.prod(self._meter),), jnp.float32)

  def begin(self, state: PhysicsState) -> PhysicsState:
    return _at_rest(self.robot, state)

  def _unpack(self, row: jax.Array) -> PhysicsState:
    torques, joint_vels = jnp.moveaxis(row[self._width :].reshape(self._meter), 1, 0)
    return _metered(super()._unpack(row[: self._width]), torques, joint_vels)

  def _advance(self, pool: Any, out: np.ndarray) -> list[int]:
    meter = out[:, self._width :].reshape(len(out), *self._meter)
    failed = []
    for step in range(self.robot.substeps):
      failed += pool.step(1)
      meter[:, step, 0] = pool.sensordata[:, self.robot.joint_torque]
      meter[:, step, 1] = pool.qvel[:, self.robot.joint_qvel]
    pool.read(out[:, : self._width])
    return failed


class MeteredMjx(MjxPhysics):
  """`mjx`, with MeteredStates."""

  def begin(self, state: PhysicsState) -> PhysicsState:
    return _at_rest(self.robot, state)

  def reset(self, qpos: jax.Array, qvel: jax.Array) -> PhysicsState:
    return self.begin(super().reset(qpos, qvel))

  def step(self, state: PhysicsState, ctrl: jax.Array, push: jax.Array) -> PhysicsState:
    joints = jnp.asarray(self.robot.joint_qvel)
    watched = lambda data: (data.sensordata[self.robot.joint_torque], data.qvel[joints])
    after, (torques, joint_vels) = self._advance(state, ctrl, push, watched)
    return _metered(after, torques, joint_vels)


def _at_rest(robot: Robot, state: PhysicsState) -> MeteredState:
  nothing = jnp.zeros((robot.substeps, robot.num_joints))
  return _metered(state, nothing, nothing)


def _metered(state: PhysicsState, torques: jax.Array, joint_vels: jax.Array) -> MeteredState:
  own = {field.name: getattr(state, field.name) for field in dataclasses.fields(PhysicsState)}
  return MeteredState(**own, torques=torques, joint_vels=joint_vels)
