"""A sweep's outcome, read from the result.json in each job's folder: a table and summary.csv."""

import csv
import dataclasses
import json
import pathlib
import re
from collections.abc import Sequence

import rich.table

from wildrobot_exp.config.folders import OVERRIDES, read_overrides
from wildrobot_exp.json_files import write_json

RESULT = "result.json"
DONE = ("ok", "pruned")  # statuses of a job that went as it should
SUMMARY = "summary.csv"


@dataclasses.dataclass(frozen=True)
class JobResult:
  """How one job ended.

  Attributes:
    job: name of its folder.
    status: ok, pruned (stopped half-way by a search), failed, interrupted, timeout, or missing (died without a word).
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


def write_result(folder: pathlib.Path, result: JobResult) -> None:
  """Write result.json in one piece: a reader never sees half of it."""
  write_json(folder / RESULT, dataclasses.asdict(result))


def read_result(folder: pathlib.Path) -> JobResult | None:
  """How the job in a folder ended; None if it left no result.json."""
  if not (folder / RESULT).exists():
    return None
  return JobResult(**{**json.loads((folder / RESULT).read_text()), "job": folder.name})


def columns(overrides: Sequence[str]) -> dict[str, str]:
  """Overrides as typed -> key and value of each."""
  pairs = (line.lstrip("+").partition("=") for line in overrides)
  return {key: value for key, _, value in pairs}


HEADLINE = (  # of all the numbers in summary.csv, those that the table shows
  "survival vx_error long_walk_completed stride_frequency_hz swing_clearance_m symmetry classifier_auc feature_distance"
).split()


def read_results(sweep: pathlib.Path) -> list[JobResult]:
  """Every job of a sweep folder, in the order of their numbers. A job without result.json is `missing`."""
  folders = {path.parent for pattern in (RESULT, ".hydra") for path in sweep.glob(f"*/{pattern}")}
  return [_read(folder) for folder in sorted(folders, key=_order)]


def _order(folder: pathlib.Path) -> tuple[int, str]:
  number = re.match(r"\d+", folder.name)
  return (int(number.group()) if number else -1, folder.name)


def _read(folder: pathlib.Path) -> JobResult:
  result = read_result(folder)
  if result is not None:
    return result
  overrides = {}
  if (folder / OVERRIDES).exists():
    overrides = columns(read_overrides(folder))
  return JobResult(folder.name, "missing", overrides, {}, None, "ended without a result")


def rows(results: list[JobResult]) -> tuple[list[str], list[list[str]]]:
  """Header and one row per job: job, status, every override, every number, wall_s, error. Missing is empty."""
  overrides = list(dict.fromkeys(key for r in results for key in r.overrides))
  numbers = list(dict.fromkeys(key for r in results for key in r.numbers if key != "wall_s"))  # the job's own counts
  header = ["job", "status", *overrides, *numbers, "wall_s", "error"]
  body = []
  for r in results:
    values = [r.numbers.get(key) for key in numbers] + [r.wall_s]
    cells = ["" if v is None else f"{v:.6g}" for v in values]
    body.append([r.job, r.status, *(r.overrides.get(key, "") for key in overrides), *cells, r.error or ""])
  return header, body


def write_csv(results: list[JobResult], path: pathlib.Path) -> None:
  """Write summary.csv: the rows of `rows`."""
  header, body = rows(results)
  with path.open("w", newline="") as file:
    csv.writer(file).writerows([header, *body])


def table(results: list[JobResult]) -> rich.table.Table:
  """The rows that answer the sweep, for a terminal: jobs by number, what was swept, and the headline numbers.

  Where a job has none of those numbers, all of its numbers are shown. Empty columns are left out.
  """
  header, body = rows(results)
  answered = any(name in HEADLINE for name in header)
  hidden = {"job", *({key for r in results for key in r.numbers} - set(HEADLINE) if answered else ())}
  shown = [i for i, name in enumerate(header) if name not in hidden and any(row[i] for row in body)]
  drawn = rich.table.Table("#")
  for i in shown:
    drawn.add_column(header[i], overflow="fold")
  for row in body:
    drawn.add_row(row[0].partition("_")[0], *(row[i] for i in shown))
  return drawn
