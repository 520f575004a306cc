"""Hydra's sweeper `optuna`: Optuna chooses the jobs of a sweep while it runs, whichever launcher runs them."""

import pathlib
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from wildrobot_exp.config.search import TARGET
from wildrobot_exp.config.search_space import read_space
from wildrobot_exp.sweeps.result import DONE, JobResult, columns, read_result
from wildrobot_exp.sweeps.search_record import RESULTS, SearchRecord
from wildrobot_exp.sweeps.search_watch import SearchJob, SearchWatch

if TYPE_CHECKING:
  import optuna

  from wildrobot_exp.sweeps.study import SearchStudy


class OptunaSweeper(Sweeper):
  """See config.search.OptunaConf for the arguments. The sweep folder has a search.json already."""

  __module__ = TARGET.rpartition(".")[0]  # hydra_plugins/wildrobot.py, where Hydra finds it

  def __init__(self, **settings: Any):
    """The settings are those of hydra.sweeper, which `setup` gets too."""

  def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
    self._context = hydra_context
    self._config = config
    self._sweeper = config.hydra.sweeper
    self._folder = pathlib.Path(config.hydra.sweep.dir).absolute()
    self._launcher = Plugins.instance().instantiate_launcher(
      hydra_context=hydra_context, task_function=task_function, config=config
    )

  def sweep(self, arguments: list[str]) -> dict[str, Any]:
    """Run the search.

    Returns:
      What is in optimization_results.yaml, which is written however the search ends.
    """
    from wildrobot_exp.sweeps.study import SearchStudy  # imports Optuna: only where it is used

    self._folder.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(self._config, self._folder / "multirun.yaml")
    parser = OverridesParser.create(config_loader=self._context.config_loader)
    params = [f"{key}={value}" for key, value in (self._sweeper.params or {}).items()]
    space, fixed = read_space(parser.parse_overrides(params), parser.parse_overrides(arguments))
    study = SearchStudy(self._folder, SearchRecord.load(self._folder), space, fixed, self._sweeper)
    size = self._sweeper.n_jobs or self._config.hydra.launcher.get("n_jobs") or 1
    try:
      self._run(study, study.unfinished())
      while (left := self._sweeper.n_trials - len(study)) > 0:
        self._run(study, [study.ask() for _ in range(min(size, left))])
    finally:
      results = study.results()
      (self._folder / RESULTS).write_text(yaml.safe_dump(results, sort_keys=False))
      print(best(results), flush=True)
    return results

  def _run(self, study: "SearchStudy", trials: Sequence["optuna.Trial"]) -> None:
    """Run the jobs of these trials and tell the study how they ended."""
    jobs = [self._job(study, trial) for trial in trials]
    pruner = self._sweeper.pruner
    with SearchWatch(study, jobs, None if pruner.name == "none" else pruner.metric) as watch:
      for batch in consecutive([job for job in jobs if not _has_ended(job)]):
        self._launcher.launch([job.overrides for job in batch], initial_job_idx=batch[0].trial.number)
    for job in jobs:
      if not job.told:
        missing = JobResult(job.folder.name, "missing", columns(job.overrides), {}, None, "ended without a result")
        watch.tell(job, read_result(job.folder) or missing)

  def _job(self, study: "SearchStudy", trial: "optuna.Trial") -> SearchJob:
    overrides = study.overrides(trial)
    cfg = self._context.config_loader.load_sweep_config(self._config, overrides)
    with open_dict(cfg):
      cfg.hydra.job.num, cfg.hydra.job.id = trial.number, str(trial.number)
    HydraConfig.instance().set_config(cfg)
    folder = self._folder / str(cfg.hydra.sweep.subdir)
    trial.set_user_attr("folder", folder.name)
    return SearchJob(trial, overrides, folder, cfg.evaluation.during_training.every_steps)


def consecutive(jobs: Sequence[SearchJob]) -> list[list[SearchJob]]:
  """The jobs in groups without gaps in their numbers: a launcher counts on from the first one's."""
  groups: list[list[SearchJob]] = []
  for job in jobs:
    if groups and groups[-1][-1].trial.number == job.trial.number - 1:
      groups[-1].append(job)
    else:
      groups.append([job])
  return groups


def best(results: dict[str, Any]) -> str:
  """The outcome of a search in lines, from the content of optimization_results.yaml."""
  counts = ", ".join(f"{count} {name}" for name, count in results["trials"].items())
  lines = [f"search: {counts}; to look at it: optuna-dashboard {shlex.quote(results['storage'])}"]
  if "command" in results:
    values = " ".join(f"{key}={value}" for key, value in results["best_params"].items())
    lines += [
      f"best: {results['metric']}={results['best_value']:.6g} in trial {results['best_trial']}: {values}",
      f"to repeat it: {results['command']}",
    ]
  return "\n".join(lines)


def _has_ended(job: SearchJob) -> bool:
  """Whether it ended well after the sweep that had started it was killed: the watch tells the study."""
  result = read_result(job.folder)
  return result is not None and result.status in DONE
