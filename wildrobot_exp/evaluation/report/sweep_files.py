"""A sweep folder, read back from its files alone, at any time: before, while and after its jobs run."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from wildrobot_exp.errors import UserError
from wildrobot_exp.evaluation.report.run_files import METRICS, read_metrics
from wildrobot_exp.run_lock import in_use
from wildrobot_exp.sweeps.manifest import MANIFEST, TOGETHER, Manifest
from wildrobot_exp.sweeps.record import MULTIRUN, sweep_overrides
from wildrobot_exp.sweeps.result import RESULT, JobResult
from wildrobot_exp.sweeps.search_record import SearchRecord
from wildrobot_exp.sweeps.summary import read_results


@dataclasses.dataclass(frozen=True, eq=False)
class SweepFiles:
  """What a sweep has left behind so far.

  Attributes:
    folder: the sweep folder.
    results: every job, in order.
    curves: job -> columns of its metrics.csv; without those that have none.
    damaged: what could not be read, in words.
    command: the arguments the sweep was started with; [] if unknown.
    running: it is still at work.
    resumable: sweep.resume works on it.
    together: some of its jobs shared a process.
    search: what it optimises; None: it is a grid.
  """

  folder: Path
  results: Sequence[JobResult]
  curves: Mapping[str, Mapping[str, np.ndarray]]
  damaged: Sequence[str]
  command: Sequence[str]
  running: bool
  resumable: bool
  together: bool
  search: SearchRecord | None = None


def is_sweep(folder: Path) -> bool:
  """Whether a folder holds a sweep rather than a run."""
  return any((folder / name).exists() for name in (MANIFEST, MULTIRUN)) or any(folder.glob(f"*/{RESULT}"))


def read_sweep(folder: Path, results: Sequence[JobResult] | None = None) -> SweepFiles:
  """Read a sweep folder.

  Args:
    folder: the sweep folder.
    results: of its jobs, where they are read already.
  """
  results = read_results(folder) if results is None else results
  curves, damaged = {}, []
  for result in results:
    try:
      columns = read_metrics(folder / result.job / METRICS)
    except (UserError, OSError, UnicodeDecodeError) as error:
      damaged.append(str(error))
      continue
    if columns:
      curves[result.job] = columns
  try:
    command, resumable = Manifest.load(folder).command, True
  except UserError:
    overrides = sweep_overrides(folder)
    command, resumable = ["-m", *overrides] if overrides else [], False
  together = any(folder.glob(f"{TOGETHER}*.log"))
  return SweepFiles(folder, results, curves, damaged, command, in_use(folder), resumable, together, _search(folder))


def _search(folder: Path) -> SearchRecord | None:
  try:
    return SearchRecord.load(folder)
  except UserError:
    return None
