"""The dotted keys of the schema (`algo.clip`), their types, and the nearest key to a misspelled one."""

import dataclasses
import difflib
import types
import typing

from wildrobot_exp.config.schema import Config
from wildrobot_exp.errors import UserError


def unwrap(hint: typing.Any) -> typing.Any:
  """`X | None` -> X; any other type as it is."""
  if isinstance(hint, types.UnionType):
    return next(arg for arg in typing.get_args(hint) if arg is not type(None))
  return hint


def _collect(cls: type, prefix: str) -> dict[str, typing.Any]:
  found = {}
  for name, hint in typing.get_type_hints(cls).items():
    hint = unwrap(hint)
    found[prefix + name] = hint
    if dataclasses.is_dataclass(hint):
      found |= _collect(hint, f"{prefix}{name}.")
  return found


TYPES: dict[str, typing.Any] = _collect(Config, "")  # dotted key -> type, sections included
OPEN = tuple(key for key, hint in TYPES.items() if typing.get_origin(hint) is dict)  # free names below


def describe(hint: typing.Any) -> str:
  """A type in words a user knows."""
  origin, args = typing.get_origin(hint), typing.get_args(hint)
  if origin is list:
    return f"a list like [{ {int: '64,64', float: '0.0,0.3', str: 'a,b'}[args[0]] }]"
  if dict in (origin, hint) or dataclasses.is_dataclass(hint):
    return "a section of keys"
  words = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}
  return words[hint]


def wrong_type(key: str, value: typing.Any, typed: str | None = None) -> UserError:
  """The error for a value of the wrong type.

  Args:
    key: dotted; may carry an index or end in a name of an open section.
    value: what is there.
    typed: the override as the user wrote it, to quote.
  """
  inside = dict if key.rpartition(".")[0] in OPEN else float
  hint = TYPES.get(key.split("[")[0], inside)
  hint_text = describe(hint)
  if hint is int and isinstance(value, float) and value.is_integer():
    hint_text += f", write {int(value)}"
  if value is None or isinstance(value, bool):
    value = "null" if value is None else str(value).lower()
  return UserError(f"{typed or f'{key}={value}'}: expected {hint_text}")


def unknown_key(key: str, groups: typing.Iterable[str] = ()) -> UserError:
  """The error for a key that is not in the schema, with the nearest one suggested."""
  known = sorted({*TYPES, *groups})
  section, _, leaf = key.rpartition(".")
  siblings = {_leaf(k): k for k in known if k.rpartition(".")[0] == section}
  leaves = {_leaf(k): k for k in reversed(known)}
  near = [siblings[n] for n in difflib.get_close_matches(leaf, siblings, n=1, cutoff=0.6)]
  near = near or [k for k in known if _leaf(k) == leaf]
  near = near or [leaves[n] for n in difflib.get_close_matches(leaf, leaves, n=1, cutoff=0.8)]
  near = near or difflib.get_close_matches(key, known, n=1, cutoff=0.8)
  if near:
    return UserError(f"unknown key {key!r}: did you mean {' or '.join(repr(k) for k in near[:3])}?")
  if siblings:
    where = f" in {section}" if section else ""
    return UserError(f"unknown key {key!r}: known{where}: {', '.join(siblings)}")
  return UserError(f"unknown key {key!r}: python run.py --cfg job shows all keys")


def _leaf(key: str) -> str:
  return key.rpartition(".")[2]


def is_known(key: str) -> bool:
  """Whether `key` is in the schema, or below a section with free names (`reward.terms.alive.weight`)."""
  return key in TYPES or key.startswith(tuple(f"{section}." for section in OPEN))
