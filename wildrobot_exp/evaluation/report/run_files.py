"""A run folder, read back from its files alone. What is not there is None or empty, never made up."""

import csv
import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from wildrobot_exp.errors import UserError
from wildrobot_exp.npz_files import read_npz

METRICS, EVALUATION, VERSIONS, GAIT, VIDEO = (
  "metrics.csv",
  "evaluation.json",
  "versions.json",
  "gait.npz",
  "video.mp4",
)
GAIT_ARRAYS = (
  "time",
  "contacts",
  "feet_height",
  "joint_pos",
  "joint_names",
)  # all else in gait.npz is optional
EXPORT = Path("export") / "policy.json"
CONFIG = Path(".hydra") / "config.yaml"
ABSENT = "???"  # what Hydra writes for a section nobody chose: amp, without ppo_amp


@dataclasses.dataclass(frozen=True, eq=False)
class RunFiles:
  """What a run left behind.

  Attributes:
    folder: the run folder.
    metrics: column -> [rows], NaN where the cell is empty; {} without metrics.csv.
    evaluation: evaluation.json; None without it.
    versions: versions.json; None without it.
    config: the config with its references resolved; None without it.
    gait: name -> array of one episode; None without gait.npz.
    video: the mp4 file; None without it.
    export: policy.json of the exported policy, where it is of the checkpoint that was evaluated; None without it.
  """

  folder: Path
  metrics: Mapping[str, np.ndarray]
  evaluation: Mapping[str, Any] | None
  versions: Mapping[str, Any] | None
  config: Mapping[str, Any] | None
  gait: Mapping[str, np.ndarray] | None
  video: Path | None
  export: Mapping[str, Any] | None = None


def read_run(folder: Path) -> RunFiles:
  """Read a run folder; any file may be missing, but not all.

  Raises:
    UserError: no such folder, none of the files in it, or one of them is damaged.
  """
  if not folder.is_dir():
    raise UserError(f"no such run folder: {folder}")
  if not any((folder / name).exists() for name in (METRICS, EVALUATION, VERSIONS, CONFIG)):
    raise UserError(
      f"{folder} is not a run folder: none of {METRICS}, {EVALUATION}, {VERSIONS}, {CONFIG} in it (nor is it a sweep)"
    )
  evaluation = _read_json(folder / EVALUATION)
  return RunFiles(
    folder=folder,
    metrics=read_metrics(folder / METRICS),
    evaluation=evaluation,
    versions=_read_json(folder / VERSIONS),
    config=_read_config(folder / CONFIG),
    gait=_read_gait(folder / GAIT),
    video=folder / VIDEO if (folder / VIDEO).exists() else None,
    export=_read_export(folder / EXPORT, evaluation or {}),
  )


def read_metrics(path: Path) -> dict[str, np.ndarray]:
  """Columns of a metrics file, [rows] each; an empty, missing or infinite cell is NaN.

  A last line without its end, of a run that was killed, is left out: half a number is another number.

  Raises:
    UserError: it is not text, or a cell is not a number.
  """
  if not path.exists():
    return {}
  try:
    whole = path.read_text().rpartition("\n")[0]
  except UnicodeDecodeError as error:
    raise UserError(f"{path} is not text: {error}") from error
  reader = csv.DictReader(whole.splitlines(), restval="")
  rows = list(reader)
  columns = {}
  for name in reader.fieldnames or []:
    try:
      column = np.array([float(row[name]) if row[name] else math.nan for row in rows])
    except ValueError as error:
      raise UserError(f"{path}: column {name!r} holds something that is not a number: {error}") from error
    columns[name] = np.where(np.isfinite(column), column, math.nan)
  return columns


def number(value: Any) -> float | None:
  """A finite number as float; None for anything else."""
  if isinstance(value, bool) or not isinstance(value, int | float):
    return None
  return float(value) if math.isfinite(value) else None


def _read_json(path: Path) -> dict[str, Any] | None:
  if not path.exists():
    return None
  try:
    content = json.loads(path.read_text())
  except ValueError as error:
    raise UserError(f"{path} is not valid JSON: {error}") from error
  if not isinstance(content, dict):
    raise UserError(f"{path} should hold a JSON object, not a {type(content).__name__}")
  return content


def _read_export(path: Path, evaluation: Mapping[str, Any]) -> dict[str, Any] | None:
  contract = _read_json(path) or {}
  steps = {number(content.get("checkpoint_step")) for content in (contract, evaluation)}
  return contract if contract and len(steps) == 1 else None


def _read_config(path: Path) -> dict[str, Any] | None:
  if not path.exists():
    return None
  try:
    content = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
  except (YAMLError, OmegaConfBaseException, UnicodeDecodeError) as error:
    raise UserError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
  if not isinstance(content, dict):
    raise UserError(f"{path} should hold keys and values")
  return {key: value for key, value in content.items() if value != ABSENT}


def _read_gait(path: Path) -> dict[str, np.ndarray] | None:
  if not path.exists():
    return None
  gait = read_npz(path, "evaluate the run again, or delete the file")
  lacking = [name for name in GAIT_ARRAYS if name not in gait]
  if lacking:
    raise UserError(f"{path} lacks {', '.join(lacking)}: evaluate the run again, or delete the file")
  return gait
