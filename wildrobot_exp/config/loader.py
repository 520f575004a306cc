"""Hydra's config loader for many jobs: what the jobs of a sweep have in common is read and merged once."""

import copy
from collections.abc import Sequence
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import CachingConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig


class SweepLoader(ConfigLoaderImpl):
  """Composes what Hydra's own loader composes, but reads each file, and merges each choice of files, only once."""

  def __init__(self, config_search_path: ConfigSearchPath):
    super().__init__(config_search_path)
    self._read: dict[Any, CachingConfigRepository] = {}
    self._merged: dict[str, DictConfig] = {}

  def _parse_overrides_and_create_caching_repo(
    self, config_name: str | None, overrides: list[str]
  ) -> tuple[list[Override], CachingConfigRepository]:
    parsed = OverridesParser.create().parse_overrides(overrides)
    searched = [str(one.value()) for one in parsed if one.get_key_element() == "hydra.searchpath"]
    key = (config_name, *searched)
    if key not in self._read:
      repository = CachingConfigRepository(self.repository)
      self._process_config_searchpath(config_name, parsed, repository)
      self._read[key] = repository
    return parsed, self._read[key]

  def _compose_config_from_defaults_list(self, defaults: Sequence[Any], repo: CachingConfigRepository) -> DictConfig:
    key = repr((repo.get_sources(), defaults))
    if key not in self._merged:
      fresh = CachingConfigRepository(repo.delegate)  # merging changes what was read
      self._merged[key] = super()._compose_config_from_defaults_list(defaults, fresh)
    return copy.deepcopy(self._merged[key])
