"""The answer of a sweep, at its end or at any time: the table, summary.csv and report.html."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import rich.console

from wildrobot_exp.config.explain import one_line
from wildrobot_exp.sweeps.result import JobResult
from wildrobot_exp.sweeps.summary import SUMMARY, logs, read_results, table, write_csv

PLAIN_WIDTH = 200  # columns of a table that is not printed to a terminal


def write_answer(sweep: Path) -> tuple[list[JobResult], bool]:
  """Write summary.csv and report.html into a sweep folder, then print where the report is, the folder and the table.

  What goes wrong with a file, a full disk for example, costs that file: it is reported on stderr.

  Returns:
    Every job of the sweep, and whether both files were written.
  """
  results = read_results(sweep)
  written = _try(lambda: write_csv(results, sweep / SUMMARY), sweep / SUMMARY)
  written &= _try(lambda: print(f"report: {_page(sweep, results)}"), sweep / "report.html")
  print(sweep)
  width = None if sys.stdout.isatty() else PLAIN_WIDTH
  rich.console.Console(file=sys.stdout, width=width).print(table(results))
  for line in logs(sweep, results):
    print(line)
  return results, written


def _page(sweep: Path, results: list[JobResult]) -> Path:
  page = importlib.import_module("wildrobot_exp.evaluation.report.sweep_page")  # Matplotlib takes a second
  return page.write_sweep_report(sweep, results)


def _try(write: Callable[[], None], path: Path) -> bool:
  try:
    write()
    return True
  except OSError as error:
    print(f"{error.filename or path} could not be written: {error.strerror or error}", file=sys.stderr)
  except Exception as error:  # the numbers are worth more than their looks
    print(f"{path} could not be written: {type(error).__name__}: {one_line(error)}", file=sys.stderr)
  return False
