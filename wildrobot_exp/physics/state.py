"""What an engine carries from one control step to the next, and what it promises."""

from typing import Protocol

import flax.struct
import jax
import jax.numpy as jnp

from wildrobot_exp.robots import Robot


@flax.struct.dataclass
class PhysicsState:
  """One robot's state, the same for every engine; vmap makes the batch.

  Attributes:
    qpos: [nq] m, wxyz quaternion, rad.
    qvel: [nv] linear velocity in the world frame, angular in the body frame, then joints; m/s, rad/s.
    warmstart: [nv] the constraint solver's last accelerations: carrying them makes a step reproducible.
    sensordata: [ns] the named MJCF sensors. Position and velocity sensors describe (qpos, qvel);
      force and torque sensors describe the last physics step.
    overflow: [] how often in the last control step contacts, or their constraints, did not fit into the engine's
      memory and were dropped: where it is not 0, the robot may have sunk into something.
  """

  qpos: jax.Array
  qvel: jax.Array
  warmstart: jax.Array
  sensordata: jax.Array
  overflow: jax.Array = flax.struct.field(default_factory=lambda: jnp.zeros(()))


class Physics(Protocol):
  """A physics engine for one robot, as pure functions that jit and vmap."""

  name: str
  robot: Robot

  def reset(self, qpos: jax.Array, qvel: jax.Array) -> PhysicsState:
    """The state at qpos [nq], qvel [nv], servos holding their present angles."""

  def begin(self, state: PhysicsState) -> PhysicsState:
    """The state an episode starts from, with whatever this engine carries besides."""

  def step(self, state: PhysicsState, ctrl: jax.Array, push: jax.Array) -> PhysicsState:
    """One control period.

    Args:
      state: the state to start from.
      ctrl: [J] servo targets in joint order, rad.
      push: [3] force on the chassis' centre of mass, world frame, N.
    """
