"""Hydra's own flags and its section `hydra`: what of them has a meaning here, and what their values may be."""

import argparse
import difflib
import os
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from wildrobot_exp.errors import UserError, unknown_name

GROUPS = (
  "hydra/launcher",
  "hydra/sweeper",
  "hydra/sweeper/sampler",
  "hydra/sweeper/pruner",
  "hydra/job_logging",
  "hydra/hydra_logging",
)
PATHS = ("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir")
KEYS = (*PATHS, "hydra.mode", "hydra.searchpath", "hydra.verbose")
SECTIONS = ("hydra.launcher", "hydra.sweeper", "hydra.job.config.override_dirname", "hydra.job.env_set")
SWEPT = "hydra.sweeper.params"
MODES = ("RUN", "MULTIRUN")
OUTPUT = ".hydra"  # where a run's config is looked for


def check_flags(args: argparse.Namespace) -> None:
  """Refuse flags of Hydra's that cannot be followed here.

  Args:
    args: what Hydra's parser read.

  Raises:
    UserError: the first problem found.
  """
  if args.experimental_rerun is not None:
    raise UserError("--experimental-rerun runs what a pickle says: use resume=<run folder>, or repeat the command")
  modes = [args.run, args.multirun, args.cfg, args.info, args.shell_completion]
  if sum(bool(mode) for mode in modes) > 1:
    raise UserError("only one of --run, --multirun, --cfg, --info and --shell-completion at a time")
  for flag in ("package", "resolve"):
    if getattr(args, flag) and not (args.cfg or args.help):
      raise UserError(f"--{flag} belongs to --cfg: python run.py --cfg job --{flag} ...")
  if args.config_dir is not None and not os.path.isdir(args.config_dir):
    raise UserError(f"--config-dir {args.config_dir}: no such folder")


def check_package(package: str | None, cfg: DictConfig) -> None:
  """Raises UserError for --cfg --package of a section that is not there."""
  if package not in (None, "_global_") and OmegaConf.select(cfg, package) is None:
    sections = [str(key) for key in cfg if OmegaConf.is_dict(cfg._get_node(key))]
    raise unknown_name("section for --package", package, sections)


def check_hydra_override(override: Override) -> None:
  """Refuse a key of the section `hydra` that a user cannot set, and values that end in a traceback.

  Raises:
    UserError: says what to write.
  """
  key, line = override.key_or_group, override.input_line
  if key == SWEPT or key.startswith(f"{SWEPT}."):
    swept = f"{key.removeprefix(SWEPT)[1:] or 'seed'}=..."
    raise UserError(f"{line}: name what is swept itself, python run.py -m {swept}")
  if key not in (*GROUPS, *KEYS) and not _below(key):
    near = difflib.get_close_matches(key, [*GROUPS, *KEYS, *SECTIONS], n=1, cutoff=0.75)
    words = f"did you mean {near[0]!r}?" if near else f"of Hydra's own there are {', '.join([*KEYS, *SECTIONS[:2]])}"
    raise UserError(f"{key!r} cannot be set here: {words}")
  if override.is_delete() and not _below(key):
    raise UserError(f"{line}: {key} cannot be removed, set {key}=...")
  _check_value(key, override.value(), line)


def check_hydra_section(cfg: DictConfig) -> None:
  """The same of a composed config: a file may have set it too."""
  hydra = cfg.hydra
  if hydra.output_subdir != OUTPUT:
    raise UserError(f"hydra.output_subdir={hydra.output_subdir}: a run is found by its {OUTPUT}, leave it as it is")
  folders = {f"hydra.{mode}": OmegaConf.to_container(hydra[mode], resolve=False) for mode in ("run", "sweep")}
  for key in PATHS:
    section, _, name = key.rpartition(".")
    if not str(folders[section][name] or "").strip():
      raise UserError(f"{key} is empty: name a folder")


def _below(key: str) -> bool:
  return any(key == section or key.startswith(f"{section}.") for section in SECTIONS)


def _check_value(key: str, value: Any, line: str) -> None:
  if key in PATHS and not (isinstance(value, str | int | float) and str(value).strip()):
    raise UserError(f"{line}: name a folder, {key}=...")
  if key == "hydra.mode" and value not in MODES:
    raise unknown_name("hydra.mode", str(value), MODES)
  if key == "hydra.searchpath":
    for place in value if isinstance(value, list) else [value]:
      path = str(place)
      if not (path.startswith("pkg://") or os.path.isdir(path.removeprefix("file://"))):
        raise UserError(f"{line}: {path.removeprefix('file://')}: no such folder")
  if key in GROUPS and not isinstance(value, str):
    raise UserError(f"{line}: name one option, {key}=...")

