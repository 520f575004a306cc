"""What a check of a clip says."""

import dataclasses
from typing import Literal

CODES = (
  "joint-names",
  "quaternion-order",
  "duplicate-frames",
  "seam-jump",
  "zero-channel",
  "joint-limit",
  "joint-speed",
  "foot-slip",
  "penetration",
  "zmp",
  "torque",
  "fps-missing",
  "pickle",
  "source-missing",
)
Level = Literal["ok", "warn", "refuse"]


@dataclasses.dataclass(frozen=True)
class Finding:
  """The verdict of one check.

  Attributes:
    code: which check, one of CODES.
    level: ok, warn (use it knowing this) or refuse (do not train on it).
    message: what was seen, where, and what to do.
  """

  code: str
  level: Level
  message: str

  def __str__(self) -> str:
    return f"{self.code:16} {self.level:6} {self.message}"


def refusals(findings: list[Finding]) -> list[str]:
  """Codes of the refusals, in the order of the findings."""
  return [finding.code for finding in findings if finding.level == "refuse"]


def graded(code: str, value: float, warn: float, refuse: float, message: str) -> Finding:
  """The finding for a value that is better when smaller: above `warn` a warning, above `refuse` a refusal."""
  return Finding(code, "refuse" if value > refuse else "warn" if value > warn else "ok", message)
