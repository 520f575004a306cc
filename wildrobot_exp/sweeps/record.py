"""What Hydra wrote down about a sweep, in multirun.yaml and in the folders of its jobs: the commands."""

import pathlib
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from wildrobot_exp.config.folders import read_overrides
from wildrobot_exp.errors import UserError

MULTIRUN = "multirun.yaml"
_ASKED = "hydra.mode=MULTIRUN"  # among Hydra's own overrides where -m was typed


def sweep_overrides(sweep: pathlib.Path) -> list[str]:
  """What was asked of a sweep, `amp.weight=0.1,0.5`: its experiment file's params, then what was typed."""
  hydra = _hydra(sweep)
  params = _section(_section(hydra, "sweeper"), "params")
  return [*(f"{key}={value}" for key, value in params.items()), *_section(hydra, "overrides").get("task", [])]


def planned_jobs(sweep: pathlib.Path) -> list[list[str]]:
  """The overrides of every job that Hydra's own sweeper would run, in order; [] where another one chooses."""
  if not str(_section(_hydra(sweep), "sweeper").get("_target_", "")).endswith(".BasicSweeper"):
    return []
  try:
    parsed = OverridesParser.create().parse_overrides(sweep_overrides(sweep))
    return BasicSweeper.split_arguments(parsed, None)[0]
  except HydraException:  # values that only the config on the spot can tell: key=glob(*)
    return []


def sweep_command(arguments: Sequence[str]) -> str:
  """What to type for a sweep with these arguments."""
  return shlex.join(["python", "run.py", *arguments])


def job_command(job: pathlib.Path) -> str | None:
  """What to type to run the job in this folder alone; None if nothing is written down there."""
  try:
    overrides = read_overrides(job)
  except UserError:
    return None
  hydra = _hydra(job.parent)
  typed = _section(hydra, "overrides").get("hydra", [])
  alone = ["hydra.mode=RUN"] if hydra and _ASKED not in typed else []  # an experiment file made it a sweep
  return shlex.join(["python", "run.py", *overrides, *alone])


def _hydra(sweep: pathlib.Path) -> Mapping[str, Any]:
  try:
    return _section(yaml.safe_load((sweep / MULTIRUN).read_text()), "hydra")
  except (OSError, yaml.YAMLError):
    return {}


def _section(content: Any, key: str) -> Mapping[str, Any]:
  inner = content.get(key) if isinstance(content, Mapping) else None
  return inner if isinstance(inner, Mapping) else {}
