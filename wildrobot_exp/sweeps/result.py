"""result.json: how one job of a sweep ended."""

import dataclasses
import json
import pathlib
from collections.abc import Sequence

from wildrobot_exp.json_files import write_json

RESULT = "result.json"
DONE = ("ok", "pruned")  # statuses of a job that went as it should
UNFINISHED = ("running", "waiting")


@dataclasses.dataclass(frozen=True)
class JobResult:
  """How one job ended.

  Attributes:
    job: name of its folder.
    status: ok, pruned (stopped half-way by a search), failed, interrupted or timeout, once it has ended; waiting
      or running; or missing (it died without a word).
    overrides: key -> value as typed.
    numbers: the numbers of its result; None where one was not finite.
    wall_s: seconds it took, None if unknown.
    error: one line, None if ok.
  """

  job: str
  status: str
  overrides: dict[str, str]
  numbers: dict[str, float | None]
  wall_s: float | None
  error: str | None = None

  @property
  def is_final(self) -> bool:
    """Whether another attempt would change nothing: it went as it should, or missed a gate with these numbers."""
    return self.status in DONE or (self.status == "failed" and bool(self.numbers))


def write_result(folder: pathlib.Path, result: JobResult) -> None:
  """Write result.json in one piece: a reader never sees half of it.

  A result without numbers keeps those that are there: whoever sees a job end from outside knows how, but not
  what it has measured.
  """
  if not result.numbers and (said := read_result(folder)) is not None:
    result = dataclasses.replace(result, numbers=said.numbers)
  write_json(folder / RESULT, dataclasses.asdict(result))


def read_result(folder: pathlib.Path) -> JobResult | None:
  """How the job in a folder ended; None if it left no result.json, or one that a power cut has damaged."""
  try:
    return load_result(folder)
  except (ValueError, TypeError):
    return None


def load_result(folder: pathlib.Path) -> JobResult | None:
  """The same, but raises ValueError or TypeError where result.json is not what `write_result` wrote."""
  try:
    text = (folder / RESULT).read_text()
  except (FileNotFoundError, NotADirectoryError):
    return None
  return JobResult(**{**json.loads(text), "job": folder.name})


def columns(overrides: Sequence[str]) -> dict[str, str]:
  """Overrides as typed -> key and value of each."""
  pairs = (line.lstrip("+").partition("=") for line in overrides)
  return {key: value for key, _, value in pairs}
