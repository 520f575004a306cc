"""What a run has given to wandb so far, read from the files that wandb keeps in its folder."""

import dataclasses
import json
import math
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

_ID = "run_id.txt"
_READ_TIMEOUT_S = 120


ROLLED_BACK = "rolled_back"  # a row with this: training went back to its step, and rows beyond it are given up
_TIMES = ("wall_s", "final/wall_s", "final/train_wall_s", "final/steps_per_s", "final/compile_s")  # and perf/...

Row = dict[str, Any]


@dataclasses.dataclass
class Earlier:
  """The rows of earlier parts. rows: those at each step; next: wandb's number of the row to come."""

  rows: dict[int, list[Row]] = dataclasses.field(default_factory=dict)
  next: int = 0

  def add(self, row: Row) -> None:
    """One more row."""
    self.rows.setdefault(int(row["step"]), []).append(row)

  def rewind(self, step: int) -> None:
    """The rows beyond a step do not count any more."""
    self.rows = {at: rows for at, rows in self.rows.items() if at <= step}


class Branch:
  """What has to be given to wandb so that it has the rows of this start, after those of earlier ones.

  A row that wandb has already is not given again, whatever it says of times. Where the earlier starts went another
  way (other rows, or rows at other steps), they are given up by a row ROLLED_BACK first.
  """

  def __init__(self, earlier: Earlier):
    self._earlier = earlier
    self._given = Earlier()
    self._last = -1  # step of the last row

  def give(self, row: Row) -> list[Row]:
    """The rows to log for one that comes."""
    step = int(row["step"])
    if ROLLED_BACK in row:
      self._earlier.rewind(step)
      self._given.rewind(step)
      self._last = step
      return [row]
    given_up = self.end(step) if step > self._last else []
    known = self._earlier.rows.get(step, [])
    before = list(self._given.rows.get(step, []))
    self._given.add(row)
    self._last = step
    if len(before) >= len(known):
      return [*given_up, row]
    if _same(known[len(before)], row):
      return given_up
    self._earlier.rewind(step - 1)
    return [*given_up, {"step": step - 1, ROLLED_BACK: 1.0}, *before, row]

  def end(self, until: float = math.inf) -> list[Row]:
    """Before a row at the step `until`, or at the end: what gives up the rows that this start never had."""
    if not any(self._last < step < until for step in self._earlier.rows) or not self._given.rows:
      return []
    self._earlier.rewind(self._last)
    return [{"step": self._last, ROLLED_BACK: 1.0}]


def _same(known: Row, row: Row) -> bool:
  theirs, ours = _numbers(known), _numbers(row)
  return theirs.keys() == ours.keys() and all(
    value == ours[name] or (math.isnan(value) and math.isnan(ours[name])) for name, value in theirs.items())


def _numbers(row: Row) -> dict[str, float]:
  names = [name for name in row if not name.startswith(("_", "perf/")) and name not in _TIMES]
  return {name: float(row[name]) for name in names}


def run_id(run_dir: Path, resumed: bool) -> str:
  """The id of the wandb run of a folder, kept beside wandb's files; a new one for a new run. Raises OSError."""
  path = run_dir / "wandb" / _ID
  if resumed and path.exists() and (known := path.read_text().strip()).isalnum():
    return known
  path.parent.mkdir(parents=True, exist_ok=True)
  new = secrets.token_hex(4)
  path.write_text(f"{new}\n")
  return new


def read_earlier(run_dir: Path, identity: str) -> Earlier:
  """The rows in wandb's files under an id; of one that a killed process cut short, what is whole."""
  earlier = Earlier()
  for path in sorted(run_dir.glob(f"wandb/*run-*-{identity}/run-{identity}.wandb")):
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(path)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=_READ_TIMEOUT_S)
    for line in found.stdout.splitlines():
      try:
        record = json.loads(line)
      except ValueError:
        continue
      if record.get("type") == "history" and "step" in record["history"]["item"]:
        item = record["history"]["item"]
        if ROLLED_BACK in item:
          earlier.rewind(int(item["step"]))
        else:
          earlier.add(item)
        earlier.next = max(earlier.next, int(item["_step"]) + 1)
  return earlier
