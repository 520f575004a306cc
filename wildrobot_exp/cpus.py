"""Which CPUs this process may use, and how several jobs divide them among themselves."""

import contextlib
import os
from collections.abc import Iterator


def available() -> list[int]:
  """The CPUs this process may run on: those of its affinity, where the system has one."""
  if hasattr(os, "sched_getaffinity"):
    return sorted(os.sched_getaffinity(0))
  return list(range(os.cpu_count() or 1))


def share(slot: int, slots: int) -> list[int]:
  """The CPUs of one of `slots` jobs side by side. They differ by one at most in number, and overlap only where
  there are more jobs than CPUs."""
  cpus = available()
  return cpus[slot % slots :: slots] or [cpus[slot % len(cpus)]]


@contextlib.contextmanager
def only(cpus: list[int]) -> Iterator[None]:
  """What this thread starts while inside runs on these CPUs alone, where the system can do that."""
  if not hasattr(os, "sched_setaffinity"):
    yield
    return
  before = os.sched_getaffinity(0)
  os.sched_setaffinity(0, cpus)
  try:
    yield
  finally:
    os.sched_setaffinity(0, before)
