"""MJX: MuJoCo in JAX, for GPUs and for checking the native engine."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from wildrobot_exp.physics.native import PUSHED_BODY
from wildrobot_exp.physics.quiet_mjx import mjx
from wildrobot_exp.physics.state import PhysicsState
from wildrobot_exp.robots import Robot


class MjxPhysics:
  """The `mjx` engine (the JAX implementation of MJX, float32)."""

  name = "mjx"

  def __init__(self, robot: Robot):
    self.robot = robot
    self._model = mjx.put_model(robot.model, impl="jax")
    self._blank = mjx.make_data(robot.model, impl="jax")
    self._pushed_body = robot.model.body(PUSHED_BODY).id

  def reset(self, qpos: jax.Array, qvel: jax.Array) -> PhysicsState:
    ctrl = qpos[jnp.asarray(self.robot.joint_qpos)]
    data = self._blank.replace(qpos=qpos, qvel=qvel, ctrl=ctrl)
    return _pack(mjx.forward(self._model, data))

  def begin(self, state: PhysicsState) -> PhysicsState:
    return state

  def step(self, state: PhysicsState, ctrl: jax.Array, push: jax.Array) -> PhysicsState:
    return self._advance(state, ctrl, push, lambda data: None)[0]

  def _advance(
    self, state: PhysicsState, ctrl: jax.Array, push: jax.Array, watch: Callable[[mjx.Data], Any]
  ) -> tuple[PhysicsState, Any]:
    """One control step, and what `watch` saw after each of its physics steps."""

    def physics_step(data: mjx.Data, _: None) -> tuple[mjx.Data, Any]:
      data = mjx.step(self._model, data)
      return data, watch(data)

    data = self._blank.replace(
      qpos=state.qpos,
      qvel=state.qvel,
      qacc_warmstart=state.warmstart,
      ctrl=ctrl,
      xfrc_applied=self._blank.xfrc_applied.at[self._pushed_body, :3].set(push),
    )
    data, seen = jax.lax.scan(physics_step, data, length=self.robot.substeps)
    return _pack(self._refresh_sensors(data)), seen

  def _refresh_sensors(self, data: mjx.Data) -> mjx.Data:
    """Position and velocity sensors at the new state, as the native engine's mjSTAGE_VEL gives them."""
    data = mjx.com_vel(self._model, mjx.com_pos(self._model, mjx.kinematics(self._model, data)))
    return mjx.sensor_vel(self._model, mjx.sensor_pos(self._model, data))


def _pack(data: mjx.Data) -> PhysicsState:
  # overflow stays 0: mjx.put_model sets room aside for every contact the geoms can have, so none is ever dropped
  return PhysicsState(data.qpos, data.qvel, data.qacc_warmstart, data.sensordata)
