"""Named arrays in a folder that any Orbax can read."""

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np


def write_arrays(folder: Path, arrays: Mapping[str, np.ndarray]) -> None:
  """Write arrays under their names. Raises OSError or ValueError."""
  keys = _keys(arrays)
  stored = {keys[name]: array for name, array in arrays.items() if 0 not in array.shape}  # Orbax stores no empty one
  _orbax().save(folder, args=_args().StandardSave(stored))


def read_arrays(folder: Path, shapes: Mapping[str, tuple[list[int], str]]) -> dict[str, np.ndarray]:
  """What `write_arrays` wrote.

  Args:
    folder: where to.
    shapes: shape and dtype of every array, in the order in which they were written.

  Raises:
    ValueError: the files are not what was written.
  """
  keys = _keys(shapes)
  found = {}
  try:
    stored = _orbax().restore(folder, args=_args().StandardRestore())
    for name, (shape, dtype) in shapes.items():
      found[name] = np.empty(shape, np.dtype(dtype)) if 0 in shape else stored[keys[name]]
  except (OSError, ValueError, KeyError, TypeError) as error:
    raise ValueError((str(error).splitlines() or [type(error).__name__])[0][:200]) from error
  for name, (shape, dtype) in shapes.items():
    if (list(found[name].shape), str(found[name].dtype)) != (list(shape), dtype):
      raise ValueError(f"leaf {name!r} is {found[name].dtype}{list(found[name].shape)} there")
  return found


@functools.cache
def _orbax() -> Any:
  """The Orbax checkpointer; imported at first use because it takes a second."""
  import orbax.checkpoint as ocp

  return ocp.Checkpointer(ocp.StandardCheckpointHandler())


def _args() -> Any:
  import orbax.checkpoint as ocp

  return ocp.args


def _keys(names: Iterable[str]) -> dict[str, str]:
  """Orbax's key of every array: its number and name, `0012.policy.params.hidden_0.kernel`."""
  return {name: f"{number:04d}.{name.replace('/', '.')}" for number, name in enumerate(names)}
