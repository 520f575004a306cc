"""What a training loop has measured since its last row: its means, and all of it as JSON and back to the bit."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_MAY_BE_MISSING = {  # no episode ended in an iteration, or every step of it was skipped
  *("train/return", "train/episode_steps", "train/falls"),
  *("train/policy_loss", "train/value_loss", "train/entropy_loss", "train/action_std", "train/gradient_norm"),
  *("amp/loss", "amp/logit_reference", "amp/logit_policy", "amp/accuracy_reference", "amp/accuracy_policy"),
  *("amp/gradient_penalty", "amp/gradient_norm", "amp/reward_contrast", "amp/giveaway"),
}


def to_plain(held: Mapping[str, Sequence[np.ndarray | float]]) -> dict[str, list[Any]]:
  """Lists of numbers; NaN and infinity, which JSON does not have, as words."""
  return {name: [_plain(np.asarray(value, np.float64).tolist()) for value in values] for name, values in held.items()}


def from_plain(plain: Mapping[str, Sequence[Any]]) -> dict[str, list[np.ndarray]]:
  """The metrics again, in float64. Raises ValueError."""
  return {name: [np.asarray(_numbers(value), np.float64) for value in values] for name, values in plain.items()}


def means(held: Mapping[str, Sequence[np.ndarray]]) -> dict[str, float | np.ndarray]:
  """Mean of each metric over the iterations that have one; a metric that none has is left out."""
  means: dict[str, float | np.ndarray] = {}
  for name, values in held.items():
    known = [value for value in values if not (name in _MAY_BE_MISSING and np.any(np.isnan(value)))]
    if known:
      mean = np.mean(np.asarray(known, np.float64), axis=0)
      means[name] = mean if mean.ndim else float(mean)
  return means


def _plain(value: Any) -> Any:
  if isinstance(value, list):
    return [_plain(entry) for entry in value]
  return value if np.isfinite(value) else str(value)


def _numbers(value: Any) -> Any:
  return [_numbers(entry) for entry in value] if isinstance(value, list) else float(value)
