"""MJX: MuJoCo in JAX, for GPUs and for checking the native engine."""

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

  def step(self, state: PhysicsState, ctrl: jax.Array, push: jax.Array) -> PhysicsState:
    data = self._blank.replace(
      qpos=state.qpos,
      qvel=state.qvel,
      qacc_warmstart=state.warmstart,
      ctrl=ctrl,
      xfrc_applied=self._blank.xfrc_applied.at[self._pushed_body, :3].set(push),
    )
    data, _ = jax.lax.scan(lambda d, _: (mjx.step(self._model, d), None), data, length=self.robot.substeps)
    return _pack(self._refresh_sensors(data))

  def _refresh_sensors(self, data: mjx.Data) -> mjx.Data:
    """Position and velocity sensors at the new state, as the native engine's mjSTAGE_VEL gives them."""
    data = mjx.com_vel(self._model, mjx.com_pos(self._model, mjx.kinematics(self._model, data)))
    return mjx.sensor_vel(self._model, mjx.sensor_pos(self._model, data))


def _pack(data: mjx.Data) -> PhysicsState:
  # overflow stays 0: mjx.put_model sets room aside for every contact the geoms can have, so none is ever dropped
  return PhysicsState(data.qpos, data.qvel, data.qacc_warmstart, data.sensordata)
