"""The config of a run that is there already: the one its checkpoint was written with, whatever conf/ says today."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from omegaconf import DictConfig, OmegaConf

from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.config.compose import load, load_saved
from wildrobot_exp.config.folders import read_overrides
from wildrobot_exp.config.resume import CLIPS, MODEL, own_overrides
from wildrobot_exp.config.saved import check_unchanged, completed


def chosen_step(run_dir: Path, which: int | Literal["best", "latest"]) -> int:
  """The step of a checkpoint, its files checked; "best" falls back to the latest where none has a score.

  Raises:
    UserError: there is no such checkpoint.
  """
  checkpoints = Checkpoints(run_dir)
  return checkpoints.resolve("latest" if which == "best" and checkpoints.best_step() is None else which)


def run_config(
  run_dir: Path,
  overrides: Sequence[str] = (),
  which: int | Literal["best", "latest"] = "best",
  *,
  probe: bool = True,
) -> DictConfig:
  """The config of one of a run's checkpoints.

  Args:
    run_dir: the run folder.
    overrides: of single keys, on top; they win.
    which: the checkpoint, as for `chosen_step`.
    probe: also refuse hardware that is not here.

  Raises:
    UserError: no run or no such checkpoint there, or the overrides do not fit.
  """
  own = read_overrides(run_dir)
  saved = Checkpoints(run_dir).info(chosen_step(run_dir, which))["config"]
  return load_saved(completed(saved, lambda: _plain(load(own, probe=False))), overrides, probe=probe)


def check_resumed(run_dir: Path, allowed: Sequence[str], config_dir: str | None) -> None:
  """Refuse to go on with a run whose overrides mean something else today.

  Args:
    run_dir: the run folder.
    allowed: keys that may have changed.
    config_dir: where else than in conf/ its options are, as given with --config-dir.

  Raises:
    UserError: names what has changed: the config, or the robot's file.
  """
  from wildrobot_exp.learning.rollback import FILE as ROLLBACKS
  from wildrobot_exp.learning.rollback import read_rollbacks
  from wildrobot_exp.motions.files import clips_hash
  from wildrobot_exp.robots import model_hash  # imports MuJoCo

  search = [f"hydra.searchpath=['file://{os.path.abspath(config_dir)}']"] if config_dir else []
  today = _plain(load([*own_overrides(run_dir), *search], probe=False, trained=True))
  clips = None if today["motion"]["path"] is None else clips_hash(today["motion"]["path"])
  checkpoints = Checkpoints(run_dir, model_hash=model_hash(), motion_hash=clips)
  step = checkpoints.resolve("latest")
  check_files(checkpoints, step, allowed)
  if (run_dir / ROLLBACKS).exists():
    read_rollbacks(run_dir / ROLLBACKS)
  check_unchanged(checkpoints.info(step)["config"], today, allowed, f"resume={run_dir} from step {step}")


def check_files(checkpoints: Checkpoints, step: int, allowed: Sequence[str]) -> None:
  """Refuse to go on from a checkpoint whose robot's file or clips have changed since.

  Args:
    checkpoints: of the run, with the hashes of today.
    step: of the checkpoint.
    allowed: what may have changed, as in `resume_allow`.

  Raises:
    UserError: names what has changed.
  """
  if MODEL not in allowed:
    checkpoints.check_model(step)
  if not {"motion", CLIPS} & set(allowed):
    checkpoints.check_motion(step)


def _plain(config: DictConfig) -> dict[str, Any]:
  return OmegaConf.to_container(config, resolve=True)
