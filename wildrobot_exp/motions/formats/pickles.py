"""Pickles of numpy arrays and plain containers, read without running anything they bring along.

A pickle names functions to call. Only numpy's own constructors are found here, each behind an object that
cannot be changed; any other name ends the reading before it is looked up.
"""

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy._core import multiarray, numeric

from wildrobot_exp.motions.formats.raw import Refused

ADVICE = "save the arrays with numpy.savez and import that"


class _Admitted:
  """A function a pickle may call but not alter."""

  __slots__ = ("_call",)

  def __init__(self, call: Callable[..., Any]):
    object.__setattr__(self, "_call", call)

  def __call__(self, *args: Any) -> Any:
    return self._call(*args)

  def __setattr__(self, name: str, value: Any) -> None:
    raise pickle.UnpicklingError("a pickle may not change what it calls")

  def __setstate__(self, state: Any) -> None:
    raise pickle.UnpicklingError("a pickle may not change what it calls")


def _latin1(value: str, encoding: str) -> bytes:
  """How old protocols spell bytes."""
  if encoding not in ("latin1", "latin-1"):
    raise pickle.UnpicklingError(f"encoding {encoding}")
  return value.encode("latin1")


_FOUND: dict[tuple[str, str], Any] = {
  ("numpy", "ndarray"): np.ndarray,
  ("numpy", "dtype"): np.dtype,
  ("_codecs", "encode"): _Admitted(_latin1),
}
for _core in ("numpy.core", "numpy._core"):  # numpy 1 and 2
  _FOUND[f"{_core}.multiarray", "_reconstruct"] = _Admitted(multiarray._reconstruct)
  _FOUND[f"{_core}.multiarray", "scalar"] = _Admitted(multiarray.scalar)
  _FOUND[f"{_core}.numeric", "_frombuffer"] = _Admitted(numeric._frombuffer)


class _ArraysOnly(pickle.Unpickler):
  def find_class(self, module: str, name: str) -> Any:
    found = _FOUND.get((module, name))
    if found is None:
      raise pickle.UnpicklingError(f"it asks for {module}.{name}")
    return found


def read_pickle(path: Path) -> Any:
  """The content of a pickle file.

  Raises:
    Refused: it holds anything but arrays, numbers, strings and plain containers; nothing was run.
  """
  return _load(io.BytesIO(path.read_bytes()), path)


def read_npy(path: Path) -> Any:
  """The content of an .npy file, a pickled one included; a 0-d object array gives its one object.

  Raises:
    Refused: as `read_pickle`, or no .npy file.
  """
  try:
    array = np.load(path, allow_pickle=False)
  except ValueError as error:
    stream = io.BytesIO(path.read_bytes())
    try:
      version = np.lib.format.read_magic(stream)
      read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
      read_header(stream)
    except (ValueError, KeyError) as broken:
      raise Refused("pickle", f"{path}: not a complete .npy file ({broken}), save it again") from error
    array = _load(stream, path)
  return array.item() if isinstance(array, np.ndarray) and array.shape == () else array


def _load(stream: io.BytesIO, path: Path) -> Any:
  try:
    return _ArraysOnly(stream).load()
  except Exception as error:  # a hostile or broken pickle fails in any way it likes
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    raise Refused("pickle", f"{path}: refused, no code in it was run ({reason}): {ADVICE}") from error
