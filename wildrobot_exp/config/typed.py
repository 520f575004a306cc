"""From Hydra's composed tree to the typed `Config`: no unknown, missing or mistyped key gets through."""

import dataclasses
import types
import typing

from omegaconf import DictConfig, OmegaConf

from wildrobot_exp.config.keys import unknown_key, unwrap, wrong_type
from wildrobot_exp.config.schema import ALGORITHMS, Config
from wildrobot_exp.errors import UserError

MISSING = "???"
OTHERS = [name for name in ALGORITHMS if name != "ppo_amp"]


def to_typed(cfg: DictConfig) -> Config:
  """Resolve every interpolation and build the plain dataclasses.

  Args:
    cfg: what Hydra composed; the section `hydra` is ignored.

  Raises:
    UserError: a key is unknown, missing or of the wrong type; `amp` is set without algo=ppo_amp.
    omegaconf.errors.OmegaConfBaseException: an interpolation cannot be resolved.
  """
  return typed(OmegaConf.to_container(OmegaConf.masked_copy(cfg, [k for k in cfg if k != "hydra"]), resolve=True))


def typed(tree: dict[str, typing.Any]) -> Config:
  """The same from plain values. Raises UserError as `to_typed` does."""
  tree.setdefault("gates", {})  # ~gates
  has_amp = tree.get("amp", MISSING) not in (MISSING, None)
  tree["amp"] = tree["amp"] if has_amp else None
  algo = tree.get("algo")
  if has_amp and isinstance(algo, dict) and algo.get("name") in OTHERS:
    raise no_amp(algo["name"])  # and not that the rest of amp.* is missing
  config = _build(Config, tree, "")
  if config.algo.name == "ppo_amp" and not has_amp:
    raise UserError("algo.name=ppo_amp without the section amp: choose it with algo=ppo_amp")
  return config


def no_amp(algo: str) -> UserError:
  """The error for amp.* where no discriminator exists."""
  return UserError(f"amp.* has no meaning with algo={algo}: use algo=ppo_amp or drop amp.*")


def _build(hint: typing.Any, value: typing.Any, key: str) -> typing.Any:
  hint = unwrap(hint)
  if isinstance(value, str) and value == MISSING:
    raise UserError(f"{key} is missing: give it a value, {key}=...")
  if dataclasses.is_dataclass(hint):
    return _build_section(hint, value, key)
  origin, args = typing.get_origin(hint), typing.get_args(hint)
  if origin is list:
    if not isinstance(value, list):
      raise wrong_type(key, value)
    return [_build(args[0], v, f"{key}[{i}]") for i, v in enumerate(value)]
  if origin is dict:
    if not isinstance(value, dict):
      raise wrong_type(key, value)
    return {str(k): _build(args[1], v, f"{key}.{k}") for k, v in value.items()}
  accepted = {float: (int, float), int: (int,), bool: (bool,), str: (str,)}[hint]
  if not isinstance(value, accepted) or (isinstance(value, bool) and hint is not bool):
    raise wrong_type(key, value)
  return hint(value)


def _build_section(cls: type, value: typing.Any, key: str) -> typing.Any:
  prefix = f"{key}." if key else ""
  if not isinstance(value, dict):
    raise wrong_type(key, value)
  hints = typing.get_type_hints(cls)
  for name in value:
    if name not in hints:
      raise unknown_key(f"{prefix}{name}")
  built = {}
  for name, hint in hints.items():
    if name not in value:
      raise UserError(f"{prefix}{name} was removed: every key needs a value, write {prefix}{name}=...")
    absent = value[name] is None and isinstance(hint, types.UnionType)
    built[name] = None if absent else _build(hint, value[name], prefix + name)
  return cls(**built)
