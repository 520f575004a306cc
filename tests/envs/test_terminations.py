"""When an episode is a fall."""

import jax
import numpy as np
import pytest

from wildrobot_exp.envs.terminations import TERMINATIONS


def holds(name, context, **params):
  return bool(TERMINATIONS.bind(name, params)(context))


@pytest.mark.parametrize(("height", "down"), [(0.299, True), (0.301, False)])
def test_fallen_below_the_height(context, height, down):
  assert holds("fallen", context(qpos={"height": height}), min_height=0.3) is down


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, -1, 0), (0.6, 0.8, 0)])
@pytest.mark.parametrize(("lean", "down"), [(0.98, False), (1.02, True), (3.0, True)])
def test_tilted_beyond_the_angle_in_any_direction(context, axis, lean, down):
  quat = (np.cos(lean / 2), *(np.sin(lean / 2) * np.array(axis)))
  assert holds("tilted", context(quat=quat), max_tilt=1.0) is down


def test_turning_is_no_tilt(context):
  assert holds("tilted", context(quat=(0, 0, 0, 1)), max_tilt=0.1) is False


def test_an_env_may_have_no_termination(make_scripted_env):
  env = make_scripted_env(terminations={})
  state = jax.jit(env.step)(env.reset(jax.random.PRNGKey(0)), np.zeros(env.action_size))
  assert float(state.done) == 0.0
