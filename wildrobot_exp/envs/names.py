"""The names conf/ may use, with their parameters, for checks that run before anything is built."""

from wildrobot_exp.envs.observations import OBSERVATIONS as _OBSERVATIONS
from wildrobot_exp.envs.rewards import REWARDS as _REWARDS
from wildrobot_exp.envs.terminations import TERMINATIONS as _TERMINATIONS

REWARDS = {name: _REWARDS.parameters(name) for name in _REWARDS}
OBSERVATIONS = {name: _OBSERVATIONS.parameters(name) for name in _OBSERVATIONS}
TERMINATIONS = {name: _TERMINATIONS.parameters(name) for name in _TERMINATIONS}
