"""Sweep folders as their jobs leave them, with plausible numbers and none of the training."""

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import yaml

from wildrobot_exp.sweeps.manifest import JobEntry, Manifest
from wildrobot_exp.sweeps.result import JobResult, columns, write_result


def numbers_of(overrides: Mapping[str, str]) -> dict[str, float]:
  """A speed error that the weight makes smaller, and the seed a little other."""
  weight, seed = float(overrides.get("amp.weight", 0.5)), int(overrides.get("seed", 0))
  return {"survival": 1.0, "vx_error": 0.04 / (1 + weight) + 0.001 * seed, "classifier_auc": 0.9 - 0.1 * weight}


def make_sweep(
  folder: Path,
  swept: Mapping[str, Sequence[str]],
  numbers: Callable[[Mapping[str, str]], dict[str, float]] = numbers_of,
  typed_m: bool = True,
) -> list[Path]:
  """A finished grid over the swept keys; returns its jobs' folders."""
  lines = [[f"{key}={value}" for key, value in zip(swept, row)] for row in itertools.product(*swept.values())]
  return make_jobs(folder, [["total_steps=1000", *line] for line in lines], numbers, typed_m)


def make_jobs(
  folder: Path,
  lines: Sequence[Sequence[str]],
  numbers: Callable[[Mapping[str, str]], dict[str, float]] = numbers_of,
  typed_m: bool = True,
) -> list[Path]:
  """A finished sweep of jobs with these overrides; typed_m: -m was typed, else the experiment file says so."""
  hydra = {
    "sweeper": {"_target_": "hydra._internal.core_plugins.basic_sweeper.BasicSweeper", "params": None},
    "overrides": {"hydra": ["hydra.mode=MULTIRUN"] if typed_m else [], "task": list(_merged(lines))},
  }
  folder.mkdir(parents=True)
  (folder / "multirun.yaml").write_text(yaml.safe_dump({"hydra": hydra}))
  jobs = []
  for number, line in enumerate(lines):
    job = folder / f"{number}_{'__'.join(line).replace('=', '-').replace('/', '-')}"
    (job / ".hydra").mkdir(parents=True)
    (job / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(list(line)))
    (job / "job.log").write_text("working\n")
    result = numbers(columns(line))
    (job / "evaluation.json").write_text(json.dumps(result))
    (job / "metrics.csv").write_text(metrics_text(result["vx_error"]))
    write_result(job, JobResult(job.name, "ok", columns(line), result, 60.0 + number))
    jobs.append(job)
  entries = [JobEntry(i, list(line), job.name, "hash", "ok", 1) for i, (line, job) in enumerate(zip(lines, jobs))]
  Manifest(folder, ["-m", *_merged(lines)], entries).save()
  return jobs


def metrics_text(last: float) -> str:
  """metrics.csv with a speed error that falls to `last`; every second row has no evaluation."""
  rows = ["step,wall_s,eval/vx_error,train/return"]
  for i, share in enumerate(np.linspace(0, 1, 11)):
    error = "" if i % 2 else repr(float(last + 0.1 * np.exp(-5 * share)))
    rows.append(f"{round(1000 * share)},{i}.0,{error},{float(10 * share)!r}")
  return "\n".join(rows) + "\n"


def set_entries(folder: Path, changes: Mapping[int, Mapping[str, object]]) -> None:
  """Change jobs in manifest.json."""
  content = json.loads((folder / "manifest.json").read_text())
  for number, change in changes.items():
    content["jobs"][number] |= change
  (folder / "manifest.json").write_text(json.dumps(content))


def _merged(lines: Sequence[Sequence[str]]) -> list[str]:
  """What was typed for such jobs: amp.weight=0.1,0.5."""
  values: dict[str, dict[str, None]] = {}
  for line in lines:
    for key, value in columns(line).items():
      values.setdefault(key, {})[value] = None
  return [f"{key}={','.join(found)}" for key, found in values.items()]
