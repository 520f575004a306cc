"""How a job ended: one line and an exit code for what went wrong, and the gates its numbers have to hold."""

import math
import pathlib
import shlex
import traceback
from collections.abc import Mapping
from numbers import Real
from typing import Any

from wildrobot_exp.config.explain import one_line
from wildrobot_exp.config.resume import resume_command
from wildrobot_exp.errors import RunFailed, UserError

ERROR_LOG = "error.log"


def hold_gates(numbers: Mapping[str, Any], gates: Mapping[str, Mapping[str, float]], folder: pathlib.Path) -> None:
  """Raises RunFailed if a run with these numbers misses a gate; see `missed_gates`."""
  missed = missed_gates(numbers, gates)
  if missed:
    raise RunFailed(f"gate missed: {'; '.join(missed)} (everything is in {folder})")


def missed_gates(numbers: Mapping[str, Any], gates: Mapping[str, Mapping[str, float]]) -> list[str]:
  """What a run fell short of, in words; empty if it holds every gate. A missing number is a miss.

  Args:
    numbers: the run's result.
    gates: name of a number -> {"min": lowest allowed, "max": highest allowed}, either one.
  """
  missed = []
  known = scalars(numbers)
  for name, bounds in gates.items():
    value = known.get(name)
    if value is None:
      missed.append(f"{name} is missing from the result")
    elif value < bounds.get("min", -math.inf):
      missed.append(f"{name}={value:.4g} is below {bounds['min']:g}")
    elif value > bounds.get("max", math.inf):
      missed.append(f"{name}={value:.4g} is above {bounds['max']:g}")
  return missed


def describe(error: Exception, folder: pathlib.Path) -> tuple[str, int]:
  """One line about an error, and the exit code. The unexpected leaves its traceback in error.log."""
  if isinstance(error, UserError):
    return one_line(error), 2
  if isinstance(error, RunFailed):
    return one_line(error), 1
  log = folder / ERROR_LOG
  where = f"traceback: {log}"
  try:
    log.write_text("".join(traceback.format_exception(error)))
  except OSError as refused:
    where = f"its traceback could not be written: {refused.strerror}"
  return f"{type(error).__name__}: {one_line(error)[:300]} ({where}; {what_is_left(folder)})", 1


def what_is_left(folder: pathlib.Path) -> str:
  """What of a run that was cut short is saved, and what to type with it."""
  from wildrobot_exp.checkpoints import Checkpoints  # imports NumPy

  checkpoints = Checkpoints(folder)
  good = [step for step in checkpoints.steps() if checkpoints.damage(step) is None]
  if not good:
    return "nothing was saved yet"
  algo = checkpoints.info(good[-1])["config"].get("algo")
  if isinstance(algo, dict) and algo.get("name") == "brax_ppo":
    return f"trained and saved up to step {good[-1]}: {shlex.join(['wildrobot', 'eval', str(folder)])}"
  return f"saved up to step {good[-1]}, what came after it is lost; to go on: {resume_command(folder)}"


def scalars(numbers: Mapping[str, Any]) -> dict[str, float | None]:
  """The top-level numbers of a result as floats; None where one is not finite."""
  scalars = {key: float(value) for key, value in numbers.items() if isinstance(value, Real)}
  return {key: value if math.isfinite(value) else None for key, value in scalars.items()}
