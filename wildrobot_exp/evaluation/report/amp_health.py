"""The tables of AMP's health: the inputs before training, and what gives the policy away during it."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from wildrobot_exp.evaluation.report.run_files import number
from wildrobot_exp.learning.health import SHARES, START_TABLE

ROWS = 8
LAST = 10  # rows of metrics.csv that count as the end of training


def giveaway_rows(metrics: Mapping[str, np.ndarray]) -> list[tuple[str, str, str]]:
  """(feature, share at the start, share at the end), the largest at the end first; [] where it was not logged."""
  shares = {}
  for column, values in metrics.items():
    known = values[np.isfinite(values)]
    if column.startswith(SHARES) and len(known):
      shares[column.removeprefix(SHARES)] = float(known[0]), float(known[-LAST:].mean())
  ranked = sorted(shares.items(), key=lambda item: -item[1][1])[:ROWS]
  return [(name, f"{first:.0%}", f"{last:.0%}") for name, (first, last) in ranked]


def start_rows(folder: Path) -> list[tuple[str, str, str, str]]:
  """(feature, reference's range, policy's range, AUC) of the most telling features; [] without the table."""
  path = folder / START_TABLE
  if not path.exists():
    return []
  with path.open(newline="") as file:
    rows = list(csv.DictReader(file))[:ROWS]
  return [(row["feature"], _range(row, "reference"), _range(row, "policy"), _number(row.get("auc"))) for row in rows]


def _range(row: Mapping[str, str], side: str) -> str:
  return f"{_number(row.get(f'{side}_min'))} to {_number(row.get(f'{side}_max'))}"


def _number(text: str | None) -> str:
  try:
    value = number(float(text or ""))
  except ValueError:
    value = None
  return "–" if value is None else f"{value:.2f}"
