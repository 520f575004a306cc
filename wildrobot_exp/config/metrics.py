"""The numbers of a run's result, for gates and searches: which way is good, and whether a config measures them."""

from collections.abc import Callable

from wildrobot_exp.config.schema import Config
from wildrobot_exp.errors import UserError, unknown_name

MAXIMIZE, MINIMIZE = DIRECTIONS = ("maximize", "minimize")
METRICS: dict[str, str | None] = {  # number of a run's result: its good direction, None where that depends
  "survival": MAXIMIZE,
  "vx_error": MINIMIZE,
  "stochastic_survival": MAXIMIZE,
  "fine_timestep_survival": MAXIMIZE,
  "return": MAXIMIZE,
  "zero_action_return": None,
  "zero_action_survival": None,
  "random_policy_return": None,
  "random_policy_survival": None,
  "long_walk_completed": MAXIMIZE,
  "push_lateral_10n_recovered": MAXIMIZE,
  "push_forward_10n_recovered": MAXIMIZE,
  "worst_world_survival": MAXIMIZE,
  "torque_mean_nm": MINIMIZE,
  "power_mean_w": MINIMIZE,
  "drift_at_zero_m": MINIMIZE,
  "stride_frequency_hz": None,
  "swing_clearance_m": None,
  "symmetry": MAXIMIZE,
  "classifier_auc": MINIMIZE,
  "feature_distance": MINIMIZE,
  "joint_rms_rad": MINIMIZE,
  "train_return_gain": MAXIMIZE,
  "env_steps": None,
  "invalid_states": MINIMIZE,
  "train_wall_s": MINIMIZE,
  "steps_per_s": MAXIMIZE,
  "compile_s": MINIMIZE,
  "wall_s": MINIMIZE,
}
SETTLE_SECONDS = 1.0  # of an episode that are not measured, and
GAIT_SECONDS = 2.0  # how much longer one lasts that says something about the gait: as in evaluation, see the tests
TOLERANCE = 1e-9  # s

Needs = tuple[Callable[[Config], bool], str]  # what has to hold, and how to make it so
_NOT_BRAX: Needs = (lambda cfg: cfg.algo.name != "brax_ppo", "algo=brax_ppo does not tell: use algo=ppo")
_PUSHES: Needs = (lambda cfg: cfg.evaluation.pushes.enabled, "set evaluation.pushes.enabled=true")
_FORWARD: Needs = (lambda cfg: cfg.env.command.vx[1] > 0, "it is measured walking forward: raise env.command.vx")


def _lasts(seconds: Callable[[Config], float], words: str) -> Needs:
  fix = f"set evaluation.episode_seconds to {words} or more"
  return lambda cfg: cfg.evaluation.episode_seconds > seconds(cfg) - TOLERANCE, fix


_SETTLED = _lasts(lambda cfg: SETTLE_SECONDS + cfg.env.control_dt, f"{SETTLE_SECONDS:g} + env.control_dt")
_CYCLE = _lasts(lambda cfg: SETTLE_SECONDS + cfg.env.gait_period, f"{SETTLE_SECONDS:g} + env.gait_period")
_GAIT = _lasts(lambda cfg: SETTLE_SECONDS + GAIT_SECONDS, f"{SETTLE_SECONDS + GAIT_SECONDS:g}")
NEEDS: dict[str, tuple[Needs, ...]] = {
  "vx_error": (_CYCLE,),
  "long_walk_completed": ((lambda cfg: cfg.evaluation.long_walk.enabled, "set evaluation.long_walk.enabled=true"),),
  "push_lateral_10n_recovered": (_PUSHES,),
  "push_forward_10n_recovered": (_PUSHES,),
  "worst_world_survival": ((lambda cfg: cfg.evaluation.worlds.enabled, "set evaluation.worlds.enabled=true"),),
  "torque_mean_nm": (_SETTLED,),
  "power_mean_w": (_SETTLED,),
  "drift_at_zero_m": ((lambda cfg: stands(cfg), "the robot never has to stand: set env.command.zero_share=0.1"),),
  "stride_frequency_hz": (_GAIT,),
  "swing_clearance_m": (_GAIT,),
  "symmetry": (_GAIT,),
  "classifier_auc": (_SETTLED, _FORWARD),
  "feature_distance": (_SETTLED, _FORWARD),
  "joint_rms_rad": (_SETTLED, _FORWARD),
  "train_return_gain": (_NOT_BRAX,),
  "invalid_states": (_NOT_BRAX,),
  "compile_s": (_NOT_BRAX,),
}


def stands(cfg: Config) -> bool:
  """Whether 0 m/s is among the commands."""
  low, high = cfg.env.command.vx
  return cfg.env.command.zero_share > 0 or low <= 0 <= high


def why_not_measured(name: str, cfg: Config) -> str | None:
  """What to change so that a run has this number of METRICS; None: nothing, the config measures it.

  A run may lack it all the same: a policy that falls at once has no gait.
  """
  return next((fix for holds, fix in NEEDS.get(name, ()) if not holds(cfg)), None)


def check_measured(what: str, name: str, cfg: Config) -> None:
  """Refuse a number that no run of a config will have.

  Args:
    what: names it in the message, "gate".
    name: of the number.
    cfg: the config.

  Raises:
    UserError: it is unknown, or not measured.
  """
  if name not in METRICS:
    raise unknown_name(what, name, METRICS)
  if (fix := why_not_measured(name, cfg)) is not None:
    raise UserError(f"{what} {name!r} is not measured by this config: {fix}")
