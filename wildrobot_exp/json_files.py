"""JSON files that a reader never sees half of."""

import json
import os
from pathlib import Path
from typing import Any


def write_json(path: Path, content: dict[str, Any]) -> None:
  """Write content whole or not at all. Raises ValueError for NaN and infinity, which JSON does not have."""
  partial = path.with_name(f".{path.name}.partial")
  partial.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
  os.replace(partial, path)
