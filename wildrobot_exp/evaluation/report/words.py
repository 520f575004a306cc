"""Numbers of evaluation.json in words: rates, their intervals, and pairs of feet."""

from typing import Any

from wildrobot_exp.evaluation.report.run_files import number


def pair_of(value: Any) -> tuple[float, float] | None:
  """(right, left) if both are finite numbers."""
  if not isinstance(value, list | tuple) or len(value) != 2:
    return None
  right, left = (number(item) for item in value)
  return None if right is None or left is None else (right, left)


def interval(pair: Any) -> str:
  """A 95 % confidence interval of a rate in words; empty without one."""
  ends = interval_ends(pair)
  return f"95% interval {ends}" if ends else ""


def interval_ends(pair: Any) -> str:
  """Both ends of an interval of a rate, like 84–100%; empty without one."""
  pair = pair_of(pair)
  return f"{100 * pair[0]:.0f}–{pair[1]:.0%}" if pair else ""


def percent(share: float) -> str:
  """A share in words: whole percents, one decimal where that would hide a miss."""
  return f"{share:.0%}" if round(100 * share, 1) == round(100 * share) else f"{share:.1%}"
