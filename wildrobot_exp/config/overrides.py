"""Checks of what was typed, override by override, before anything is composed."""

from collections.abc import Iterable
from typing import Any

from hydra.core.override_parser.types import Override, ValueType

from wildrobot_exp.config.hydra_keys import check_hydra_override
from wildrobot_exp.config.keys import OPEN, TYPES, is_known, unknown_key
from wildrobot_exp.config.term_names import REWARDS, TERMINATIONS
from wildrobot_exp.errors import UserError, unknown_name

PLUGINS = ("hydra.launcher", "hydra.sweeper", "hydra.sweeper.sampler", "hydra.sweeper.pruner")
CLEARED = ("gates",)  # sections that ~ takes away as a whole
NAMED = {"reward.terms": ("reward term", REWARDS), "env.terminations": ("termination", TERMINATIONS)}


def check_overrides(overrides: list[Override], groups: Iterable[str], multirun: bool) -> None:
  """Refuse unknown keys, needless + signs and sweeps without -m.

  Args:
    overrides: as Hydra's grammar read them.
    groups: the config groups that can be chosen, like `algo`.
    multirun: whether this is a sweep.

  Raises:
    UserError: the first problem found.
  """
  groups = set(groups)
  for override in overrides:
    if override.is_hydra_override():
      _check_plugin(override)
      check_hydra_override(override)
      continue
    if override.is_sweep_override() and not multirun:
      raise _needs_sweep(override)
    key = override.key_or_group
    if key.replace(".", "/") in groups - {key} and isinstance(override.value(), str):
      raise UserError(f"{override.input_line}: write {key.replace('.', '/')}={override.get_value_string()}")
    if key in groups:
      _check_choice(override, groups)
    else:
      _check_key(override, key, groups)


def check_chosen_once(overrides: list[Override], groups: Iterable[str]) -> None:
  """Raises UserError where two options of one group are typed: Hydra would take the last without a word."""
  groups = set(groups)
  chosen: dict[str, str] = {}
  for override in overrides:
    key, line = override.key_or_group, override.input_line
    if key in groups and isinstance(override.value(), str):
      first = chosen.setdefault(key, line)
      if first != line:
        raise UserError(f"{line}: {first} is chosen already, and {key} has room for one: leave one of them out")


def _check_plugin(override: Override) -> None:
  key, value = override.key_or_group, override.value()
  if key in PLUGINS and isinstance(value, str):
    raise UserError(f"{override.input_line}: write {key.replace('.', '/')}={value}")


def _needs_sweep(override: Override) -> UserError:
  line, key = override.input_line, override.key_or_group
  as_list = ""
  if override.value_type == ValueType.SIMPLE_CHOICE_SWEEP and str(TYPES.get(key)).startswith("list"):
    as_list = f", or write {key}=[{override.get_value_string()}] for a list"
  return UserError(f"{line} is a sweep: add -m to run one job per value{as_list}")


def _check_choice(override: Override, groups: set[str]) -> None:
  value, key = override.value(), override.key_or_group
  if isinstance(value, dict):
    _check_section(key, value, groups)
  elif override.is_delete():
    raise UserError(f"{override.input_line}: {key} cannot be removed, choose one of its options")
  elif override.is_add() or override.is_force_add():
    raise _needless_plus(override)
  elif not (isinstance(value, str) or override.is_sweep_override()):
    raise UserError(f"{override.input_line}: name one option, {key}=... (several: sweep with -m)")


def _check_key(override: Override, key: str, groups: set[str]) -> None:
  if not is_known(key):
    raise unknown_key(key, groups)
  for section, (kind, known) in NAMED.items():
    if key.startswith(section + ".") and not override.is_delete():
      _check_name(key.removeprefix(section + ".").split("."), kind, known)
  if (override.is_add() or override.is_force_add()) and key in TYPES and key not in OPEN:
    raise _needless_plus(override)
  if override.is_delete() and key in TYPES and key not in CLEARED:
    instead = f"~{key}.<name> takes one away" if key in OPEN else f"set {key}=... instead"
    raise UserError(f"{override.input_line}: every key needs a value, {instead}")
  value = override.value()
  if key in OPEN and not override.is_delete() and value in ({}, [], "", None):
    clear = f"~{key} clears it" if key in CLEARED else f"~{key}.<name> takes one away"
    raise UserError(f"{override.input_line} changes nothing, Hydra merges sections: {clear}")
  if isinstance(value, dict):
    _check_section(key, value, groups)


def _check_name(path: list[str], kind: str, known: dict[str, dict[str, Any]]) -> None:
  if path[0] not in known:
    raise unknown_name(kind, path[0], known)
  parameters = {*known[path[0]], "weight"} if kind == "reward term" else known[path[0]]
  if len(path) > 1 and path[1] not in parameters:
    raise unknown_name(f"{kind} {path[0]}: parameter", ".".join(path[1:]), parameters)


def _check_section(key: str, value: dict[str, Any], groups: set[str]) -> None:
  for name, inner in value.items():
    below = f"{key}.{name}"
    if not is_known(below):
      raise unknown_key(below, groups)
    if isinstance(inner, dict):
      _check_section(below, inner, groups)


def _needless_plus(override: Override) -> UserError:
  return UserError(f"{override.input_line}: {override.key_or_group} exists already, drop the +")
