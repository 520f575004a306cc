"""Widths of what the networks see, and how many parameters they have, without importing JAX or MuJoCo.

Tests hold all of it to what is built.
"""

import ast
import functools
import importlib.resources
import itertools
import re
import xml.etree.ElementTree
from collections.abc import Sequence

from wildrobot_exp.config.derived import policy_observations, privileged_observations
from wildrobot_exp.config.schema import AmpConfig, Config

JOINTS = "J"
FEATURE_WIDTHS = {  # numbers in each field of a frame that the discriminator judges
  "joint_pos": JOINTS,
  "joint_vel": JOINTS,
  "root_height": 1,
  "gravity": 3,
  "root_linvel": 3,
  "root_angvel": 3,
  "feet_pos": 6,
  "contacts": 2,
}


@functools.cache
def joints() -> int:
  """Actuated joints of the robot."""
  text = (importlib.resources.files("wildrobot_exp.robots") / "wildrobot.xml").read_text()
  return len(xml.etree.ElementTree.fromstring(text).find("actuator"))


@functools.cache
def observation_widths() -> dict[str, int]:
  """Numbers in each observation, which its docstring says first: [3] or [J]."""
  text = (importlib.resources.files("wildrobot_exp.envs") / "observations.py").read_text()
  functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
  said = {node.name: re.match(r"\[(\w+)\]", ast.get_docstring(node) or "") for node in functions}
  return {name: _number(match[1]) for name, match in said.items() if match}


def observation_sizes(cfg: Config) -> tuple[int, int]:
  """Numbers that the policy and the critic see."""
  widths = observation_widths()
  return tuple(sum(widths[name] for name in names(cfg)) for names in (policy_observations, privileged_observations))


def discriminator_inputs(amp: AmpConfig) -> int:
  """Numbers that the discriminator judges at once."""
  frame = sum(_number(FEATURE_WIDTHS[name]) for name in amp.features)
  return amp.window * frame + (amp.condition == "command")


def parameters(cfg: Config) -> dict[str, int]:
  """Parameters of each network by its name; two critics count twice."""
  seen, privileged = observation_sizes(cfg)
  critics = 2 if cfg.amp is not None and cfg.amp.mix == "two_critics" else 1
  found = {
    "policy": _layers([seen, *cfg.algo.policy_hidden, joints()]) + joints(),  # one standard deviation per action
    "value": critics * _layers([privileged, *cfg.algo.value_hidden, 1]),
  }
  if cfg.amp is not None:
    found["discriminator"] = _layers([discriminator_inputs(cfg.amp), *cfg.amp.hidden, 1])
  return found


def _layers(widths: Sequence[int]) -> int:
  return sum((before + 1) * after for before, after in itertools.pairwise(widths))


def _number(width: int | str) -> int:
  return joints() if width == JOINTS else int(width)
