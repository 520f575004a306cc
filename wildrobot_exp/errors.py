"""Errors that are the user's to fix: shown as one line, exit code 2."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
  """Bad input. The message is one line and says what to change."""


class RunFailed(Exception):
  """The run itself failed (exit code 1). The message says what was kept and where."""


class Stopped(Exception):
  """The run was asked to stop half-way and has saved. No failure; the message says why it was asked."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UserError:
  """The error for a name that is not among `known`, with the nearest one suggested."""
  known = sorted(known)
  near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
  hint = f"did you mean {near[0]!r}? " if near else ""
  return UserError(f"unknown {kind} {name!r}: {hint}known: {', '.join(known)}")
