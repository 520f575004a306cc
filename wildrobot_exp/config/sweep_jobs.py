"""The jobs of a sweep as override lists: all of them, or of a search those at the corners of its space."""

import dataclasses

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, ValueType
from omegaconf import DictConfig, OmegaConf

from wildrobot_exp.config.overrides import check_overrides
from wildrobot_exp.config.search import check_search
from wildrobot_exp.config.search_space import Searched, corners, read_space
from wildrobot_exp.errors import UserError


@dataclasses.dataclass(frozen=True)
class Search:
  """A sweep whose jobs Optuna chooses: hydra.sweeper, what is searched, and the overrides every job has."""

  sweeper: DictConfig
  space: list[Searched]
  fixed: list[str]


def groups(hydra: Hydra) -> set[str]:
  """The config groups that can be chosen: `algo`, `amp/loss`."""
  top = {*hydra.config_loader.list_groups("")} - {"hydra"}
  return top | {f"{group}/{inner}" for group in top for inner in hydra.config_loader.list_groups(group)}


def _typed(hydra: Hydra, cfg: DictConfig) -> tuple[list[Override], list[Override]]:
  """The overrides of hydra.sweeper.params and those of the command line, checked."""
  params = [f"{key}={value}" for key, value in (cfg.hydra.sweeper.params or {}).items()]
  parser = OverridesParser.create(hydra.config_loader)
  typed = OmegaConf.to_container(cfg.hydra.overrides)  # unresolved: ${...} is for the jobs
  parsed = parser.parse_overrides(params), parser.parse_overrides(typed["task"])
  check_overrides([*parsed[0], *parsed[1]], groups(hydra), multirun=True)
  return parsed


def read_search(hydra: Hydra, cfg: DictConfig) -> Search:
  """The search of a composed config; raises UserError where a setting or a range is wrong."""
  space, fixed = read_space(*_typed(hydra, cfg))
  check_search(cfg.hydra.sweeper, space)
  return Search(cfg.hydra.sweeper, space, fixed)


def job_overrides(hydra: Hydra, cfg: DictConfig, search: Search | None) -> list[list[str]]:
  """The overrides of every job; of a search, those of its corners."""
  if search is not None:
    return [[*search.fixed, *corner] for corner in corners(search.space)]
  params, typed = _typed(hydra, cfg)
  for override in [*params, *typed]:
    if override.value_type == ValueType.INTERVAL_SWEEP:
      key = override.key_or_group
      raise UserError(
        f"{override.input_line}: write {key}=a,b or {key}=range(a,b) instead, or search with hydra/sweeper=optuna"
      )
  return BasicSweeper.split_arguments([*params, *typed], None)[0]
