"""From a rollout to its style reward: windows of frames, masks, score, and only then the discriminator's update."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from wildrobot_exp.learning.amp import Amp, AmpState
from wildrobot_exp.learning.hyperparameters import AmpHyperparameters
from wildrobot_exp.learning.rollout import Rollout
from wildrobot_exp.motions.features import frame_features, windows
from wildrobot_exp.robots import Robot

TOLERANCE = 1e-6  # m/s


class Style:
  """AMP's stage of an update.

  Args:
    amp: the discriminator.
    robot: the robot whose states are judged.
    names: fields of a frame, see motions.features.
    window: K frames are judged together.
    covered: lowest and highest speed of the reference, m/s.
    uncovered: what commands outside of it mean. "clamp": the discriminator is told the nearest covered speed;
      "gate": it does not see those steps and they earn no style reward; "refuse": there are none.
  """

  def __init__(
    self,
    amp: Amp,
    robot: Robot,
    *,
    names: Sequence[str],
    window: int,
    covered: tuple[float, float],
    uncovered: str,
  ):
    self.amp = amp
    self._robot = robot
    self._names = tuple(names)
    self._window = window
    self._covered = covered
    self._uncovered = uncovered

  def __call__(
    self, state: AmpState, rollout: Rollout, rng: jax.Array, hp: AmpHyperparameters
  ) -> tuple[AmpState, jax.Array, dict[str, jax.Array]]:
    """The next state, the style reward [T, N] and metrics. The reward is the old discriminator's."""
    raw, mask, history = self.features(state.history, rollout)
    features = self.amp.normalise(state, raw)
    reward, scored = self.amp.score(state, features, mask)
    flat = features.reshape(-1, features.shape[-1])
    state, learnt = self.amp.update(state, flat, rng, hp, mask.reshape(-1))
    covered = {"amp/command_covered": jnp.mean(self._is_covered(rollout.command))}
    return state.replace(history=history), reward, scored | learnt | covered

  def features(self, history: jax.Array, rollout: Rollout) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Raw features [T, N, F], mask [T, N] of those that count, and the next history.

    A window counts if all its frames are of one episode and the simulation did not explode in its last step.
    """
    extract = jax.vmap(jax.vmap(lambda s: frame_features(self._robot, s, self._names)))
    frames = jnp.concatenate([history, extract(rollout.before)])
    features = windows(frames, extract(rollout.after), self._window)
    whole = rollout.episode_steps >= self._window - 1
    mask = whole * (1.0 - rollout.invalid)
    command = rollout.command
    if self._uncovered == "gate":
      mask *= self._is_covered(command)
    if self.amp.conditioned:
      told = jnp.clip(command, *self._covered) if self._uncovered == "clamp" else command
      features = jnp.concatenate([features, told[..., None]], axis=-1)
    return features, mask, frames[len(frames) - len(history) :]

  def _is_covered(self, command: jax.Array) -> jax.Array:
    low, high = self._covered
    return ((command >= low - TOLERANCE) & (command <= high + TOLERANCE)).astype(jnp.float32)
