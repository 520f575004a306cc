"""Conditions that end an episode as a fall. The time limit is not one: it truncates."""

import jax
import jax.numpy as jnp

from wildrobot_exp.envs.terms import Registry, StepContext
from wildrobot_exp.physics import quantities as q

TERMINATIONS = Registry("termination")


@TERMINATIONS.register
def fallen(s: StepContext, min_height: float) -> jax.Array:
  """The base is lower than min_height, m."""
  return q.root_height(s.state) < min_height


@TERMINATIONS.register
def tilted(s: StepContext, max_tilt: float) -> jax.Array:
  """The base leans by more than max_tilt, rad."""
  return -q.root_gravity(s.state)[2] < jnp.cos(max_tilt)
