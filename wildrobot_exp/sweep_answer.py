"""The answer of a sweep, at its end or at any time: the table, summary.csv and report.html."""

import sys
from pathlib import Path

import rich.console

from wildrobot_exp.sweeps.result import JobResult
from wildrobot_exp.sweeps.summary import SUMMARY, read_results, table, write_csv

PLAIN_WIDTH = 200  # columns of a table that is not printed to a terminal


def write_answer(sweep: Path) -> list[JobResult]:
  """Write summary.csv and report.html into a sweep folder, then print where the report is, the folder and the table.

  A full disk costs the files, not the table: it is reported on stderr.

  Returns:
    Every job of the sweep.
  """
  from wildrobot_exp.evaluation.report.sweep_page import write_sweep_report  # Matplotlib takes a second

  results = read_results(sweep)
  try:
    write_csv(results, sweep / SUMMARY)
    print(f"report: {write_sweep_report(sweep, results)}")
  except OSError as error:
    print(f"{error.filename or sweep} could not be written: {error.strerror or error}", file=sys.stderr)
  print(sweep)
  width = None if sys.stdout.isatty() else PLAIN_WIDTH
  rich.console.Console(file=sys.stdout, width=width).print(table(results))
  return results
