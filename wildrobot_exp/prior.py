"""The motion prior of a config: its reference, its discriminator, where that one comes from, and its health."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.learning.amp import Amp, AmpState
from wildrobot_exp.learning.health import START_TABLE, Health
from wildrobot_exp.learning.rollout import Rollout
from wildrobot_exp.learning.style import Style
from wildrobot_exp.learning.update import TrainState, partial_state
from wildrobot_exp.motions import Clip
from wildrobot_exp.motions.lint import lint_clip
from wildrobot_exp.motions.reference import AmpReference, make_amp_reference
from wildrobot_exp.robots import Robot
from wildrobot_exp.start_checks import check_discriminator


def clip_warnings(cfg: Any, robot: Robot, clips: list[Clip]) -> list[str]:
  """What the gate would refuse in a user's own clips (motion=file), a line each: they may have been forced."""
  if cfg.motion.name != "file":
    return []
  found = [finding for clip in clips for finding in lint_clip(robot, clip) if finding.level == "refuse"]
  return list(dict.fromkeys(f"warning: motion.path: {finding.code}: {finding.message}" for finding in found))


def make_reference(cfg: Any, robot: Robot, clips: list[Clip]) -> AmpReference:
  """What the discriminator of a composed config takes for real."""
  amp = cfg.amp
  return make_amp_reference(robot, clips, condition=amp.condition, names=tuple(amp.features), window=amp.window)


def make_style(cfg: Any, robot: Robot, clips: list[Clip], reference: AmpReference | None = None) -> Style:
  """The style stage of a composed config with algo=ppo_amp; `reference` is what `make_reference` made of it."""
  settings = cfg.amp
  reference = reference or make_reference(cfg, robot, clips)
  width = (reference.features.shape[-1] - (settings.condition == "command")) // settings.window
  amp = Amp(
    reference.features,
    reference.floors,
    hidden=settings.hidden,
    updates=settings.updates,
    batch_size=settings.batch_size,
    replay_size=settings.replay_size,
    replay_share=settings.replay_share,
    replay_keep=settings.replay_keep,
    loss=settings.loss.name,
    style_reward=settings.loss.style_reward,
    penalty_on=settings.loss.penalty_on,
    condition=settings.condition,
    freeze=settings.freeze,
    history=(settings.window - 2, cfg.num_envs, width),
  )
  return Style(
    amp,
    robot,
    names=settings.features,
    window=settings.window,
    covered=reference.covered,
    uncovered=settings.uncovered,
  )


def with_discriminator(cfg: Any, state: TrainState) -> TrainState:
  """`state` with the discriminator and the normaliser of the run amp.discriminator, where one is named.

  Raises:
    UserError: that run has no checkpoint, or its discriminator looks at other things.
  """
  source = cfg.amp.discriminator if cfg.amp is not None else None
  if source is None:
    return state
  step = check_discriminator(cfg)
  nothing = dict.fromkeys(AmpState.__dataclass_fields__)
  wanted = AmpState(**nothing | {"params": state.amp.params, "mean": state.amp.mean, "std": state.amp.std})
  found = Checkpoints(source).restore(step, partial_state(amp=wanted), part=True).amp
  return state.replace(amp=state.amp.replace(params=found.params, mean=found.mean, std=found.std))


class HealthCheck:
  """Health, wired to a style stage: compares before training, names what gives the policy away during it.

  Raises:
    UserError: the reference makes no sense on this robot.
  """

  def __init__(self, style: Style, reference: AmpReference, run_dir: Path, say: Callable[[str], None]):
    self._style = style
    self._health = Health(
      reference.names,
      np.asarray(reference.features),
      np.asarray(reference.floors),
      reference.bounds,
      file=run_dir / START_TABLE,
      say=say,
    )
    self.columns = self._health.columns

  def start(self, state: TrainState, rollout: Rollout) -> None:
    """Raises UserError if an input of one side is broken."""
    features, mask, _ = jax.jit(self._style.features)(state.amp.history, rollout)
    self._health.start(np.asarray(features)[np.asarray(mask) > 0])
