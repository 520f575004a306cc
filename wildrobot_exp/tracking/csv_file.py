"""metrics.csv: one row per call, on disk when the call returns."""

import csv
import io
import os
from pathlib import Path

_FIRST = ["step", "wall_s"]
FINAL = "final/"  # columns of the last row, about the whole run


class CsvFile:
  """Columns appear as metrics do; a metric that a row lacks is an empty cell.

  Floats are written in full (`repr`): read back they are the same bits. A row is written whole or not at all.
  """

  name = "metrics.csv"

  def __init__(self, path: Path, resume_step: int | None = None):
    """An existing file is replaced; with `resume_step` it goes on.

    Dropped then are the rows beyond that step, a last one cut short, what is no row, and the row that concluded the
    run (FINAL); `kept` holds step and metrics of the others. Raises OSError.
    """
    self._path = path
    columns = list(_FIRST)
    self.last_wall_s = 0.0
    self.kept: list[tuple[int, dict[str, float]]] = []
    path.parent.mkdir(parents=True, exist_ok=True)
    kept: list[dict[str, str]] = []
    if resume_step is not None and path.exists():
      columns, rows = _read(path)
      kept = [row for row in rows if int(row["step"]) <= resume_step and not _concludes(row)]
    if kept:
      self.last_wall_s = float(kept[-1]["wall_s"])
      self.kept = [
        (int(row["step"]), {name: float(cell) for name, cell in row.items() if cell and name != "step"}) for row in kept
      ]
    self._rewrite(columns, kept)

  def log(self, step: int, metrics: dict[str, float]) -> None:
    """Raises OSError."""
    row = {name: repr(float(value)) for name, value in metrics.items()} | {"step": str(int(step))}
    new = [name for name in row if name not in self._columns]
    if new:
      columns, rows = _read(self._path) if self._path.exists() else (self._columns, [])
      self._rewrite(columns + new, rows)
    self._append(_line([row.get(name, "") for name in self._columns]))

  def rewind(self, step: int) -> None:
    """Drops the rows beyond a step. Raises OSError."""
    columns, rows = _read(self._path)
    self._rewrite(columns, [row for row in rows if int(row["step"]) <= step])

  def close(self, exit_code: int) -> None:
    """Nothing is left to write."""

  def _rewrite(self, columns: list[str], rows: list[dict[str, str]]) -> None:
    partial = self._path.with_name(f".{self._path.name}.partial")
    lines = [_line(columns), *(_line([row.get(name, "") for name in columns]) for row in rows)]
    partial.write_bytes(b"".join(lines))
    os.replace(partial, self._path)
    self._columns = columns

  def _append(self, line: bytes) -> None:
    with self._path.open("ab", buffering=0) as file:
      size = file.tell()
      if size == 0:  # somebody has removed it
        line = _line(self._columns) + line
      try:
        written = file.write(line)
      except OSError:
        file.truncate(size)
        raise
      if written != len(line):
        file.truncate(size)
        raise OSError("the disk took only part of a row")


def _line(cells: list[str]) -> bytes:
  text = io.StringIO()
  csv.writer(text, lineterminator="\n").writerow(cells)
  return text.getvalue().encode()


def _read(path: Path) -> tuple[list[str], list[dict[str, str]]]:
  """Columns and whole rows; a last line without its end, and lines that are no rows of numbers, are left out."""
  whole, _, _ = path.read_text(errors="replace").rpartition("\n")
  reader = csv.reader(whole.splitlines())
  columns = next(reader, list(_FIRST))
  if columns[:2] != _FIRST or len(set(columns)) < len(columns):
    return list(_FIRST), []
  rows = [dict(zip(columns, cells, strict=True)) for cells in reader if len(cells) == len(columns)]
  return columns, [row for row in rows if _is_row(row)]


def _is_row(row: dict[str, str]) -> bool:
  try:
    int(row["step"]), float(row["wall_s"])
    for cell in row.values():
      float(cell or 0)
  except ValueError:
    return False
  return True


def _concludes(row: dict[str, str]) -> bool:
  return any(cell and name.startswith(FINAL) for name, cell in row.items())
