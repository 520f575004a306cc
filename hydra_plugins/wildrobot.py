"""Where Hydra looks for the launcher `processes`: it takes plugins from this namespace only."""

from wildrobot_exp.sweeps.launcher import ProcessLauncher

__all__ = ["ProcessLauncher"]
