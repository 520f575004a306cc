"""Settings of a search: hydra/sweeper=optuna, its samplers and pruners, and the checks before anything starts."""

import dataclasses
import importlib.util
import math
from collections.abc import Sequence
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

from wildrobot_exp.config.metrics import DIRECTIONS, MAXIMIZE, METRICS, MINIMIZE, check_measured
from wildrobot_exp.config.schema import Config
from wildrobot_exp.config.search_space import Searched
from wildrobot_exp.errors import UserError, unknown_name

OPTUNA = "optuna"
TARGET = "hydra_plugins.wildrobot.OptunaSweeper"  # Hydra instantiates plugins of this namespace only
QUICK_METRICS = {"score": MAXIMIZE, "survival": MAXIMIZE, "vx_error": MINIMIZE}  # the eval/ columns of metrics.csv
WORDS = {  # setting: its lowest value
  "n_trials": 1,
  "n_jobs": 1,
  "sampler.seed": 0,
  "sampler.startup_trials": 1,
  "pruner.startup_trials": 1,
  "pruner.warmup_steps": 0,
}


@dataclasses.dataclass
class TpeConf:
  """hydra/sweeper/sampler=tpe, a tree-structured Parzen estimator; the first `startup_trials` are random."""

  name: str = "tpe"
  seed: int = 0
  startup_trials: int = 10


@dataclasses.dataclass
class RandomConf:
  """hydra/sweeper/sampler=random."""

  name: str = "random"
  seed: int = 0


@dataclasses.dataclass
class NoPrunerConf:
  """hydra/sweeper/pruner=none: every job runs to its end."""

  name: str = "none"


@dataclasses.dataclass
class MedianConf:
  """hydra/sweeper/pruner=median: stop a job whose best evaluation so far is worse than the others' median there.

  Attributes:
    metric: one of QUICK_METRICS, the column eval/<metric> of metrics.csv.
    startup_trials: jobs that have to be finished before one is stopped.
    warmup_steps: env steps before which none is stopped.
  """

  name: str = "median"
  metric: str = "score"
  startup_trials: int = 4
  warmup_steps: int = 0


@dataclasses.dataclass
class OptunaConf:
  """hydra.sweeper.

  Attributes:
    metric: the number of a run's result that is optimised.
    direction: maximize or minimize; None: the metric's good one.
    n_trials: trials of the study, the failed and the pruned included.
    n_jobs: trials chosen together and launched together; None: as many as the launcher runs side by side, which for
      vmap are those that train alone: say here how many shall train together.
    storage: URL of the database; None: study.db in the sweep folder.
    study_name: None: the name of the sweep folder.
    params: what is searched, beside what is typed: {key: interval(a,b)}.
  """

  defaults: list[Any] = dataclasses.field(default_factory=lambda: ["_self_", {"sampler": "tpe"}, {"pruner": "none"}])
  _target_: str = TARGET
  sampler: Any = None
  pruner: Any = None
  metric: str = "return"
  direction: str | None = None
  n_trials: int = 20
  n_jobs: int | None = None
  storage: str | None = None
  study_name: str | None = None
  params: dict[str, str] | None = None


def register_search() -> None:
  """Make hydra/sweeper=optuna known to Hydra."""
  store = ConfigStore.instance().store
  store(group="hydra/sweeper", name=OPTUNA, node=OptunaConf, provider="wildrobot")
  for node in (TpeConf, RandomConf):
    store(group="hydra/sweeper/sampler", name=node.name, node=node, provider="wildrobot")
  for node in (NoPrunerConf, MedianConf):
    store(group="hydra/sweeper/pruner", name=node.name, node=node, provider="wildrobot")


def is_search(cfg: DictConfig) -> bool:
  """Whether a composed config's jobs are chosen by Optuna while the sweep runs."""
  return cfg.hydra.sweeper._target_ == TARGET


def direction(sweeper: DictConfig) -> str:
  """maximize or minimize. `sweeper`: hydra.sweeper, checked."""
  return sweeper.direction or METRICS[sweeper.metric]


def check_search(sweeper: DictConfig, space: Sequence[Searched]) -> None:
  """Check hydra.sweeper of a search over `space`.

  Raises:
    UserError: Optuna is missing, or the first wrong setting.
  """
  if importlib.util.find_spec("optuna") is None:
    raise UserError("hydra/sweeper=optuna needs Optuna: pip install 'wildrobot-exp[search]'")
  for key, least in WORDS.items():
    group, _, name = key.rpartition(".")
    value = (sweeper[group] if group else sweeper).get(name)
    if value is not None and value < least:
      raise UserError(f"hydra.sweeper.{key}={value} has to be {least} or greater")
  metric = sweeper.metric
  if metric not in METRICS:
    raise unknown_name("hydra.sweeper.metric", metric, METRICS)
  if sweeper.direction is not None and sweeper.direction not in DIRECTIONS:
    raise unknown_name("hydra.sweeper.direction", sweeper.direction, DIRECTIONS)
  if direction(sweeper) is None:
    raise UserError(f"hydra.sweeper.metric={metric} has no good direction of its own: add hydra.sweeper.direction=...")
  rewards = [dim.key for dim in space if dim.key.lstrip("+").split(".")[0] == "reward"]
  if metric in ("return", "train_return_gain") and rewards:
    raise UserError(
      f"hydra.sweeper.metric={metric} is measured with {rewards[0]}, which is searched: trials would not be"
      " comparable; use hydra.sweeper.metric=vx_error"
    )
  if sweeper.pruner.name != "none" and sweeper.pruner.metric not in QUICK_METRICS:
    raise unknown_name("hydra.sweeper.pruner.metric", sweeper.pruner.metric, QUICK_METRICS)


def check_job(sweeper: DictConfig, config: Config) -> None:
  """Check that a job of the search measures what is optimised, and can be pruned if it is to be.

  Raises:
    UserError: it would have no such number, or nobody would notice that it falls behind, or stop it.
  """
  check_measured("hydra.sweeper.metric", sweeper.metric, config)
  if sweeper.pruner.name == "none":
    return
  during = config.evaluation.during_training
  why = None
  if config.algo.name == "brax_ppo":
    why = "algo=brax_ppo cannot be stopped half-way"
  elif not during.enabled:
    why = "it compares evaluations during training: set evaluation.during_training.enabled=true"
  elif during.every_steps >= config.total_steps:
    few = math.ceil(config.total_steps / 4)
    why = f"there is no evaluation before the end: lower evaluation.during_training.every_steps, to {few} for example"
  if why is not None:
    raise UserError(f"hydra/sweeper/pruner={sweeper.pruner.name}: {why}")
