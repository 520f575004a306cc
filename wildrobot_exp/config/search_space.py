"""What a search varies, in Hydra's own override grammar: interval, range, choice, a,b and tag(log, ...)."""

import dataclasses
import itertools
import math
from collections.abc import Sequence

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

from wildrobot_exp.config.keys import OPEN, TYPES
from wildrobot_exp.errors import UserError

DIGITS = 6  # significant ones of a float: what is typed for a job is what is run and reported
MOST_CELLS = 12  # checked before the start, where all combinations of ends and choices are not more


@dataclasses.dataclass(frozen=True)
class Searched:
  """One searched key.

  Attributes:
    key: as typed, with a + before a new one.
    kind: "float", "int" or "choice".
    low, high: both included; None for a choice.
    step: between values; None for a choice or a continuous range.
    log: search the logarithm.
    choices: as typed after the =; empty for numbers.
  """

  key: str
  kind: str
  low: float | int | None = None
  high: float | int | None = None
  step: float | int | None = None
  log: bool = False
  choices: tuple[str, ...] = ()

  def override(self, value: float | int | str) -> str:
    """What to type for one job."""
    if self.kind == "float":
      value = min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)
    return f"{self.key}={value}"

  def ends(self) -> list[str]:
    """The overrides of every choice, or of both ends and, where there are steps, of the first step."""
    if self.choices:
      return [self.override(value) for value in self.choices]
    second = [] if self.step in (None, 1) else [min(self.low + self.step, self.high)]
    return [self.override(value) for value in dict.fromkeys([self.low, *second, self.high])]

  def __str__(self) -> str:
    """In words that do not depend on how it was typed."""
    if self.kind == "choice":
      return f"{self.key}: one of {', '.join(self.choices)}"
    step = "" if self.step in (None, 1) else f" in steps of {self.step}"
    return f"{self.key}: {self.kind} from {self.low} to {self.high}{step}{', log' if self.log else ''}"


def read_space(params: Sequence[Override], typed: Sequence[Override]) -> tuple[list[Searched], list[str]]:
  """What is searched, and the other overrides, which are the same for every job.

  Args:
    params: from hydra.sweeper.params; what is typed wins over them.
    typed: of the command line.

  Raises:
    UserError: nothing is searched, or a range is not one.
  """
  keys = [override.key_or_group for override in typed]
  space: list[Searched] = []
  fixed: list[str] = []
  for override in [*(one for one in params if one.key_or_group not in keys), *typed]:
    if override.is_sweep_override():
      if keys.count(override.key_or_group) > 1:
        raise UserError(f"{override.key_or_group} is typed twice: leave one out")
      space.append(_searched(override))
    else:
      fixed.append(str(override.input_line))
  if not space:
    raise UserError("nothing to search: give a key a range, for example amp.weight=interval(0.1,2)")
  return space, fixed


def corners(space: Sequence[Searched]) -> list[list[str]]:
  """Overrides of the jobs to check before a search starts: all combinations of ends and choices.

  Where these are many: the ends and choices of each key with the first, and with the last, of the others.
  """
  ends = [dim.ends() for dim in space]
  if math.prod(map(len, ends)) <= MOST_CELLS:
    return [list(cell) for cell in itertools.product(*ends)]
  cells = []
  for base in ([end[0] for end in ends], [end[-1] for end in ends]):
    cells += [[*base[:i], value, *base[i + 1 :]] for i, end in enumerate(ends) for value in end]
  return [list(cell) for cell in dict.fromkeys(map(tuple, cells))]


def _searched(override: Override) -> Searched:
  line, key, value = override.input_line, override.get_key_element(), override.value()
  tags = getattr(value, "tags", set())
  if tags - {"log"}:
    raise UserError(f"{line}: unknown tag {', '.join(sorted(tags - {'log'}))}; known: log")
  if not isinstance(value, IntervalSweep | RangeSweep):
    choices = tuple(dict.fromkeys(override.sweep_string_iterator()))
    if tags:
      raise UserError(f"{line}: tag(log,...) is for interval and range")
    if not choices:
      raise UserError(f"{line} has no value: nothing matches")
    return Searched(key, "choice", choices=choices)
  name = override.key_or_group
  hint = float if name.startswith(tuple(f"{section}." for section in OPEN)) else TYPES.get(name)
  if hint not in (int, float):
    raise UserError(f"{line}: {name} is not a number; use {name}=choice(...)")
  searched = _range(override, value) if isinstance(value, RangeSweep) else _interval(override, value, hint)
  if hint is int and searched.kind != "int":
    raise UserError(f"{line}: {name} is a whole number: use whole numbers")
  if searched.log and searched.low <= 0:
    raise UserError(f"{line}: a logarithm needs a start greater than 0")
  if searched.log and searched.step not in (None, 1):
    raise UserError(f"{line}: tag(log,...) goes without a step")
  return searched


def _interval(override: Override, value: IntervalSweep, hint: type) -> Searched:
  line, low, high = override.input_line, value.start, value.end
  if not (math.isfinite(low) and math.isfinite(high)):
    raise UserError(f"{line}: both ends have to be finite numbers")
  if low >= high:
    raise UserError(f"{line} is empty: the first number has to be the smaller one")
  log = "log" in value.tags
  key, cast_to_int = override.get_key_element(), "int(" in override.input_line.partition("=")[2]
  if (hint is int or cast_to_int) and float(low).is_integer() and float(high).is_integer():
    return Searched(key, "int", int(low), int(high), 1, log)
  return Searched(key, "float", float(low), float(high), None, log)


def _range(override: Override, value: RangeSweep) -> Searched:
  """Hydra's range leaves its stop out."""
  line, key = override.input_line, override.get_key_element()
  if not all(math.isfinite(number) for number in (value.start, value.stop, value.step)) or not value.step:
    raise UserError(f"{line}: start and stop have to be finite, and the step not 0")
  values = sorted(value.range() if isinstance(value.range(), range) else (round(one, 12) for one in value.range()))
  if not values:
    raise UserError(f"{line} is empty")
  low, high, step, log = values[0], values[-1], abs(value.step), "log" in value.tags
  if all(isinstance(number, int) for number in (low, high, step)):
    return Searched(key, "int", low, high, step, log)
  return Searched(key, "float", float(low), float(high), float(step), log)
