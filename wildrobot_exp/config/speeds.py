"""Which forward speeds are trained, and which of them an evaluation measures: one rule for all who command a robot."""

import dataclasses
import math
from collections.abc import Sequence

from wildrobot_exp.config.schema import Config
from wildrobot_exp.errors import UserError

GRID = 7  # evenly spaced speeds of an evaluation, before 0 joins them and untrained ones give way
DIGITS = 9  # of a speed in m/s; more is the noise of its arithmetic


@dataclasses.dataclass(frozen=True)
class TrainedSpeeds:
  """The speeds from `low` to `high` that are no slower than `slowest`, and 0 if `zero`.

  Attributes:
    low, high: the range that commands are drawn from, m/s.
    slowest: m/s, at most the larger magnitude of `low` and `high`.
    zero: whether 0 is among the commands.
  """

  low: float
  high: float
  slowest: float
  zero: bool

  def nearest(self, speed: float) -> float:
    """The trained speed nearest to a finite one, m/s; of two the faster, as in training."""
    candidates = [min(max(speed, low), high) for low, high in self._spans()]
    nearest = min(candidates, key=lambda one: (round(abs(one - speed), DIGITS), -abs(one)))
    return round(nearest, DIGITS) + 0.0  # -0.0 is 0.0

  def forward(self, speed: float) -> float | None:
    """The trained speed above 0 nearest to one above 0, m/s; None if the robot never walks forward."""
    low = max(self.low, self.slowest)
    return round(min(max(speed, low), self.high), DIGITS) if 0 < self.high >= low else None

  def grid(self) -> list[float]:
    """The speeds of an evaluation in rising order, m/s: evenly spaced, with both ends and 0 where they are trained."""
    even = [self.low + (self.high - self.low) * i / (GRID - 1) for i in range(GRID)]
    return sorted({self.nearest(round(speed, DIGITS)) for speed in (even + [0.0] if self.zero else even)})

  def instead(self, speed: float) -> str | None:
    """What a robot that is asked for an untrained speed does instead, in words; None where the speed is trained."""
    nearest = self.nearest(speed)
    return None if math.isclose(nearest, speed, abs_tol=1e-6) else f"trained for {self}; begins with {nearest:g}"

  def __str__(self) -> str:
    """As in "0 and 0.05 to 0.3 m/s"."""
    words = [f"{low:g} to {high:g}" if low < high else f"{low:g}" for low, high in self._spans()]
    return f"{' and '.join(words)} m/s"

  def _spans(self) -> list[tuple[float, float]]:
    """The trained intervals in rising order, ends included."""
    if not self.slowest:
      spans = [(self.low, self.high)]
    else:
      ends = [(self.low, min(self.high, -self.slowest)), (max(self.low, self.slowest), self.high)]
      spans = [(low, high) for low, high in ends if low <= high]
    if self.zero and not any(low <= 0 <= high for low, high in spans):
      spans.append((0.0, 0.0))
    return sorted(spans)


def trained_speeds(vx: Sequence[float], zero_share: float, slowest: float) -> TrainedSpeeds:
  """What the three keys of `env.command` make of each other; slow draws become `slowest` or 0, whichever is nearer."""
  low, high = vx
  drawn_as_zero = low < slowest / 2 and high > -slowest / 2
  return TrainedSpeeds(low, high, slowest, zero=zero_share > 0 or low <= 0 <= high or drawn_as_zero)


def check_speeds(cfg: Config) -> None:
  """Refuse an evaluation that would leave out speeds of its grid, or walk at a speed that is never trained.

  Raises:
    UserError: the first problem found.
  """
  command, evaluation = cfg.env.command, cfg.evaluation
  speeds = trained_speeds(command.vx, command.zero_share, command.slowest)
  count = len(speeds.grid())
  if evaluation.episodes < count:
    raise UserError(
      f"evaluation.episodes={evaluation.episodes} is less than one for each of the {count} speeds measured in"
      f" env.command.vx={command.vx}: use at least {count}"
    )
  if not (evaluation.long_walk.enabled or evaluation.pushes.enabled):
    return
  speed = evaluation.long_walk.speed
  nearest = speeds.forward(speed)
  if nearest is None:
    raise UserError(
      f"the long walk and the pushes need a forward speed, and env.command.vx={command.vx} trains none:"
      " use evaluation.long_walk.enabled=false evaluation.pushes.enabled=false"
    )
  if not math.isclose(nearest, speed, abs_tol=1e-6):
    raise UserError(
      f"evaluation.long_walk.speed={speed}, also of the pushes, is never trained with env.command.vx={command.vx}"
      f" ({speeds}): use evaluation.long_walk.speed={nearest:g}"
    )
