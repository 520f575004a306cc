"""One interface, two engines: `native` (MuJoCo C on a thread pool) and `mjx` (XLA)."""

from wildrobot_exp.errors import unknown_name
from wildrobot_exp.physics.state import Physics, PhysicsState
from wildrobot_exp.robots import Robot

ENGINES = ("native", "mjx")

__all__ = ["ENGINES", "Physics", "PhysicsState", "make_physics"]


def make_physics(engine: str, robot: Robot, *, metered: bool = False) -> Physics:
  """The engine of that name, stepping `robot` by its control period.

  Args:
    engine: one of ENGINES.
    robot: the robot.
    metered: its states also tell what the servos did in every physics step, see `physics.metered`.

  Raises:
    UserError: no such engine.
  """
  if engine not in ENGINES:
    raise unknown_name("physics engine", engine, ENGINES)
  if metered:
    from wildrobot_exp.physics.metered import MeteredMjx, MeteredNative

    return MeteredNative(robot) if engine == "native" else MeteredMjx(robot)
  if engine == "native":
    from wildrobot_exp.physics.native import NativePhysics

    return NativePhysics(robot)
  from wildrobot_exp.physics.mjx_engine import MjxPhysics

  return MjxPhysics(robot)
