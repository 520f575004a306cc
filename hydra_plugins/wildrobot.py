"""Where Hydra looks for the launcher `processes` and the sweeper `optuna`: plugins are in this namespace."""

from wildrobot_exp.sweeps.launcher import ProcessLauncher
from wildrobot_exp.sweeps.search import OptunaSweeper

__all__ = ["OptunaSweeper", "ProcessLauncher"]
