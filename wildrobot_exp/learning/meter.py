"""How fast it trains."""

import contextlib
import time
from collections.abc import Iterator, Mapping

STEPS, SECONDS = "steps", "seconds"


class Meter:
  """Env steps per second of training alone: evaluation and saving do not count.

  Args:
    compile_s: what compiling took, s.
    trained: by earlier starts of the same run, as `trained` gave it; empty for a new one.
  """

  def __init__(self, compile_s: float, trained: Mapping[str, float]):
    self._compile_s = compile_s
    self._steps = 0
    self._total_steps = int(trained.get(STEPS, 0))
    self._total_s = float(trained.get(SECONDS, 0.0))
    self._since_s = 0.0

  @contextlib.contextmanager
  def training(self, steps: int) -> Iterator[None]:
    """While inside, `steps` env steps are made."""
    started = time.monotonic()
    yield
    self._since_s += time.monotonic() - started
    self._steps += steps

  def speed(self) -> dict[str, float]:
    """Columns of a row: the speed since the last call, and the compile time."""
    rate = self._steps / self._since_s
    self._total_steps += self._steps
    self._total_s += self._since_s
    self._steps, self._since_s = 0, 0.0
    return {"perf/steps_per_s": rate, "perf/compile_s": self._compile_s}

  def trained(self) -> dict[str, float]:
    """Steps and seconds of training so far, those of earlier starts included."""
    return {STEPS: self._total_steps + self._steps, SECONDS: self._total_s + self._since_s}

  def numbers(self) -> dict[str, float]:
    """train_wall_s and steps_per_s of all starts of the run, compile_s of this one."""
    steps, seconds = self.trained().values()
    return {"train_wall_s": seconds, "steps_per_s": steps / seconds if seconds else 0.0, "compile_s": self._compile_s}
