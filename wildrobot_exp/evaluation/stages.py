"""What an evaluation measures now, for somebody who waits minutes for it."""

import contextlib
import contextvars
from collections.abc import Callable, Iterator

_say: contextvars.ContextVar[Callable[[str], None] | None] = contextvars.ContextVar("say", default=None)


@contextlib.contextmanager
def stages_told(say: Callable[[str], None]) -> Iterator[None]:
  """While inside, `say` is given a line for every stage."""
  before = _say.set(say)
  try:
    yield
  finally:
    _say.reset(before)


def stage(line: str) -> None:
  """A stage begins. Nobody may be listening."""
  say = _say.get()
  if say is not None:
    say(line)
