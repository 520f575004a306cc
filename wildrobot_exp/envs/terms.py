"""What every named term of the task is a function of, and the registries the names live in."""

import inspect
from collections.abc import Callable
from typing import Any

import flax.struct
import jax

from wildrobot_exp.errors import UserError, unknown_name
from wildrobot_exp.physics.state import PhysicsState
from wildrobot_exp.robots import Robot


@flax.struct.dataclass
class StepContext:
  """One control step of one robot, as a reward, observation or termination sees it.

  Attributes:
    robot: names and limits of the model.
    state: physics after the step.
    action: [J] what the policy asked for in this step.
    last_action: [J] what it asked for in the step before.
    command: [] commanded forward velocity in the heading frame, m/s.
    phase: [] gait clock in [0, 1): the right foot is due to touch down at 0, the left at 0.5.
    control_dt: seconds per control step.
  """

  robot: Robot = flax.struct.field(pytree_node=False)
  state: PhysicsState
  action: jax.Array
  last_action: jax.Array
  command: jax.Array
  phase: jax.Array
  control_dt: float = flax.struct.field(pytree_node=False)


class Registry:
  """Terms found by name from conf/: a new term is one decorated function and one YAML line."""

  def __init__(self, kind: str):
    self.kind = kind
    self._terms: dict[str, Callable[..., jax.Array]] = {}

  def register(self, function: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """Decorator: file `function` under its own name."""
    self._terms[function.__name__] = function
    return function

  def __getitem__(self, name: str) -> Callable[..., jax.Array]:
    if name not in self._terms:
      raise unknown_name(self.kind, name, self._terms)
    return self._terms[name]

  def __iter__(self):
    return iter(self._terms)

  def parameters(self, name: str) -> dict[str, Any]:
    """Names and defaults (None: required) of the parameters conf/ may set for term `name`."""
    parameters = list(inspect.signature(self[name]).parameters.values())[1:]
    return {p.name: None if p.default is p.empty else p.default for p in parameters}

  def bind(self, name: str, params: dict[str, float]) -> Callable[[StepContext], jax.Array]:
    """Term `name` with its parameters filled in.

    Raises:
      UserError: unknown term or parameter, or a required parameter is missing.
    """
    function, known = self[name], self.parameters(name)
    for key in params:
      if key not in known:
        raise unknown_name(f"parameter of {self.kind} {name}", key, known)
    missing = [key for key, default in known.items() if default is None and key not in params]
    if missing:
      raise UserError(f"{self.kind} {name} needs a value for {', '.join(missing)}")
    return lambda context: function(context, **params)
