"""Compose every cell of a command line with Hydra and check it, without writing anything."""

import argparse
import contextlib
import itertools
import os
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from hydra import initialize_config_dir
from hydra._internal.hydra import Hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from wildrobot_exp.config.checks import check
from wildrobot_exp.config.composed import Cell, Composed, check_distinct, check_platforms
from wildrobot_exp.config.devices import probe_devices
from wildrobot_exp.config.explain import explain
from wildrobot_exp.config.hydra_keys import check_hydra_override, check_hydra_section, check_package
from wildrobot_exp.config.launcher import check_launcher, register_launcher
from wildrobot_exp.config.loader import SweepLoader
from wildrobot_exp.config.overrides import check_chosen_once, check_overrides
from wildrobot_exp.config.saved import changed
from wildrobot_exp.config.schema import Config, register
from wildrobot_exp.config.search import check_job, is_search, register_search
from wildrobot_exp.config.sweep_jobs import Search, groups, job_overrides, read_search
from wildrobot_exp.config.typed import no_amp, to_typed, typed
from wildrobot_exp.errors import UserError

CONF_DIR = pathlib.Path(__file__).resolve().parents[2] / "conf"  # beside run.py
CONFIG_NAME = "config"
VERSION_BASE = "1.3"
LONGEST_FOLDER_NAME = 120
COMPOSING = (HydraException, OmegaConfBaseException, ValueError)  # what Hydra raises where a config cannot be composed


def folder_name(text: str) -> str:
  """Resolver ${folder_name:...}: `text` without the characters that trouble shells and paths."""
  return re.sub(r"[^\w.+-]+", "-", str(text)).strip("-")[:LONGEST_FOLDER_NAME]


register()
register_launcher()
register_search()
OmegaConf.register_new_resolver("folder_name", folder_name, replace=True)


def load(
  overrides: Sequence[str] = (), conf_dir: str | os.PathLike = CONF_DIR, probe: bool = True, trained: bool = False
) -> DictConfig:
  """One checked config, as a job gets it: resolved, typed, read-only; `amp` is None without ppo_amp.

  Args:
    overrides: as on the command line, ["algo=ppo", "seed=1"].
    conf_dir: the folder with config.yaml.
    probe: also refuse hardware that is not here.
    trained: see `check`.

  Raises:
    UserError: the config is wrong.
  """
  with _hydra(conf_dir) as hydra:
    config = to_typed(_compose(hydra, CONFIG_NAME, list(overrides), RunMode.RUN))
  return _checked(config, probe, trained)


def load_saved(saved: Mapping[str, Any], overrides: Sequence[str] = (), probe: bool = True) -> DictConfig:
  """The same of a whole config that was written down, with overrides on top. What they name is all that changes.

  Raises:
    UserError: the config or an override is wrong.
  """
  with _hydra(CONF_DIR) as hydra:
    parsed = OverridesParser.create(hydra.config_loader).parse_overrides(list(overrides))
    check_overrides(parsed, groups(hydra), multirun=False)

    def option(override: Override) -> Mapping[str, Any]:
      cfg = hydra.compose_config(CONFIG_NAME, [override.input_line], RunMode.RUN)
      return OmegaConf.to_container(OmegaConf.select(cfg, override.key_or_group.replace("/", ".")), resolve=True)

    config = typed(changed(saved, [override for override in parsed if not override.is_hydra_override()], option))
  return _checked(config, probe, trained=True)


def _checked(config: Config, probe: bool, trained: bool) -> DictConfig:
  check(config, trained=trained)
  if probe:
    probe_devices(config)
  return frozen(config)


def frozen(config: Config) -> DictConfig:
  """A typed config as a read-only DictConfig: `cfg.algo.clip` and `cfg.algo["clip"]` both work."""
  cfg = OmegaConf.structured(config)
  OmegaConf.set_readonly(cfg, True)
  return cfg


def compose(
  args: argparse.Namespace,
  conf_dir: str | os.PathLike = CONF_DIR,
  numbers: Mapping[frozenset[str], int] | None = None,
) -> Composed:
  """Every job that Hydra would run for these arguments, each one checked.

  Args:
    args: what `hydra._internal.utils.get_args_parser()` read from the command line.
    conf_dir: the folder with config.yaml.
    numbers: of the jobs that a sweep has already, by their overrides; new ones come after them.

  Raises:
    UserError: any job's config is wrong.
  """
  name = args.config_name or CONFIG_NAME
  if args.config_path:
    conf_dir = pathlib.Path(conf_dir).parent / args.config_path
  overrides = list(args.overrides)
  if args.config_dir:
    overrides.append(f"hydra.searchpath=['file://{os.path.abspath(args.config_dir)}']")
  with _hydra(conf_dir) as hydra:
    typed = OverridesParser.create(hydra.config_loader).parse_overrides(overrides)
    check_chosen_once(typed, groups(hydra))
    for override in typed:
      if override.is_hydra_override():
        check_hydra_override(override)
    mode = RunMode.MULTIRUN if args.multirun else hydra.get_mode(name, overrides) or RunMode.RUN
    cfg = _compose(hydra, name, overrides, mode)
    check_hydra_section(cfg)
    check_package(args.package, cfg)
    HydraConfig.instance().set_config(cfg)
    launcher = cfg.hydra.runtime.choices["hydra/launcher"]
    if mode == RunMode.RUN:
      folder = str(cfg.hydra.run.dir)
      timed = "${now:" in OmegaConf.to_container(cfg.hydra.run, resolve=False)["dir"]
      composed = Composed(False, [_cell(cfg, overrides, folder)], folder, launcher, timed=timed)
    else:
      check_launcher(cfg.hydra.launcher)
      search = read_search(hydra, cfg) if is_search(cfg) else None
      cells = list(_sweep_cells(hydra, cfg, search, numbers or {}))
      composed = Composed(True, cells, str(cfg.hydra.sweep.dir), launcher, search)
  if not composed.cells:
    raise UserError("the sweep has no jobs: check the values after the = of the swept keys")
  if composed.multirun and (_is_basic(cfg) or composed.search):
    check_distinct(composed)
  check_platforms(composed)
  return composed


@contextlib.contextmanager
def _hydra(conf_dir: str | os.PathLike) -> Iterator[Hydra]:
  """Hydra started on conf_dir; its errors leave as one-line UserErrors."""
  try:
    folder = str(pathlib.Path(conf_dir).resolve())
    with initialize_config_dir(folder, job_name="run", version_base=VERSION_BASE):
      hydra = GlobalHydra.instance().hydra
      hydra.config_loader = SweepLoader(hydra.config_loader.get_search_path())
      yield hydra
  except yaml.YAMLError as error:
    place = getattr(getattr(error, "problem_mark", None), "name", None) or f"a file in {conf_dir}"
    raise UserError(f"{place} is not YAML: {' '.join(str(error).split())}") from error
  except UnicodeDecodeError as error:
    raise UserError(f"a chosen YAML file is not text in UTF-8 ({error}): look at the options of your own") from error
  except COMPOSING as error:
    raise explain(error) from error


def _compose(hydra: Hydra, name: str, overrides: list[str], mode: RunMode) -> DictConfig:
  parsed = OverridesParser.create(hydra.config_loader).parse_overrides(overrides)
  check_overrides(parsed, groups(hydra), mode == RunMode.MULTIRUN)
  try:
    return hydra.compose_config(name, overrides, mode)
  except (HydraException, OmegaConfBaseException):
    amp = [o.input_line for o in parsed if re.split(r"[./]", o.key_or_group)[0] == "amp"]
    if not amp:
      raise
    cfg = hydra.compose_config(name, [o for o in overrides if o not in amp], mode)
    if OmegaConf.is_missing(cfg, "amp"):
      raise no_amp(cfg.algo.name) from None
    raise


def _cell(cfg: DictConfig, overrides: list[str], folder: str, number: int = 0) -> Cell:
  config = to_typed(cfg)
  check(config)
  return Cell(overrides, config, folder, number)


def _is_basic(cfg: DictConfig) -> bool:
  return cfg.hydra.sweeper._target_.endswith(".BasicSweeper")


def _sweep_cells(
  hydra: Hydra, cfg: DictConfig, search: Search | None, numbers: Mapping[frozenset[str], int]
) -> Iterator[Cell]:
  """The jobs of a sweep, expanded as Hydra's basic sweeper does. Other sweepers choose while they run."""
  if not _is_basic(cfg) and search is None:
    yield _cell(cfg, OmegaConf.to_container(cfg.hydra.overrides.task), str(cfg.hydra.sweep.dir))
    return
  new = itertools.count(max(numbers.values(), default=-1) + 1)
  for overrides in job_overrides(hydra, cfg, search):
    known = numbers.get(frozenset(overrides))
    number = next(new) if known is None else known
    try:
      cell = _sweep_cell(hydra, cfg, overrides, number)
      if search is not None:
        check_job(search.sweeper, cell.config)
    except (UserError, *COMPOSING) as error:
      why = error if isinstance(error, UserError) else explain(error)
      job = "a job" if search is not None else f"job {number}"
      raise UserError(f"{job} ({' '.join(overrides)}): {why}") from error
    yield cell


def _sweep_cell(hydra: Hydra, cfg: DictConfig, overrides: list[str], number: int) -> Cell:
  """One job of the sweep `cfg`, as the launcher will compose it."""
  everything = [*OmegaConf.to_container(cfg.hydra.overrides.hydra), *overrides]
  job = _compose(hydra, cfg.hydra.job.config_name, everything, RunMode.RUN)
  OmegaConf.copy_cache(from_config=cfg, to_config=job)
  with open_dict(job):
    job.hydra.job.num = number
    job.hydra.job.id = str(number)
  HydraConfig.instance().set_config(job)
  return _cell(job, overrides, os.path.join(str(job.hydra.sweep.dir), str(job.hydra.sweep.subdir)), number)
