"""Optuna behind a search: ask for trials, report what their jobs do, tell how they ended. Imports Optuna."""

import pathlib
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from omegaconf import DictConfig
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from wildrobot_exp.config.search import QUICK_METRICS
from wildrobot_exp.config.search_space import Searched
from wildrobot_exp.errors import UserError
from wildrobot_exp.sweeps.record import job_command, sweep_command
from wildrobot_exp.sweeps.result import JobResult
from wildrobot_exp.sweeps.search_record import SearchRecord

optuna.logging.set_verbosity(optuna.logging.WARNING)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)

STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


def check_storage(record: SearchRecord) -> None:
  """Refuse, before a new search starts, a storage that cannot be used or has a study of that name.

  Raises:
    UserError: says which, and what to type.
  """
  if record.storage is None:
    return
  key = f"hydra.sweeper.storage={record.storage}"
  try:
    url = make_url(record.storage)
    url.get_dialect().import_dbapi()
    if url.drivername.startswith("sqlite") and url.database:
      path = pathlib.Path(url.database)
      if not path.absolute().parent.is_dir():
        raise UserError(f"{key}: there is no folder {path.parent}: create it")
      if not path.exists():
        return
    names = optuna.get_all_study_names(record.storage)
  except (SQLAlchemyError, optuna.exceptions.OptunaError, ImportError, RuntimeError) as error:
    line = " ".join(str(error).split())[:200]
    raise UserError(f"{key} cannot be used ({line}); write for example sqlite:///study.db") from error
  if record.study_name in names:
    raise UserError(f"{key} has a study {record.study_name!r} already: add hydra.sweeper.study_name=...")


def make_sampler(settings: DictConfig, number: int) -> optuna.samplers.BaseSampler:
  """The sampler for one trial. Each has a seed of its own, so a search that goes on does not begin again."""
  seed = int(np.random.SeedSequence([settings.seed, number]).generate_state(1)[0])
  if settings.name == "tpe":
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=settings.startup_trials)
  return optuna.samplers.RandomSampler(seed=seed)


def make_pruner(settings: DictConfig) -> optuna.pruners.BasePruner:
  """The pruner of hydra/sweeper/pruner."""
  if settings.name == "none":
    return optuna.pruners.NopPruner()
  return optuna.pruners.MedianPruner(settings.startup_trials, settings.warmup_steps)


class SearchStudy:
  """The study of one sweep folder, created or continued.

  Args:
    folder: the sweep folder.
    record: what is searched.
    space: the searched keys.
    fixed: the overrides every job has.
    sweeper: hydra.sweeper.
  """

  def __init__(
    self,
    folder: pathlib.Path,
    record: SearchRecord,
    space: Sequence[Searched],
    fixed: Sequence[str],
    sweeper: DictConfig,
  ):
    self._folder = folder
    self._record = record
    self._url = record.url(folder)
    self._space = space
    self._fixed = list(fixed)
    self._sampler = sweeper.sampler
    pruned_by = None if sweeper.pruner.name == "none" else QUICK_METRICS[sweeper.pruner.metric]
    self._sign = 1.0 if pruned_by in (None, record.direction) else -1.0  # Optuna has one direction for both
    self._study = optuna.create_study(
      storage=self._url,
      study_name=record.study_name,
      direction=record.direction,
      pruner=make_pruner(sweeper.pruner),
      load_if_exists=True,
    )

  def __len__(self) -> int:
    return len(self._study.get_trials(deepcopy=False))

  def unfinished(self) -> list[optuna.Trial]:
    """Trials whose end an earlier, interrupted sweep did not see."""
    left = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    return [optuna.Trial(self._study, trial._trial_id) for trial in left]

  def ask(self) -> optuna.Trial:
    """A new trial."""
    return self._study.ask()

  def overrides(self, trial: optuna.Trial) -> list[str]:
    """The overrides of the trial's job; its values are chosen now, or were before."""
    self._study.sampler = make_sampler(self._sampler, trial.number)
    values = []
    for dim in self._space:
      if dim.kind == "choice":
        value = trial.suggest_categorical(dim.key, dim.choices)
      elif dim.kind == "int":
        value = trial.suggest_int(dim.key, dim.low, dim.high, step=dim.step, log=dim.log)
      else:
        value = trial.suggest_float(dim.key, dim.low, dim.high, step=dim.step, log=dim.log)
      values.append(dim.override(value))
    lines = [*self._fixed, *values]
    trial.set_user_attr("overrides", lines)
    return lines

  def report(self, trial: optuna.Trial, step: int, value: float) -> bool:
    """An evaluation during training; True if the trial has fallen behind."""
    trial.report(self._sign * value, step)
    return trial.should_prune()

  def reported(self, trial: optuna.Trial) -> set[int]:
    """The steps reported so far."""
    return set(self._frozen(trial).intermediate_values)

  def tell(self, trial: optuna.Trial, result: JobResult) -> None:
    """How the trial's job ended. One without the metric has failed, which is said on stderr."""
    value = result.numbers.get(self._record.metric)
    if result.status == "pruned":
      self._study.tell(trial, state=TrialState.PRUNED)
    elif result.status == "ok" and value is not None:
      self._study.tell(trial, value)
    else:
      error = result.error or f"its result has no finite {self._record.metric}: the trial counts as failed"
      trial.set_user_attr("error", error)
      self._study.tell(trial, state=TrialState.FAIL)
      if result.status == "ok":
        print(f"error: {result.job}: {error}", file=sys.stderr, flush=True)

  def results(self) -> dict[str, Any]:
    """The content of optimization_results.yaml; what starts with best_, and command, only where a trial finished."""
    trials = self._study.get_trials(deepcopy=False)
    content: dict[str, Any] = {
      "name": "optuna",
      "study_name": self._record.study_name,
      "storage": self._url,
      "metric": self._record.metric,
      "direction": self._record.direction,
      "trials": {name: sum(trial.state == state for trial in trials) for name, state in STATES.items()},
    }
    if content["trials"]["complete"]:
      best = self._study.best_trial
      folder = best.user_attrs["folder"]
      content |= {
        "best_trial": best.number,
        "best_folder": folder,
        "best_value": best.value,
        "best_params": self._values(best),
        "command": job_command(self._folder / folder) or sweep_command(best.user_attrs["overrides"]),
      }
    return content

  def _values(self, trial: FrozenTrial) -> dict[str, float | int | str]:
    """The searched values as they were typed for the job."""
    values = {}
    for dim in self._space:
      typed = dim.override(trial.params[dim.key]).removeprefix(f"{dim.key}=")
      values[dim.key] = typed if dim.kind == "choice" else float(typed) if dim.kind == "float" else int(typed)
    return values

  def _frozen(self, trial: optuna.Trial) -> FrozenTrial:
    return self._study.get_trials(deepcopy=False)[trial.number]
