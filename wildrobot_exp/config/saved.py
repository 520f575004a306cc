"""Configs that were written down whole, beside a checkpoint: brought to today's schema, changed, compared.

They are read as plain values: nothing in them is an interpolation, a default list or the name of code to call.
"""

import copy
import dataclasses
import logging
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import Override

from wildrobot_exp.config.keys import OPEN, unwrap
from wildrobot_exp.config.resume import CHANGEABLE
from wildrobot_exp.config.schema import Config
from wildrobot_exp.config.typed import no_amp
from wildrobot_exp.errors import UserError

STARTS = (  # act at the start, through other keys, or are compared by what is in the files
  *("resume", "resume_allow", "sweep", "hardware", "amp.discriminator", "motion.path"),
)
SHOWN = 3  # changed keys in a refusal

_log = logging.getLogger(__name__)


class Absent:
  """In place of a value that is not there."""

  def __str__(self) -> str:
    return "absent"


ABSENT = Absent()


def completed(saved: Mapping[str, Any], defaults: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
  """A saved config with every key that this version knows.

  Args:
    saved: of any version.
    defaults: asked, if anything is missing, for a whole config of this version.
  """
  found: list[Mapping[str, Any]] = []

  def ask() -> Mapping[str, Any]:
    if not found:
      found.append(defaults())
    return found[0]

  return _completed(Config, saved, ask, "")


def _completed(section: type, saved: Mapping[str, Any], ask: Callable[[], Mapping[str, Any]], key: str) -> dict:
  hints = typing.get_type_hints(section)
  for name in saved:
    if name not in hints:
      _log.warning("%s%s=%s of the saved config has no meaning in this version", key, name, saved[name])
  values = {}
  for name, hint in hints.items():
    inner = unwrap(hint)
    if name not in saved:
      values[name] = copy.deepcopy(ask()[name])
    elif dataclasses.is_dataclass(inner) and isinstance(saved[name], Mapping):
      values[name] = _completed(inner, saved[name], lambda name=name: ask()[name] or {}, f"{key}{name}.")
    else:
      values[name] = copy.deepcopy(saved[name])
  return values


def changed(
  config: Mapping[str, Any], overrides: Sequence[Override], option: Callable[[Override], Mapping[str, Any]]
) -> dict[str, Any]:
  """A whole config with overrides on top; `option` gives the section that a group's option stands for.

  Raises:
    UserError: an override that only a new run can have.
  """
  config = copy.deepcopy(dict(config))
  groups = [override for override in overrides if "/" in override.key_or_group or _is_section(override)]
  for override in sorted(overrides, key=lambda override: override not in groups):
    key = override.key_or_group
    if key == "experiment":
      raise UserError(f"{override.input_line}: a run keeps the config it was trained with; name the keys to change")
    whole = override in groups
    value = option(override) if whole else override.value()
    _set(config, key.replace("/", ".").split("."), value, override, replace=whole)
  return config


def _is_section(override: Override) -> bool:
  return "." not in override.key_or_group and isinstance(override.value(), str) and (
    dataclasses.is_dataclass(unwrap(typing.get_type_hints(Config).get(override.key_or_group, str)))
  )


def _set(
  config: dict[str, Any], path: Sequence[str], value: Any, override: Override, replace: bool = False
) -> None:
  *sections, name = path
  for part in sections:
    if config.get(part) is None and part == "amp":
      raise no_amp(config["algo"]["name"])
    config = config.setdefault(part, {})
    if not isinstance(config, dict):
      raise UserError(f"{override.input_line}: {part} is no section of keys")
  if override.is_delete():
    config.pop(name, None)
  elif isinstance(value, dict) and isinstance(config.get(name), dict) and not replace:
    for inner, entry in value.items():
      _set(config, [name, str(inner)], entry, override)
  else:
    config[name] = value


def check_unchanged(
  saved: Mapping[str, Any], config: Mapping[str, Any], allowed: Collection[str], what: str
) -> None:
  """Refuse to go on with another config than the one that was saved.

  Args:
    saved: the config beside the checkpoint. Keys that it lacks have come into the schema since, and pass.
    config: what the run's own overrides mean today.
    allowed: keys and sections that may differ, beside those that always may.
    what: goes on, for the message.

  Raises:
    UserError: names what differs, and both values.
  """
  free = {*CHANGEABLE, *STARTS, *allowed}
  before, now = dict(_flat(saved)), dict(_flat(config))
  different = []
  for key in {**before, **now}:
    added = key not in before and not key.startswith(tuple(f"{section}." for section in OPEN))
    parents = {key.rsplit(".", cut)[0] for cut in range(key.count(".") + 1)}
    if not added and not parents & free and before.get(key, ABSENT) != now.get(key, ABSENT):
      different.append(key)
  if not different:
    return
  shown = ", ".join(f"{key} was {before.get(key, ABSENT)}, is {now.get(key, ABSENT)}" for key in different[:SHOWN])
  more = f" and {len(different) - SHOWN} more" if len(different) > SHOWN else ""
  raise UserError(
    f"{what}: its config has changed: {shown}{more}; undo that, or accept it with"
    f" resume_allow=[{','.join(different)}]"
  )


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
  for name, value in config.items():
    if isinstance(value, Mapping):
      yield from _flat(value, f"{prefix}{name}.")
    else:
      yield f"{prefix}{name}", value
