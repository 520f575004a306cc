"""Is a motion fit to learn from? Fourteen checks, each a defect met in a published file."""

from wildrobot_exp.motions.lint.findings import CODES, Finding, refusals
from wildrobot_exp.motions.lint.gate import lint_clip, lint_file, lint_reading, survival, unread

__all__ = ["CODES", "Finding", "lint_clip", "lint_file", "lint_reading", "refusals", "survival", "unread"]
