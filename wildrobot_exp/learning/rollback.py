"""When optimiser steps go on being skipped: back to the last checkpoint, and on from there more slowly."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wildrobot_exp.errors import RunFailed, UserError
from wildrobot_exp.json_files import write_json

SLOWER = 0.5  # times the learning rate, with every rollback
MOST_ROLLBACKS = 3  # of a run; then it fails
FILE = "rollbacks.json"
RATES = {"train/skipped_updates": "algo.learning_rate", "amp/skipped_updates": "amp.learning_rate"}


class Diverged(RunFailed):
  """Losses or gradients were not finite, update after update."""


class Rollbacks:
  """Counts updates with a skipped step, and remembers how often the run went back.

  Args:
    after: so many such updates in a row are too many.
    file: the rollbacks made, so that a resumed run goes on at the lowered rates; None to keep no file.
    go_on: the run is resumed; otherwise the file is an older run's, and removed.

  Attributes:
    streak: updates with a skipped step in a row, up to now.
    made: rollbacks of this run.
  """

  def __init__(self, after: int, file: Path | None = None, *, go_on: bool = False):
    self._after = after
    self._file = file
    self._bad: set[str] = set()
    self.streak = 0
    self.made: list[dict[str, Any]] = []
    if file is not None and file.exists():
      if go_on:
        self.made = read_rollbacks(file)
      else:
        file.unlink()

  @property
  def factors(self) -> dict[str, float]:
    """What the learning rates are multiplied by, by config key."""
    return {key: SLOWER ** sum(key in row["lowered"] for row in self.made) for key in RATES.values()}

  def watch(self, metrics: Mapping[str, np.ndarray], done: int) -> None:
    """After every update, at `done` env steps. Raises Diverged once too many in a row had a skipped step."""
    bad = {key for name, key in RATES.items() if _is_told(name, metrics) and metrics[name] > 0}
    self.streak = self.streak + 1 if bad else 0
    self._bad = self._bad | bad if bad else set()
    if self.streak >= self._after:
      raise Diverged(
        f"losses or gradients were not finite in {self.streak} updates in a row, at step {done}:"
        f" lower {' and '.join(sorted(self._bad))}"
      )

  def books(self) -> dict[str, Any]:
    """What a resumed run has to know of the updates before, for JSON."""
    return {"streak": self.streak, "bad": sorted(self._bad)}

  def go_on(self, books: Mapping[str, Any]) -> None:
    """From what `books` gave; {}: from nothing."""
    self.streak, self._bad = int(books.get("streak", 0)), set(books.get("bad", ()))

  def back(self, done: int, to_step: int) -> str:
    """The run goes back from one step to another.

    Returns:
      A line that says so.
    """
    lowered = sorted(self._bad)
    self.made.append({"from_step": done, "to_step": to_step, "lowered": lowered})
    self.streak, self._bad = 0, set()
    unwritten = ""
    if self._file is not None:
      try:
        write_json(self._file, {"schema": 1, "rollbacks": self.made})
      except OSError as refused:
        unwritten = f"; {FILE} could not be written ({refused.strerror}): a resumed run would go on at the old rates"
    rates = " and ".join(f"{key} times {self.factors[key]:g}" for key in lowered)
    return (
      f"warning: losses or gradients were not finite, update after update: back from step {done} to the checkpoint"
      f" of step {to_step}, with {rates} (rollback {len(self.made)} of at most {MOST_ROLLBACKS}){unwritten}"
    )


def read_rollbacks(file: Path) -> list[dict[str, Any]]:
  """The rollbacks that a file holds.

  Raises:
    UserError: it is damaged.
  """
  try:
    rows = json.loads(file.read_text())["rollbacks"]
    if all(isinstance(row["lowered"], list) and {"from_step", "to_step"} <= row.keys() for row in rows):
      return list(rows)
  except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
    pass
  raise UserError(f"{file} is damaged: restore it, or remove it to go on at the config's learning rates")


def _is_told(name: str, metrics: Mapping[str, np.ndarray]) -> bool:
  """Whether a metric has to be there: all but AMP's, which plain PPO lacks."""
  group = name.partition("/")[0]
  return group == "train" or any(other.startswith(f"{group}/") for other in metrics)
