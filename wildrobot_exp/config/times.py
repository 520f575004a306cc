"""Checks of the config's times: physics steps fill control steps, and nothing is shorter than one."""

from wildrobot_exp.config.schema import Config
from wildrobot_exp.errors import UserError

TOLERANCE = 1e-9  # s, or m/s
MOST_SUBSTEPS = 1000
MAX_SUBSTEPS = 100  # to look through for a round timestep


def check_times(cfg: Config) -> None:
  """Raises UserError for times that do not fit together."""
  env = cfg.env
  _check_divides(cfg, "env.timestep", env.timestep)
  _check_divides(cfg, "evaluation.fine_timestep", cfg.evaluation.fine_timestep)
  if cfg.evaluation.fine_timestep > env.timestep + TOLERANCE:
    raise UserError(
      f"evaluation.fine_timestep={cfg.evaluation.fine_timestep} is coarser than"
      f" env.timestep={env.timestep}: use {env.timestep} or less"
    )
  for key, seconds in (
    ("env.episode_seconds", env.episode_seconds),
    ("env.command.resample_seconds", env.command.resample_seconds),
    ("evaluation.episode_seconds", cfg.evaluation.episode_seconds),
  ):
    if seconds < env.control_dt:
      raise UserError(f"{key}={seconds} is shorter than one control step: use at least {env.control_dt}")


def _check_divides(cfg: Config, key: str, timestep: float) -> None:
  period = cfg.env.control_dt
  count = period / timestep
  if count > MOST_SUBSTEPS:
    raise UserError(
      f"{key}={timestep} is {count:.3g} physics steps per control step: use at least {period / MOST_SUBSTEPS:g}"
    )
  if round(count) < 1 or abs(round(count) * timestep - period) > TOLERANCE:
    round_steps = [n for n in range(1, MAX_SUBSTEPS) if abs(round(period / n, 6) * n - period) < TOLERANCE]
    near = round(period / min(round_steps, key=lambda n: abs(n - count), default=1), 6)
    raise UserError(f"{key}={timestep} does not divide env.control_dt={period}: use {near}")
