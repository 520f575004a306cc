"""Where the sweep of this process goes: only Hydra knows, once it has started."""

import pathlib
from typing import Any, ClassVar

from hydra.experimental.callback import Callback
from omegaconf import DictConfig


class SweepFolder(Callback):
  """Hydra callback (conf/config.yaml, hydra.callbacks) that remembers hydra.sweep.dir."""

  latest: ClassVar[pathlib.Path | None] = None

  def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
    SweepFolder.latest = pathlib.Path(config.hydra.sweep.dir).absolute()
