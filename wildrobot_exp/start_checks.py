"""What a run would be refused for at its start, asked before anything is written or compiled. Imports no JAX."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.config.memory import check_memory
from wildrobot_exp.config.schema import Config
from wildrobot_exp.errors import UserError
from wildrobot_exp.motions.sources import make_clips
from wildrobot_exp.robots import load_robot

SAME = ("features", "window", "condition", "hidden")  # a discriminator only fits a run with the same of these


def check_starts(configs: Iterable[Config], *, here: bool = True) -> None:
  """Refuse configs whose motion the robot cannot perform, or whose discriminator is of something else.

  Args:
    configs: of the jobs.
    here: they run on this machine: refuse also what does not fit into its memory.

  Raises:
    UserError: the first problem found.
  """
  motions: list[tuple[Any, ...]] = []
  sources: list[tuple[Any, ...]] = []
  for cfg in configs:
    if here:
      check_memory(cfg)
    motion = (dataclasses.astuple(cfg.motion), cfg.env.control_dt)
    if motion not in motions:
      motions.append(motion)
      make_clips(cfg.motion, load_robot(cfg.env.control_dt, cfg.env.timestep))
    if cfg.amp is not None and cfg.amp.discriminator is not None and cfg.resume is None:
      source = dataclasses.astuple(cfg.amp)
      if source not in sources:
        sources.append(source)
        check_discriminator(cfg)


def check_discriminator(cfg: Any) -> int:
  """The step of the checkpoint that amp.discriminator starts from.

  Raises:
    UserError: that run has no good checkpoint, or its discriminator looks at other things.
  """
  source = cfg.amp.discriminator
  checkpoints = Checkpoints(source)
  step = checkpoints.resolve("latest")
  theirs = checkpoints.info(step)["config"].get("amp")
  if theirs is None:
    raise UserError(f"amp.discriminator={source} has no discriminator: name a run of algo=ppo_amp")
  for key in SAME:
    ours = getattr(cfg.amp, key)
    ours = list(ours) if key in ("features", "hidden") else ours
    if theirs.get(key) != ours:
      raise UserError(f"amp.discriminator={source} was trained with amp.{key}={theirs.get(key)}, this run has {ours}")
  loss = (theirs.get("loss") or {}).get("name")
  if loss != cfg.amp.loss.name:
    raise UserError(f"amp.discriminator={source} was trained with amp/loss={loss}, this run has {cfg.amp.loss.name}")
  return step
