"""Settings of sweeps: the section `sweep`, and hydra.launcher of the launcher `processes`, conf/'s default."""

import dataclasses
import math

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

from wildrobot_exp.errors import UserError

PROCESSES = "processes"
TARGET = "hydra_plugins.wildrobot.ProcessLauncher"  # Hydra instantiates plugins of this namespace only


@dataclasses.dataclass
class SweepConfig:
  resume: str | None


@dataclasses.dataclass
class ProcessesConf:
  """hydra.launcher.

  Attributes:
    n_jobs: jobs side by side; they share the CPUs, and a GPU's memory.
    timeout_minutes: of one attempt at a job; it is told to save, then killed. None: no limit.
    retries: attempts after the first for a job that failed or was killed; from its last checkpoint.
  """

  n_jobs: int = 1
  timeout_minutes: float | None = None
  retries: int = 0
  _target_: str = TARGET


def register_launcher() -> None:
  """Make hydra/launcher=processes known to Hydra."""
  ConfigStore.instance().store(group="hydra/launcher", name=PROCESSES, node=ProcessesConf, provider="wildrobot")


def check_launcher(launcher: DictConfig) -> None:
  """Check hydra.launcher; other launchers check themselves.

  Raises:
    UserError: a number is out of range.
  """
  if launcher.get("_target_") != TARGET:
    return
  if launcher.n_jobs < 1:
    raise UserError(f"hydra.launcher.n_jobs={launcher.n_jobs} has to be 1 or greater")
  if launcher.retries < 0:
    raise UserError(f"hydra.launcher.retries={launcher.retries} has to be 0 or greater")
  minutes = launcher.timeout_minutes
  if minutes is not None and not (math.isfinite(minutes) and minutes > 0):
    raise UserError(f"hydra.launcher.timeout_minutes={minutes} has to be greater than 0, or null for no limit")
