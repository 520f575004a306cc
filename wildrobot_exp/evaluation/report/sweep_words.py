"""The head of a sweep's report in words: what was asked, what came out, and how its jobs stand."""

import collections
from collections.abc import Sequence

from wildrobot_exp.evaluation.report.criteria import SURVIVAL, VX_ERROR
from wildrobot_exp.evaluation.report.goals import Verdict
from wildrobot_exp.evaluation.report.headline import duration
from wildrobot_exp.evaluation.report.sweep_metrics import Metric
from wildrobot_exp.evaluation.report.sweep_ranking import ENOUGH, Criterion, told_apart
from wildrobot_exp.sweeps.cells import SEED, Axis, Cell
from wildrobot_exp.sweeps.result import DONE, UNFINISHED, JobResult
from wildrobot_exp.sweeps.summary import shared_overrides

STATES = ("ok", "pruned", "failed", "timeout", "interrupted", "missing", "running", "waiting")
COMPARED = 3  # numbers named in the head


def verdict(
  results: Sequence[JobResult], ranked: Sequence[Cell], axes: Sequence[Axis], criterion: Criterion
) -> Verdict:
  """The answer, as far as there is one; its tone says whether every job ended well and the best walks."""
  states = collections.Counter(result.status for result in results)
  unfinished = sum(states[state] for state in UNFINISHED)
  if not results:
    return Verdict("No jobs", "open")
  if not ranked or not axes:
    text = f"{states['ok']} of {len(results)} jobs done"
  else:
    clear = len(ranked) < 2 or told_apart(*ranked[:2], criterion)
    text = f"{'Best' if clear else 'Ahead'}{' so far' if unfinished else ''}: {ranked[0].name}"
  whole = sum(states[state] for state in DONE) == len(results) and (not ranked or _walks(ranked[0]))
  tone = "open" if unfinished else "good" if whole else "mixed" if states["ok"] else "bad"
  return Verdict(text, tone)


def asked(results: Sequence[JobResult], axes: Sequence[Axis], cells: Sequence[Cell]) -> str:
  """What was swept, in one line."""
  swept = [f"{axis.key} {_values(axis)}" for axis in axes]
  seeds = list(dict.fromkeys(result.overrides[SEED] for result in results if SEED in result.overrides))
  if len(seeds) > 1 and SEED not in (axis.key for axis in axes):
    swept.append(f"{len(seeds)} seeds ({', '.join(seeds)})")
  everywhere = [f"{key}={value}" for key, value in shared_overrides(results).items()] if len(results) > 1 else []
  same = f"; in every job {' '.join(everywhere)}" if everywhere else ""
  jobs = f"{len(results)} job{'s' * (len(results) != 1)} in {len(cells)} cell{'s' * (len(cells) != 1)}"
  return f"{' × '.join(swept) or 'one setting'}: {jobs}{same}."


def came_out(
  results: Sequence[JobResult],
  ranked: Sequence[Cell],
  metrics: Sequence[Metric],
  criterion: Criterion,
  together: bool = False,
) -> str:
  """How the jobs stand, the best cell's numbers, and how much its lead is worth, in one line.

  Args:
    results: of the jobs.
    ranked: the measured cells, the best first.
    metrics: to name.
    criterion: of the ranking.
    together: some jobs shared a process, and each one's time holds what they did together: no sum of them is told.
  """
  parts = [states(results)]
  seconds = [result.wall_s for result in results if result.wall_s is not None]
  if seconds and not together:
    parts[0] += f" ({duration(sum(seconds))} of work)"
  if ranked:
    seeds = sum(job.numbers.get(criterion.number) is not None for job in ranked[0].jobs)
    numbers = ", ".join(f"{_lower(metric.title)} {_mean(ranked[0], metric)}" for metric in metrics[:COMPARED])
    parts.append(f"the best cell has {numbers}, over {seeds} seed{'s' * (seeds != 1)}")
    if ranked[0].failed:
      parts.append(f"{ok_seeds(ranked[0])}, and no cell is better off")
    if not _walks(ranked[0]):
      parts.append(f"it misses the goals: survival {SURVIVAL:.0%}, speed error {VX_ERROR:g} m/s")
  elif not any(result.numbers for result in results):
    parts.append("nothing evaluated yet")
  if len(ranked) > 1 and not told_apart(*ranked[:2], criterion):
    parts.append(f"not told apart from the next one, {ranked[1].name}: {_why(*ranked[:2], criterion)}")
  return "; ".join(parts) + "."


def ok_seeds(cell: Cell) -> str:
  """How many replicates of a cell ended well, in words."""
  ok = sum(job.status in DONE for job in cell.jobs)
  return f"{ok} of {len(cell.jobs)} seed{'s' * (len(cell.jobs) != 1)} ok"


def _why(best: Cell, other: Cell, criterion: Criterion) -> str:
  if min(len(found.values) for cell in (best, other) if (found := cell.estimate(criterion.number))) < ENOUGH:
    return f"that takes {ENOUGH} seeds each, and intervals that lie apart"
  return "their intervals overlap"


def _walks(cell: Cell) -> bool:
  survival, vx_error = cell.estimate("survival"), cell.estimate("vx_error")
  return bool(survival and vx_error) and survival.mean >= SURVIVAL and vx_error.mean <= VX_ERROR


def _lower(title: str) -> str:
  return title[0].lower() + title[1:]


def states(results: Sequence[JobResult]) -> str:
  """How many jobs are in which state: 3 ok, 1 failed."""
  counts = collections.Counter(result.status for result in results)
  return ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])


def _values(axis: Axis) -> str:
  if axis.many:
    return f"{len(axis.values)} values from {axis.values[0]} to {axis.values[-1]}"
  return ", ".join(axis.values)


def _mean(cell: Cell, metric: Metric) -> str:
  found = cell.estimate(metric.key)
  return metric.show(None if found is None else found.mean) + (f" {metric.unit}" if metric.unit == "m/s" else "")
