"""A sweep's outcome, read from the result.json in each job's folder and from the manifest: a table and summary.csv."""

import csv
import os
import pathlib
import re
from collections.abc import Callable, Sequence

import rich.markup
import rich.table

from wildrobot_exp.config.folders import OVERRIDES, read_overrides
from wildrobot_exp.errors import UserError
from wildrobot_exp.run_lock import in_use
from wildrobot_exp.sweeps.job_folder import LOG
from wildrobot_exp.sweeps.manifest import JobEntry, Manifest
from wildrobot_exp.sweeps.record import planned_jobs
from wildrobot_exp.sweeps.result import DONE, RESULT, UNFINISHED, JobResult, columns, load_result

SUMMARY = "summary.csv"
LOGS = (LOG, "error.log", "run.log")  # of a job; those of Hydra's own launcher have no first one
MOST_DIGITS = 1e15  # beyond that a whole number is one by rounding

HEADLINE = (  # of all the numbers in summary.csv, those that the table shows
  "survival vx_error long_walk_completed stride_frequency_hz swing_clearance_m symmetry classifier_auc feature_distance"
).split()


def read_results(sweep: pathlib.Path) -> list[JobResult]:
  """Every job of a sweep, in the order of their numbers, also those that have not ended or never started."""
  entries = {entry.folder: entry for entry in _manifest(sweep)}
  folders = {path.parent.name for pattern in (RESULT, ".hydra") for path in sweep.glob(f"*/{pattern}")}
  live = in_use(sweep)
  results = [_read(sweep / name, entries.get(name), live) for name in {*entries, *folders}]
  if not entries:
    results += _not_started(sweep, {_number(result.job) for result in results}, live)
  return sorted(results, key=lambda result: (_number(result.job), result.job))


def _manifest(sweep: pathlib.Path) -> list[JobEntry]:
  try:
    return list(Manifest.load(sweep).jobs.values())
  except UserError:  # another launcher than ours, or damaged: the folders still tell
    return []


def _number(job: str) -> int:
  number = re.match(r"\d+", job)
  return int(number.group()) if number else -1


def _read(folder: pathlib.Path, entry: JobEntry | None, live: bool) -> JobResult:
  """One job; `live`: the sweep is still at work."""
  try:
    result = load_result(folder)
  except (OSError, ValueError, TypeError) as error:
    return JobResult(folder.name, "missing", _overrides(folder, entry), {}, None, f"{RESULT} cannot be read: {error}")
  if result is not None:
    return result
  status, error = _state(folder, entry, live)
  return JobResult(folder.name, status, _overrides(folder, entry), {}, None, error)


def _state(folder: pathlib.Path, entry: JobEntry | None, live: bool) -> tuple[str, str | None]:
  """Status and reason of a job without result.json."""
  if in_use(folder) or (live and entry is not None and entry.status == "running"):
    return "running", None
  if entry is None or entry.status in DONE:
    return "missing", "ended without a result"
  if entry.status == "running" and entry.cluster_job is not None:
    return "waiting", f"the sweep ended; {entry.cluster_job} may be in the queue, sweep.resume asks"
  if entry.status == "running":
    return "missing", "the sweep ended while it ran"
  return entry.status, entry.error or (None if live else "never started: the sweep ended before its turn")


def _overrides(folder: pathlib.Path, entry: JobEntry | None) -> dict[str, str]:
  if entry is not None:
    return columns(entry.overrides)
  return columns(read_overrides(folder)) if (folder / OVERRIDES).exists() else {}


def _not_started(sweep: pathlib.Path, started: set[int], live: bool) -> list[JobResult]:
  """Jobs of a sweep without a manifest that have no folder yet, by what Hydra wrote down about it."""
  if -1 in started:  # folders without numbers: nobody knows which job is whose
    return []
  planned = planned_jobs(sweep)
  error = None if live else "never started: the sweep ended before its turn"
  return [
    JobResult(str(number), "waiting", columns(line), {}, None, error)
    for number, line in enumerate(planned)
    if number not in started
  ]


def exact(value: float) -> str:
  """A number with all of its digits; a whole one whole."""
  return str(int(value)) if float(value).is_integer() and abs(value) < MOST_DIGITS else repr(float(value))


def short(value: float) -> str:
  """A number for people; a whole one whole."""
  return exact(value) if float(value).is_integer() else f"{value:.6g}"


def rows(results: Sequence[JobResult], show: Callable[[float], str] = short) -> tuple[list[str], list[list[str]]]:
  """Header and one row per job: job, status, every override, every number, wall_s, error. Missing is empty.

  Args:
    results: of the jobs.
    show: a number in words.
  """
  overrides = list(dict.fromkeys(key for r in results for key in r.overrides))
  numbers = list(dict.fromkeys(key for r in results for key in r.numbers if key != "wall_s"))  # the job's own counts
  header = ["job", "status", *overrides, *numbers, "wall_s", "error"]
  body = []
  for r in results:
    values = [r.numbers.get(key) for key in numbers] + [r.wall_s]
    cells = ["" if v is None else show(v) for v in values]
    body.append([r.job, r.status, *(r.overrides.get(key, "") for key in overrides), *cells, r.error or ""])
  return header, body


def write_csv(results: list[JobResult], path: pathlib.Path) -> None:
  """Write summary.csv: the rows of `rows`, with all digits."""
  header, body = rows(results, exact)
  partial = path.with_name(f".{path.name}.partial")
  with partial.open("w", newline="") as file:
    csv.writer(file).writerows([header, *body])
  os.replace(partial, path)


def table(results: list[JobResult]) -> rich.table.Table:
  """The rows that answer the sweep, for a terminal: jobs by number, what was swept, and the headline numbers.

  Where a job has none of those numbers, all of its numbers are shown. Empty columns are left out; overrides that
  all jobs share stand below.
  """
  header, body = rows(results)
  answered = any(name in HEADLINE for name in header)
  shared = shared_overrides(results) if len(results) > 1 else {}
  hidden = {"job", *shared, *({key for r in results for key in r.numbers} - {*HEADLINE, "wall_s"} if answered else ())}
  shown = [i for i, name in enumerate(header) if name not in hidden and any(row[i] for row in body)]
  caption = f"in every job: {' '.join(f'{key}={value}' for key, value in shared.items())}" if shared else None
  drawn = rich.table.Table("#", caption=caption and rich.markup.escape(caption), caption_justify="left")
  for i in shown:
    drawn.add_column(header[i], overflow="fold")
  for row in body:
    drawn.add_row(row[0].partition("_")[0], *(rich.markup.escape(row[i]) for i in shown))
  return drawn


def logs(sweep: pathlib.Path, results: Sequence[JobResult]) -> list[str]:
  """For each job that ended but not well, a line with its reason and where its log is."""
  lines = []
  for result in results:
    if result.status in (*DONE, *UNFINISHED):
      continue
    log = next((path for name in LOGS if (path := sweep / result.job / name).exists()), None)
    where = f" (log: {log})" if log else ""
    lines.append(f"job {result.job.partition('_')[0]} {result.status}: {result.error}{where}")
  return lines


def shared_overrides(results: Sequence[JobResult]) -> dict[str, str]:
  """The overrides that are the same in every job."""
  first = dict(results[0].overrides) if results else {}
  return {key: value for key, value in first.items() if all(r.overrides.get(key) == value for r in results)}


def swept_overrides(sweep: pathlib.Path, overrides: Sequence[str]) -> dict[str, str]:
  """Those of a job's overrides that differ between the planned jobs of its sweep; all of them if no plan is known."""
  own, planned = columns(overrides), [columns(line) for line in planned_jobs(sweep)]
  return {key: value for key, value in own.items() if not planned or any(job.get(key) != value for job in planned)}
