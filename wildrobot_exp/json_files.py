"""JSON files that a reader never sees half of."""

import json
import os
from pathlib import Path
from typing import Any


def write_json(path: Path, content: dict[str, Any]) -> None:
  """Write content whole or not at all, through a power cut too.

  Raises ValueError for NaN and infinity, which JSON does not have.
  """
  partial = path.with_name(f".{path.name}.partial")
  with partial.open("w") as file:
    file.write(json.dumps(content, indent=2, allow_nan=False) + "\n")
    file.flush()
    os.fsync(file.fileno())  # or the new name may reach the disk before what is in the file
  os.replace(partial, path)
