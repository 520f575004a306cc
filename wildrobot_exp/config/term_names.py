"""Names and parameters of the env's registered terms and of AMP's features, read from their source.

Importing them would import JAX, and a typing mistake should be answered in a moment. So the decorated
functions in envs/ and the table in motions/features.py are read, not run; a test holds the result to the real ones.
"""

import ast
import importlib.resources

DECORATORS = {"reward", "cost", "register"}


def _decorator(node: ast.expr) -> str | None:
  return getattr(node, "attr", getattr(node, "id", None))


def _registered(file: str) -> dict[str, ast.FunctionDef]:
  source = (importlib.resources.files("wildrobot_exp.envs") / file).read_text()
  return {
    node.name: node
    for node in ast.parse(source).body
    if isinstance(node, ast.FunctionDef) and DECORATORS & {_decorator(d) for d in node.decorator_list}
  }


def _parameters(function: ast.FunctionDef) -> dict[str, float | None]:
  """Parameter -> default, None: required. The first argument is the step, not a parameter."""
  args, defaults = function.args.args, function.args.defaults
  values = [None] * (len(args) - len(defaults)) + [ast.literal_eval(d) for d in defaults]
  return {arg.arg: value for arg, value in list(zip(args, values))[1:]}


def _reads_clock(function: ast.FunctionDef) -> bool:
  return any(isinstance(node, ast.Attribute) and node.attr == "phase" for node in ast.walk(function))


def _keys_of(table: str, package: str, file: str) -> tuple[str, ...]:
  """Keys of the dict literal called `table`."""
  body = ast.parse((importlib.resources.files("wildrobot_exp") / package / file).read_text()).body
  tables = [node.value for node in body if isinstance(node, ast.AnnAssign) and node.target.id == table]
  return tuple(ast.literal_eval(key) for key in tables[0].keys)


_REWARDS = _registered("rewards.py")
REWARDS = {name: _parameters(function) for name, function in _REWARDS.items()}
OBSERVATIONS = tuple(_registered("observations.py"))
TERMINATIONS = {name: _parameters(f) for name, f in _registered("terminations.py").items()}
CLOCKED = {name for name, function in _REWARDS.items() if _reads_clock(function)}
FEATURES = _keys_of("FIELDS", "motions", "features.py")
