"""One interface, two engines: `native` (MuJoCo C on a thread pool) and `mjx` (XLA)."""

from wildrobot_exp.errors import unknown_name
from wildrobot_exp.physics.state import Physics, PhysicsState
from wildrobot_exp.robots import Robot

ENGINES = ("native", "mjx")

__all__ = ["ENGINES", "Physics", "PhysicsState", "make_physics"]


def make_physics(engine: str, robot: Robot) -> Physics:
  """The engine of that name, stepping `robot` by its control period.

  Raises:
    UserError: no such engine.
  """
  if engine == "native":
    from wildrobot_exp.physics.native import NativePhysics

    return NativePhysics(robot)
  if engine == "mjx":
    from wildrobot_exp.physics.mjx_engine import MjxPhysics

    return MjxPhysics(robot)
  raise unknown_name("physics engine", engine, ENGINES)
