"""What a training loop has measured since its last row, as JSON and back to the bit."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def to_plain(held: Mapping[str, Sequence[np.ndarray | float]]) -> dict[str, list[Any]]:
  """Lists of numbers; NaN and infinity, which JSON does not have, as words."""
  return {name: [_plain(np.asarray(value, np.float64).tolist()) for value in values] for name, values in held.items()}


def from_plain(plain: Mapping[str, Sequence[Any]]) -> dict[str, list[np.ndarray]]:
  """The metrics again, in float64. Raises ValueError."""
  return {name: [np.asarray(_numbers(value), np.float64) for value in values] for name, values in plain.items()}


def _plain(value: Any) -> Any:
  if isinstance(value, list):
    return [_plain(entry) for entry in value]
  return value if np.isfinite(value) else str(value)


def _numbers(value: Any) -> Any:
  return [_numbers(entry) for entry in value] if isinstance(value, list) else float(value)
