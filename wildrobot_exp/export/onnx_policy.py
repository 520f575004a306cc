"""The deterministic policy as an ONNX graph: normalise, clip, hidden layers, mean of the action."""

# isort: off
from wildrobot_exp.physics import quiet_mjx as _quiet_mjx  # noqa: F401  before Brax imports mujoco.mjx, aloud

# isort: on
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from wildrobot_exp.envs.walk import POLICY
from wildrobot_exp.errors import UserError
from wildrobot_exp.learning.networks import MAX_NORMALISED

INPUT, OUTPUT = "obs", "action"
OPSET, IR_VERSION = 17, 8  # a pair that runtimes since 2022 read
ACTIVATION_NODES: dict[str, tuple[str, ...]] = {  # of the schema: operators from input to output
  "swish": ("Sigmoid", "Mul"),
  "relu": ("Relu",),
  "elu": ("Elu",),
  "tanh": ("Tanh",),
}

Layer = tuple[np.ndarray, np.ndarray]


def policy_layers(policy_params: Any) -> list[Layer]:
  """(kernel [in, out], bias [out]) of every layer of the policy, the hidden ones first, the mean's last."""
  tree = policy_params["params"]
  hidden = tree.get("MLP_0", {})
  layers = [hidden[f"hidden_{i}"] for i in range(len(hidden))] + [tree["Dense_0"]]
  return [(np.asarray(layer["kernel"], np.float32), np.asarray(layer["bias"], np.float32)) for layer in layers]


def build_onnx(params: Any, activation: str) -> bytes:
  """The graph, checked and serialised.

  Args:
    params: (normaliser, policy parameters).
    activation: between the layers, a name of the config's schema.

  Returns:
    A model with input `obs` [1, n] float32, raw, and output `action` [1, J].

  Raises:
    UserError: the activation has no counterpart here.
  """
  if activation not in ACTIVATION_NODES:
    raise UserError(f"algo.activation={activation} cannot be exported: known are {', '.join(ACTIVATION_NODES)}")
  normaliser, policy_params = params
  layers = policy_layers(policy_params)
  mean, std = (np.asarray(x[POLICY], np.float32) for x in (normaliser.mean, normaliser.std))
  limit = np.float32(MAX_NORMALISED)
  constants = {"mean": mean, "std": std, "low": -limit, "high": limit}
  nodes = [
    helper.make_node("Sub", [INPUT, "mean"], ["centred"]),
    helper.make_node("Div", ["centred", "std"], ["scaled"]),
    helper.make_node("Clip", ["scaled", "low", "high"], ["layer_0"]),
  ]
  for i, (kernel, bias) in enumerate(layers):
    constants |= {f"kernel_{i}": kernel, f"bias_{i}": bias}
    last = i == len(layers) - 1
    out = OUTPUT if last else f"linear_{i}"
    nodes.append(helper.make_node("Gemm", [f"layer_{i}", f"kernel_{i}", f"bias_{i}"], [out]))
    if not last:
      nodes += _activation(ACTIVATION_NODES[activation], out, f"layer_{i + 1}")
  graph = helper.make_graph(
    nodes,
    "policy",
    [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [1, len(mean)])],
    [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [1, len(layers[-1][1])])],
    [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
  )
  model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="wildrobot_exp")
  model.ir_version = IR_VERSION
  onnx.checker.check_model(model, full_check=True)
  return model.SerializeToString()


def _activation(operators: Sequence[str], source: str, target: str) -> list[onnx.NodeProto]:
  if operators == ("Sigmoid", "Mul"):
    gate = f"{source}_gate"
    return [
      helper.make_node("Sigmoid", [source], [gate]),
      helper.make_node("Mul", [source, gate], [target]),
    ]
  return [helper.make_node(operators[0], [source], [target])]
