"""Where Hydra looks for our launchers and our sweeper: plugins are in this namespace, imported at every start."""

from wildrobot_exp.sweeps.launcher import (
  ProcessLauncher,
  RayLauncher,
  SubmititLocalLauncher,
  SubmititSlurmLauncher,
  VmapLauncher,
)
from wildrobot_exp.sweeps.search import OptunaSweeper

__all__ = [
  "OptunaSweeper",
  "ProcessLauncher",
  "RayLauncher",
  "SubmititLocalLauncher",
  "SubmititSlurmLauncher",
  "VmapLauncher",
]
