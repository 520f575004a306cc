"""The comparison is made on observations met at work, and refuses a graph that is another policy."""

import jax
import numpy as np
import pytest

from wildrobot_exp.errors import RunFailed
from wildrobot_exp.export.onnx_parity import check_parity, make_session, measure_latency, real_observations
from wildrobot_exp.export.onnx_policy import build_onnx


@pytest.fixture(scope="module")
def met(tiny):
  """40 observations and the policy's actions there."""
  return real_observations(tiny.cfg, tiny.networks, tiny.params, 40)


@pytest.fixture(scope="module")
def session(tiny):
  return make_session(build_onnx(tiny.params, tiny.cfg.algo.activation))


def test_the_observations_are_of_robots_that_move_under_different_commands(tiny, met):
  observations, actions = met
  assert observations.shape == (40, tiny.env.observation_size["state"]) and actions.shape == (40, 11)
  assert observations.dtype == np.float32
  assert len(np.unique(observations[:, 6])) == 7  # the evaluation's speeds
  assert np.all(observations[:20] != observations[20:], axis=1).sum() == 0  # the command of a robot stays
  assert np.abs(observations[:20] - observations[20:]).max() > 0.1
  assert np.abs(actions).max() > 0.1


def test_the_same_policy_passes_with_its_numbers(session, met):
  found = check_parity(session, *met)
  assert found["observations"] == 40 and found["mean_abs_error"] <= found["max_abs_error"] < 1e-5


@pytest.mark.parametrize("change", [1.001, np.nan])
def test_another_policy_is_refused(tiny, met, change: float):
  normaliser, policy = tiny.params
  other = make_session(build_onnx((normaliser, jax.tree.map(lambda x: change * x, policy)), tiny.cfg.algo.activation))
  with pytest.raises(RunFailed, match="differ from the policy's by"):
    check_parity(other, *met)


def test_latency_is_in_milliseconds_and_below_the_robot_s_limit(session, met):
  found = measure_latency(session, met[0])
  assert 0.0 < found["median_ms"] <= found["p99_ms"] and found["median_ms"] < 1.0 and found["threads"] == 1
