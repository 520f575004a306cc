"""Where Hydra looks for our launchers: it takes plugins from this namespace only, and imports it at every start."""

from wildrobot_exp.sweeps.launcher import (
  ProcessLauncher,
  RayLauncher,
  SubmititLocalLauncher,
  SubmititSlurmLauncher,
  VmapLauncher,
)

__all__ = ["ProcessLauncher", "RayLauncher", "SubmititLocalLauncher", "SubmititSlurmLauncher", "VmapLauncher"]
