"""What a walking policy has to reach, and whether this one does."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from wildrobot_exp.evaluation.report import criteria
from wildrobot_exp.evaluation.report.criteria import Goal

LATER_GOALS = (  # what a robot that walks may still lack
  "Top speed",
  "Push recovery",
  "Changed worlds",
  "Other engine",
  "Exported policy",
)
GAIT_GOALS = ("Stride frequency", "Swing clearance")  # what tells a walk from a shuffle


@dataclasses.dataclass(frozen=True)
class Verdict:
  """The one thing to know first.

  Attributes:
    text: a few words.
    tone: good, mixed, bad or open.
  """

  text: str
  tone: str


def judge(
  evaluation: Mapping[str, Any] | None, reference_hz: float | None, export: Mapping[str, Any] | None = None
) -> list[Goal]:
  """All goals, always in the same order.

  Args:
    evaluation: evaluation.json, any block may be missing.
    reference_hz: strides per second of the reference motion, None without one.
    export: policy.json of the exported policy, None without one.
  """
  evaluation = evaluation or {}
  gait = criteria.block(evaluation, "gait")
  return [
    criteria.survival(evaluation),
    criteria.vx_error(evaluation),
    criteria.long_walk(criteria.block(evaluation, "long_walk")),
    criteria.frequency(gait, reference_hz),
    criteria.clearance(gait),
    criteria.left_right(gait),
    criteria.drift(evaluation),
    criteria.effort(evaluation, "Joint torque", "torque_mean_nm", criteria.TORQUE, "N m"),
    criteria.effort(evaluation, "Power", "power_mean_w", criteria.POWER, "W"),
    criteria.top_speed(evaluation),
    criteria.pushes(evaluation.get("pushes")),
    criteria.worlds(evaluation.get("worlds")),
    criteria.other_engine(evaluation),
    criteria.exported(export or {}),
  ]


def verdict(goals: Sequence[Goal]) -> Verdict:
  """Does the robot walk? It falls, or ignores the command, or misses goals, or walks.

  A shuffle survives and follows the command too, so without its gait nothing is called walking.
  A robot walks even if it is slow, or a push or another world fells it, but that is said with it.
  """
  lacking = [goal.name.lower() for goal in goals if goal.name in LATER_GOALS and goal.met is False]
  goals = [goal for goal in goals if goal.name not in LATER_GOALS]
  survival, vx_error, *_ = goals
  missed = [goal.name.lower() for goal in goals if goal.met is False]
  open_goals = [goal for goal in goals if goal.met is None]
  if survival.value is None or vx_error.value is None:
    return Verdict("Not evaluated", "open")
  if not survival.met:
    return Verdict("Falls", "bad")
  if vx_error.bad:
    return Verdict("Stays up, but misses the commanded speed", "bad")
  if missed:
    return Verdict(f"Moves as commanded, but misses: {', '.join(missed)}", "mixed")
  if any(goal.name in GAIT_GOALS for goal in open_goals):
    return Verdict("Moves as commanded, but its gait was not judged", "mixed")
  text = "Walks, as far as measured" if open_goals else "Walks"
  if lacking:
    text += f", but is not there yet: {', '.join(lacking)}"
  return Verdict(text, "mixed" if open_goals or lacking else "good")
