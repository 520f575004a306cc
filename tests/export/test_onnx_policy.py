"""The ONNX graph computes what the policy computes: every activation, odd sizes, any depth."""

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import pytest
from tiny_policy import make_policy_params

from wildrobot_exp.config.schema import ACTIVATIONS
from wildrobot_exp.errors import UserError
from wildrobot_exp.export.onnx_parity import make_session
from wildrobot_exp.export.onnx_policy import ACTIVATION_NODES, OPSET, build_onnx
from wildrobot_exp.learning.networks import MAX_NORMALISED, make_networks, make_policy

SIZES = {"state": 13, "privileged_state": 17}
JOINTS = 11


def both(activation: str, hidden: list[int], observations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Actions of the graph and of the policy with random parameters at observations [N, 13]."""
  networks = make_networks(
    SIZES, JOINTS, policy_hidden=hidden, value_hidden=[4], activation=activation, init_std=0.3
  )
  params = make_policy_params(networks, SIZES, seed=len(hidden))
  session = make_session(build_onnx(params, activation))
  found = np.concatenate([session.run(["action"], {"obs": row[None]})[0] for row in observations])
  policy = jax.jit(make_policy(networks, deterministic=True))
  seen = {"state": jnp.asarray(observations), "privileged_state": jnp.zeros((len(observations), 17))}
  return found, np.asarray(policy(*params, seen, jax.random.PRNGKey(0))[0])


@pytest.mark.parametrize("hidden", [[], [1], [17, 5], [33, 64, 7]], ids=str)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_graph_acts_as_the_policy_does(activation: str, hidden: list[int]):
  observations = np.random.default_rng(3).normal(scale=4.0, size=(50, 13)).astype(np.float32)
  found, expected = both(activation, hidden, observations)
  assert np.abs(expected).max() > 0.1 and found.shape == (50, JOINTS)
  np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_observations_far_out_are_clipped_as_in_training():
  far = np.full((1, 13), 1e6, np.float32)
  found, expected = both("swish", [8], np.concatenate([far, -far, far * 10]))
  np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
  np.testing.assert_array_equal(found[0], found[2])
  assert MAX_NORMALISED == 10.0


def test_names_shapes_and_opset_are_those_of_the_contract(exported):
  model = onnx.load(exported / "policy.onnx")
  onnx.checker.check_model(model, full_check=True)
  assert [entry.version for entry in model.opset_import] == [OPSET] == [17]
  ends = (*model.graph.input, *model.graph.output)
  tensors = {end.name: [dim.dim_value for dim in end.type.tensor_type.shape.dim] for end in ends}
  assert set(tensors) == {"obs", "action"} and tensors["obs"][0] == tensors["action"][0] == 1


def test_every_activation_of_the_schema_is_known_and_no_other():
  assert set(ACTIVATION_NODES) == set(ACTIVATIONS)
  with pytest.raises(UserError, match="algo.activation=gelu cannot be exported"):
    build_onnx(None, "gelu")
