"""Read collected results (collect.py) as a table: a row per kind of run, every number as its range over seeds.

    python benchmarks/style_table.py benchmarks/results/NAME.json [NAME.json ...]

How far the gait is from the reference's is the worst over the commanded speeds above 0.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

COLUMNS = {  # header: (how to read it from a run, format)
  "survival": (lambda run: run["summary"]["survival"], "{:.2f}"),
  "vx_error": (lambda run: run["summary"]["vx_error"], "{:.3f}"),
  "walks": (lambda run: run["summary"].get("long_walk_completed"), "{:.2f}"),
  "auc": (lambda run: run["summary"].get("classifier_auc"), "{:.2f}"),
  "distance": (lambda run: run["summary"].get("feature_distance"), "{:.2f}"),
  "symmetry": (lambda run: run["summary"].get("symmetry"), "{:.2f}"),
  "clearance mm": (lambda run: _scaled(run["summary"].get("swing_clearance_m"), 1000), "{:.0f}"),
  "stride Hz": (lambda run: run["summary"].get("stride_frequency_hz"), "{:.2f}"),
  "worst stride off": (lambda run: worst(run, "stride_frequency_hz"), "{:.0%}"),
  "worst clearance off": (lambda run: worst(run, "swing_clearance_feet_m"), "{:.0%}"),
  "worst joints rad": (lambda run: _most(row.get("joint_rms_rad") for row in moving(run)), "{:.3f}"),
}


def moving(run: dict) -> list[dict]:
  """The rows of the commanded speeds above 0."""
  return [row for row in run["speeds"] if row["vx"] > 0]


def worst(run: dict, key: str) -> float | None:
  """Largest relative distance of either foot's number from the reference's, over the speeds above 0."""
  off = []
  for row in moving(run):
    for own, reference in zip(row.get(key) or [], row.get(f"reference_{key}") or [], strict=False):
      if reference:
        off.append(abs((own or 0.0) / reference - 1))
  return max(off, default=None)


def kind(run: dict) -> str:
  """The command without its seed and folder."""
  words = [word for word in run["command"].split() if not word.startswith(("seed=", "evaluation.video"))]
  return " ".join(words)


def _most(values) -> float | None:
  known = [value for value in values if value is not None]
  return max(known, default=None)


def _scaled(value: float | None, factor: float) -> float | None:
  return None if value is None else factor * value


def _cell(values: list[float | None], form: str) -> str:
  known = [value for value in values if value is not None and np.isfinite(value)]
  if not known:
    return "–"
  low, high = form.format(min(known)), form.format(max(known))
  text = low if low == high else f"{low} to {high}"
  return text if len(known) == len(values) else f"{text} ({len(known)} of {len(values)})"


if __name__ == "__main__":
  kinds = defaultdict(list)
  for path in sys.argv[1:]:
    for found in json.loads(Path(path).read_text()):
      kinds[kind(found)].append(found)
  print("| run | seeds | " + " | ".join(COLUMNS) + " |")
  print("|" + "---|" * (len(COLUMNS) + 2))
  for name, runs in kinds.items():
    cells = [_cell([read(run) for run in runs], form) for read, form in COLUMNS.values()]
    print(f"| `{name}` | {len(runs)} | " + " | ".join(cells) + " |")
