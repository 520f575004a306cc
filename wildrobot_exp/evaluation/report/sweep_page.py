"""A sweep on one page that needs no network and no server; its links lead to the files its numbers are from."""

import datetime
import os
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wildrobot_exp.evaluation.report.page import REPORT, fill, write_page
from wildrobot_exp.evaluation.report.sweep_files import SweepFiles, read_sweep
from wildrobot_exp.evaluation.report.sweep_metrics import Metric, changing, present, shown_values
from wildrobot_exp.evaluation.report.sweep_plots import (
  OTHERS,
  PALETTE,
  along_axis,
  cell_colours,
  heat_map,
  learning_curves,
  parallel,
  scatter,
)
from wildrobot_exp.evaluation.report.sweep_ranking import WALKING, Criterion, best_job, ranked_cells, searched
from wildrobot_exp.evaluation.report.sweep_words import asked, came_out, ok_seeds, states, verdict
from wildrobot_exp.sweeps.cells import CONFIDENCE, SEED, Axis, Cell, find_axes, find_cells
from wildrobot_exp.sweeps.record import job_command, sweep_command
from wildrobot_exp.sweeps.result import DONE, JobResult
from wildrobot_exp.sweeps.summary import SUMMARY

CURVES = (  # column of metrics.csv, title, unit
  ("eval/survival", "Survival in evaluation", "share"),
  ("eval/vx_error", "Speed error in evaluation", "m/s"),
  ("eval/score", "Score in evaluation", "picks the best checkpoint"),
  ("amp/style_reward", "Style reward", "0 to 1"),
  ("train/return", "Return in training", "per episode"),
  ("train/vx_error", "Speed error in training", "m/s"),
)
LINKS = (  # file of a job, words
  ("report.html", "report"),
  ("evaluation.json", "evaluation"),
  ("metrics.csv", "metrics"),
  ("result.json", "result"),
  ("job.log", "log"),
  ("error.log", "error"),
)
TABLED = 3  # numbers of every job in the list of jobs
Figure = tuple[str, str, str]  # title, unit, SVG


def write_sweep_report(folder: str | os.PathLike, results: Sequence[JobResult] | None = None) -> Path:
  """Write report.html into a sweep folder, from the files that are there so far.

  Args:
    folder: the sweep folder.
    results: of its jobs, where they are read already.

  Returns:
    The page.
  """
  sweep = read_sweep(Path(folder), results)
  page = sweep.folder / REPORT
  write_page(page, render(sweep))
  return page


def render(sweep: SweepFiles) -> str:
  """The page as text."""
  results = sweep.results
  criterion = WALKING if sweep.search is None else searched(sweep.search)
  axes = find_axes(results, replicates=sweep.search is None)
  cells = find_cells(results, axes)
  metrics = present(results, sweep.search and sweep.search.metric)
  ranked = ranked_cells(cells, criterion)
  best = ranked[0] if ranked else None
  colours = cell_colours(cells, best)
  listed = list(zip(cells, colours, strict=True))
  if len(cells) > len(PALETTE):
    listed.sort(key=lambda item: ranked.index(item[0]) if item[0] in ranked else len(ranked))
  drawn = [(title, unit, learning_curves(column, cells, colours, sweep.curves)) for column, title, unit in CURVES]
  complete = all(result.is_final for result in results)
  context = {
    "name": "/".join(sweep.folder.resolve().parts[-2:]),
    "verdict": verdict(results, ranked, axes, criterion),
    "asked": asked(results, axes, cells),
    "came_out": came_out(results, ranked, metrics, criterion, sweep.together),
    "running": sweep.running,
    "time": datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S %Z"),
    "states": states(results),
    "axes": [axis.key for axis in axes],
    "jobs": [_job_row(sweep, result, axes, metrics[:TABLED]) for result in results],
    "job_metrics": metrics[:TABLED],
    "damaged": sweep.damaged,
    "curves": [figure for figure in drawn if figure[2]],
    "legend": [(cell.name, colour) for cell, colour in listed if colour != OTHERS],
    "others": OTHERS if OTHERS in colours else None,
    "metrics": metrics,
    "cells": [_cell_row(cell, colour, cell is best, metrics) for cell, colour in listed],
    "confidence": CONFIDENCE,
    "single": all(len(_measured(cell)) < 2 for cell in cells),
    **_figures(axes, cells, colours, results, metrics),
    **_best(sweep, best_job(ranked, criterion), criterion, metrics),
    "summary": SUMMARY,
    "command": sweep_command(sweep.command) if sweep.command else None,
    "resume": None
    if complete or sweep.running or not sweep.resumable
    else sweep_command([*sweep.command, f"sweep.resume={sweep.folder}"]),
  }
  return fill("sweep.html.j2", context)


def _job_row(sweep: SweepFiles, result: JobResult, axes: Sequence[Axis], metrics: Sequence[Metric]) -> dict[str, Any]:
  return {
    "number": result.job.partition("_")[0],
    "status": result.status,
    "values": [result.overrides.get(axis.key, "–") for axis in axes],
    "seed": result.overrides.get(SEED, "–"),
    "numbers": [metric.show(result.numbers.get(metric.key)) for metric in metrics],
    "wall_s": "–" if result.wall_s is None else f"{result.wall_s:.0f} s",
    "error": result.error,
    "links": _links(sweep.folder, result.job),
  }


def _links(sweep: Path, job: str) -> list[tuple[str, str]]:
  """(address relative to the sweep folder, words) of the job's folder and of the files it has."""
  folder = urllib.parse.quote(job)
  found = [(f"{folder}/{name}", words) for name, words in LINKS if (sweep / job / name).exists()]
  return [(f"{folder}/", "folder"), *found] if (sweep / job).is_dir() else []


def _measured(cell: Cell) -> list[JobResult]:
  return [job for job in cell.jobs if any(value is not None for value in job.numbers.values())]


def _cell_row(cell: Cell, colour: str, best: bool, metrics: Sequence[Metric]) -> dict[str, Any]:
  numbers = []
  for metric in metrics:
    found = cell.estimate(metric.key)
    interval = found.interval if found else None
    numbers.append((
      metric.show(found.mean if found else None),
      _span(metric, interval),
    ))  # fmt: skip
  jobs = [(job.job.partition("_")[0], f"{urllib.parse.quote(job.job)}/result.json") for job in _measured(cell)]
  whole = all(job.status in DONE for job in cell.jobs)
  return {
    "name": cell.name,
    "colour": colour,
    "best": best,
    "ok": None if whole else ok_seeds(cell),
    "jobs": jobs,
    "numbers": numbers,
  }


def _span(metric: Metric, interval: tuple[float, float] | None) -> str:
  if interval is None:
    return ""
  low, high = (metric.show(end) for end in interval)
  return f"{low} to {high}" if low != high else "no spread"


def _figures(
  axes: Sequence[Axis],
  cells: Sequence[Cell],
  colours: Sequence[str],
  results: Sequence[JobResult],
  metrics: Sequence[Metric],
) -> dict[str, Any]:
  """What was swept against what came out: which figures show it depends on the axes."""
  shown = changing(metrics, results)
  figures: list[Figure] = []
  wide: list[Figure] = []
  searched = [axis for axis in axes if axis.many]
  if searched:
    figures = [(f"{m.title} over {axis.key}", m.unit, scatter(m, axis, results)) for axis in searched for m in shown]
    hint = "A dot per job." + " A line per job, through its settings to its number." * (len(axes) > 1)
  elif len(axes) == 1:
    figures = [(m.title, m.unit, along_axis(m, axes[0], cells, colours)) for m in shown]
    hint = "Small dots: jobs; large ones: means; bars: their intervals."
  elif len(axes) == 2:
    figures = [(m.title, m.unit, heat_map(m, (axes[0], axes[1]), cells)) for m in shown]
    hint = "Means over the seeds; the darker, the larger."
  else:
    hint = "A line per cell, through its settings to its mean; the stronger, the larger."
  if len(axes) > 2 or (searched and len(axes) > 1):
    wide = [(m.title, m.unit, parallel(m, axes, cells)) for m in shown[:TABLED]]
  still = [
    f"{m.title} {values.pop()}" for m in metrics if len(values := shown_values(m, results)) == 1
  ]
  return {"figures": figures, "wide": wide, "hint": hint, "still": still if len(results) > 1 else []}


def _best(
  sweep: SweepFiles, best: JobResult | None, criterion: Criterion, metrics: Sequence[Metric]
) -> dict[str, Any]:
  found = best and {
    "job": best.job,
    "status": best.status,
    "command": job_command(sweep.folder / best.job),
    "links": _links(sweep.folder, best.job),
    "numbers": [(m.title, m.unit, m.show(best.numbers.get(m.key))) for m in metrics],
  }
  return {"criterion": criterion.words, "needed": criterion.number, "best": found}
