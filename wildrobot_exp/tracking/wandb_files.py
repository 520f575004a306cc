"""What a run has given to wandb so far, read from the files that wandb keeps in its folder."""

import dataclasses
import json
import secrets
import subprocess
import sys
from collections import Counter
from pathlib import Path

_ID = "run_id.txt"
_READ_TIMEOUT_S = 120


ROLLED_BACK = "rolled_back"  # a row with this: training went back to its step, and rows beyond it are given up


@dataclasses.dataclass
class Earlier:
  """The rows of earlier parts. rows: step -> how many there are at it; next: wandb's number of the row to come."""

  rows: Counter[int] = dataclasses.field(default_factory=Counter)
  next: int = 0

  def rewind(self, step: int) -> None:
    """The rows beyond a step do not count any more."""
    self.rows = Counter({at: count for at, count in self.rows.items() if at <= step})


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
          earlier.rows[int(item["step"])] += 1
        earlier.next = max(earlier.next, int(item["_step"]) + 1)
  return earlier
