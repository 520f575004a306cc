"""How many control steps a second does a physics engine make here?"""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from wildrobot_exp.interrupts import raise_held

BATCHES = {  # each size of MJX compiles anew
  "cpu": {"native": (16, 64, 256, 1024), "mjx": (16, 64)},
  "gpu": {"native": (64, 256, 1024), "mjx": (256, 1024, 4096)},
}
MEASURED_SECONDS = 1.0  # of each batch size


class Rate(NamedTuple):
  """One engine at one batch size: control steps of one robot per second, and how long the first call took."""

  engine: str
  robots: int
  steps_per_s: float
  first_call_s: float


def speed(engine: str, batches: Sequence[int], rates: list[Rate]) -> str:
  """Measure an engine at each batch size; adds a row for each to `rates`, and returns the best one in words."""
  import jax

  for robots in batches:
    raise_held()
    step, states = stepper(engine, robots)
    started = time.monotonic()
    states = jax.block_until_ready(step(states))
    first = time.monotonic() - started
    started, count = time.monotonic(), 0
    while (elapsed := time.monotonic() - started) < MEASURED_SECONDS:
      states = jax.block_until_ready(step(states))
      count += robots
    rates.append(Rate(engine, robots, count / elapsed, first))
  best = max((row for row in rates if row.engine == engine), key=lambda row: row.steps_per_s)
  return f"{best.steps_per_s:,.0f} control steps/s with {best.robots:,} robots"


def stepper(engine: str, robots: int) -> tuple[Callable[[Any], Any], Any]:
  """A compiled control step of so many robots at home, and their states."""
  import jax
  import jax.numpy as jnp

  from wildrobot_exp.physics import make_physics
  from wildrobot_exp.physics.native import state_bank
  from wildrobot_exp.robots import load_robot

  robot = load_robot()
  physics = make_physics(engine, robot)
  bank = state_bank(robot, robot.home_qpos[None], jnp.zeros((1, robot.model.nv)))
  states = jax.tree.map(lambda x: jnp.repeat(x, robots, axis=0), bank)
  targets = jnp.tile(jnp.asarray(robot.home_ctrl, jnp.float32), (robots, 1))
  return jax.jit(lambda states: jax.vmap(physics.step)(states, targets, jnp.zeros((robots, 3)))), states
