"""Files of arrays, .npz without pickles, that a reader never sees half of."""

import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wildrobot_exp.errors import UserError


def write_npz(path: Path, arrays: Mapping[str, Any]) -> None:
  """Write the arrays whole or not at all. Raises OSError if the disk refuses."""
  partial = path.with_name(f".{path.name}.partial")
  with partial.open("wb") as file:
    np.savez(file, **arrays)
  os.replace(partial, path)


def read_npz(path: Path, fix: str = "") -> dict[str, np.ndarray]:
  """The arrays of a file by name.

  Args:
    path: the file.
    fix: what to do where it cannot be read, for the message.

  Raises:
    UserError: it is cut short, damaged, or something else.
  """
  try:
    with np.load(path, allow_pickle=False) as arrays:
      return dict(arrays)
  except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, TypeError) as error:  # TypeError: a lone array
    raise UserError(f"{path} cannot be read ({error}){fix and ': '}{fix}") from error
