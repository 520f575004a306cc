"""What Hydra wrote down about a sweep, in multirun.yaml and in the folders of its jobs: the commands."""

import pathlib
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from wildrobot_exp.config.compose import CONF_DIR, CONFIG_NAME
from wildrobot_exp.config.resume import own_overrides
from wildrobot_exp.errors import UserError
from wildrobot_exp.sweeps.manifest import Manifest

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
  words = job_words(job)
  return None if words is None else shlex.join(["python", *words])


def job_words(job: pathlib.Path) -> list[str] | None:
  """The same as words, from run.py on."""
  try:
    overrides = _job_overrides(job)
  except UserError:
    return None
  hydra = _hydra(job.parent)
  typed = _section(hydra, "overrides").get("hydra", [])
  alone = ["hydra.mode=RUN"] if hydra and _ASKED not in typed else []  # an experiment file made it a sweep
  return ["run.py", *_flags(hydra), *overrides, *alone]


def _job_overrides(job: pathlib.Path) -> list[str]:
  """As the sweep started the job, whoever went on with it by hand. Raises UserError."""
  try:
    jobs = Manifest.load(job.parent).jobs.values()
  except UserError:
    jobs = ()
  return next((entry.overrides for entry in jobs if entry.folder == job.name), None) or own_overrides(job)


def _flags(hydra: Mapping[str, Any]) -> list[str]:
  """Those of the sweep's command that say where its config was."""
  sources = _section(hydra, "runtime").get("config_sources")
  found = [source for source in sources if isinstance(source, Mapping)] if isinstance(sources, list) else []
  paths = {source.get("provider"): str(source.get("path")) for source in found}
  main, name, added = paths.get("main"), _section(hydra, "job").get("config_name"), paths.get("command-line")
  flags = []
  if main and pathlib.Path(main) != CONF_DIR and pathlib.Path(main).is_dir():  # not a clone on another machine
    flags += ["--config-path", main]
  if name not in (None, CONFIG_NAME):
    flags += ["--config-name", str(name)]
  if added:
    flags += ["--config-dir", added]
  return flags


def _hydra(sweep: pathlib.Path) -> Mapping[str, Any]:
  try:
    return _section(yaml.safe_load((sweep / MULTIRUN).read_text()), "hydra")
  except (OSError, yaml.YAMLError):
    return {}


def _section(content: Any, key: str) -> Mapping[str, Any]:
  inner = content.get(key) if isinstance(content, Mapping) else None
  return inner if isinstance(inner, Mapping) else {}
