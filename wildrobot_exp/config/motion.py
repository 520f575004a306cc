"""Checks of the section `motion`."""

from wildrobot_exp.config.schema import MOTIONS, MotionConfig
from wildrobot_exp.errors import UserError


def check_motion(motion: MotionConfig) -> None:
  """Refuse keys that the source of the clips does not read, and those it lacks.

  Raises:
    UserError: the first problem found.
  """
  reads = MOTIONS[motion.name]
  for key in dict.fromkeys(key for keys in MOTIONS.values() for key in keys):
    value = getattr(motion, key)
    if key in reads and value is None:
      example = "walk.npz" if key == "path" else "..."
      raise UserError(f"motion.{key} is missing: motion={motion.name} needs it, motion.{key}={example}")
    if key not in reads and value is not None:
      sources = " or ".join(name for name, keys in MOTIONS.items() if key in keys)
      raise UserError(f"motion.{key} has no meaning with motion={motion.name}: drop it, or use motion={sources}")
  speeds = motion.speeds
  if speeds is None:
    return
  if not speeds:
    raise UserError("motion.speeds is empty: name at least one speed, motion.speeds=[0.0,0.3]")
  if any(b <= a for a, b in zip(speeds, speeds[1:])):
    raise UserError(f"motion.speeds={speeds} has to increase: use {sorted(set(speeds))}")


def clip_speeds(motion: MotionConfig) -> list[float]:
  """The speeds of the clips, slowest first, m/s. Reads the files of motion=file.

  Raises:
    UserError: a file cannot be read.
  """
  if motion.speeds is not None:
    return motion.speeds
  from wildrobot_exp.motions.files import load_clips  # MuJoCo, only where files are read

  return [clip.speed for clip in load_clips(motion.path)]


def how_to_widen(motion: MotionConfig) -> str:
  """What to do about commands faster or slower than the clips."""
  return "add clips to motion.path" if motion.speeds is None else "widen motion.speeds"
