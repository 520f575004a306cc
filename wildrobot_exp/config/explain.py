"""Hydra's and OmegaConf's errors as one line with the fix in it."""

import dataclasses
import re

from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import errors as oc

from wildrobot_exp.config import launcher
from wildrobot_exp.config.keys import TYPES, describe, is_known, unknown_key, unwrap, wrong_type
from wildrobot_exp.errors import UserError, unknown_name

MERGING = "Error merging override "
IN_FILE = re.compile(r"In '(?P<file>.*)': \w+ raised while composing config:\s*(?P<reason>.*)\s*full_key: (?P<key>.*)")
LAUNCHER = "hydra.launcher."


def one_line(text: object) -> str:
  """Any text as one line."""
  return " ".join(str(text).split())


def explain(error: Exception) -> UserError:
  """The user's error behind one raised while Hydra composed a config.

  Args:
    error: a HydraException, OmegaConfBaseException, ValueError or YAMLError.
  """
  if isinstance(error, MissingConfigException):
    return _missing_option(error)
  if isinstance(error, OverrideParseException):
    return UserError(f"cannot read {error.override!r}: write key=value, with spaces and brackets quoted")
  in_file = IN_FILE.match(str(error))
  if in_file:
    return _in_file(**in_file.groupdict())
  cause = error.__cause__ or error
  if isinstance(cause, oc.ValidationError | oc.UnsupportedValueType):
    return _wrong_value(error, cause)
  if isinstance(cause, oc.InterpolationResolutionError | oc.InterpolationKeyError):
    return UserError(f"{cause.full_key}: {_first_line(cause)}")
  if isinstance(cause, oc.ConfigKeyError | oc.ConfigAttributeError) and cause is not error:
    return _absent_key(cause)
  text = _first_line(error)
  return UserError(text if cause is error else f"{text}: {_first_line(cause)}")


def _first_line(error: BaseException) -> str:
  return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _missing_option(error: MissingConfigException) -> UserError:
  group, _, option = (error.missing_cfg_file or "").rpartition("/")
  if group and error.options:
    return unknown_name(group, option, error.options)
  return UserError(one_line(str(error).split("Search path:")[0].split("Config search path:")[0]))


def _in_file(file: str, reason: str, key: str) -> UserError:
  """The error for a key of a YAML file, which Hydra has only as text."""
  whole = key.split("[")[0]  # env.command.vx[1]
  if key == "experiment":
    return UserError(f"{file}: its first line has to be '# @package _global_', or nothing in it is found")
  if whole and not is_known(whole):
    return UserError(f"{file}: {unknown_key(whole)}")
  if whole in TYPES:
    return UserError(f"{file}: {key}: expected {describe(TYPES[whole])} ({reason.strip()})")
  if "DictConfig with ListConfig" in reason:
    return UserError(f"{file}: it holds a list where keys with values belong, seed: 1 for example")
  return UserError(f"{file}: {f'{key}: ' if key else ''}{reason.strip()}")


def _wrong_value(error: Exception, cause: oc.OmegaConfBaseException) -> UserError:
  key = cause.full_key or ""
  text = str(error)
  if text.startswith(MERGING):
    line = text.removeprefix(MERGING)
    if key.startswith(LAUNCHER) and key.removeprefix(LAUNCHER) in launcher.TYPES:
      return UserError(f"{line}: expected {describe(unwrap(launcher.TYPES[key.removeprefix(LAUNCHER)]))}")
    if line.partition("=")[0] == key:
      return wrong_type(key, _number(line.partition("=")[2]), line)
    known = TYPES.get(key.split("[")[0])
    return UserError(f"{line}: {key} expects {describe(known)}" if known else f"{line}: {_first_line(cause)}")
  return UserError(one_line(text))


def _number(text: str) -> float | str:
  try:
    return float(text)
  except ValueError:
    return text


def _example(key: str) -> str:
  """A value to type for a missing entry of a free-named section."""
  if key.count(".") > (1 if key.startswith("gates.") else 2):
    return "..."
  return "{min:...}" if key.startswith("gates.") else "{...}"


def _absent_key(cause: oc.OmegaConfBaseException) -> UserError:
  key = cause.full_key
  if key.startswith(("reward.terms.", "env.terminations.", "gates.")):
    return UserError(f"{key} is not part of the chosen options: add it with +{key}={_example(key)}")
  if key.startswith(LAUNCHER) and cause.object_type in launcher.LAUNCHERS.values():
    return launcher.unknown_launcher_key(key.removeprefix(LAUNCHER), cause.object_type)
  if key.startswith("hydra.") and dataclasses.is_dataclass(cause.object_type):
    section, _, name = key.rpartition(".")
    return unknown_name(f"key in {section}", name, [field.name for field in dataclasses.fields(cause.object_type)])
  return UserError(f"{key}: {_first_line(cause)}")
