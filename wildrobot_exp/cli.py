"""The command line behind run.py: check everything first, then let Hydra run it, then map the exit code."""

import argparse
import contextlib
import importlib
import pathlib
import signal
import sys
from collections.abc import Callable, Iterator
from typing import NoReturn

from hydra._internal.utils import get_args_parser

from wildrobot_exp.config.compose import CONF_DIR, CONFIG_NAME, VERSION_BASE, Composed, compose
from wildrobot_exp.config.explain import one_line
from wildrobot_exp.config.folders import check_folder, holds_run, unless_refused
from wildrobot_exp.config.hydra_keys import check_flags
from wildrobot_exp.config.launcher import CLUSTERS, LAUNCHERS
from wildrobot_exp.config.plan import plan
from wildrobot_exp.config.resume import (
  expand_resume,
  in_run_folder,
  in_sweep_folder,
  split_sweep_resume,
  sweep_arguments,
)
from wildrobot_exp.config.schema import Config
from wildrobot_exp.errors import UserError
from wildrobot_exp.interrupts import Terminated, collected, raise_on_sigterm
from wildrobot_exp.job import job
from wildrobot_exp.run_lock import claimed, only_writer, refuse_if_in_use
from wildrobot_exp.sweep_answer import write_answer
from wildrobot_exp.sweeps.folder import SweepFolder
from wildrobot_exp.sweeps.manifest import MANIFEST, SEARCH, Manifest
from wildrobot_exp.sweeps.result import DONE, JobResult
from wildrobot_exp.sweeps.search_record import SearchRecord, all_went_well

__all__ = ["CONFIG_NAME", "CONF_DIR", "VERSION_BASE", "job", "launch"]


def launch(hydra_main: Callable[[], None]) -> int:
  """Run the command line in sys.argv.

  Args:
    hydra_main: the function that @hydra.main decorated.

  Returns:
    The exit code: 0 done, 1 failed, 2 the user's mistake (one line on stderr, nothing written),
    130 SIGINT, 143 SIGTERM and the others of interrupts.TERMINATING.
  """
  if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
    signal.signal(signal.SIGINT, signal.default_int_handler)
  raise_on_sigterm()
  SweepFolder.latest = None
  try:
    arguments, sweep = split_sweep_resume(sys.argv[1:])
    sys.argv[1:] = expand_resume(arguments)
    args = _parse()
    if args.help or args.hydra_help or args.shell_completion or args.info is not None:
      hydra_main()
      return 0
    known = {} if sweep is None or not (sweep / MANIFEST).exists() else Manifest.load(sweep).numbers
    composed = compose(args, CONF_DIR, known)
    if args.cfg:
      hydra_main()
      return 0
    resumed = sweep is not None or composed.cells[0].config.resume is not None
    check_folder(composed.folder, composed.multirun, resumed or composed.timed)
    if not composed.timed:
      refuse_if_in_use(composed.folder)
    if composed.cells[0].config.resume is not None:
      _check_run(composed.cells[0].config, args.config_dir)
    manifest = None if sweep is None else _check_resumed(composed, sweep)
    if manifest is None and composed.search is not None:
      check_storage = importlib.import_module("wildrobot_exp.sweeps.study").check_storage  # imports Optuna: only now
      check_storage(_record(composed))
    check_starts = importlib.import_module("wildrobot_exp.start_checks").check_starts  # imports MuJoCo: only now
    check_starts([cell.config for cell in composed.cells], here=composed.launcher not in CLUSTERS)
    if any(cell.config.dry_run for cell in composed.cells):
      print("\n".join(_plans(composed)))
      return 0
    with _claimed(composed, resumed) as composed:
      print("\n".join(_announcement(composed)), flush=True)
      _run(hydra_main, composed, manifest)
    return _finish(composed)
  except UserError as error:
    print(f"error: {one_line(error)}", file=sys.stderr)
    return 2
  except KeyboardInterrupt as interrupt:
    with collected():  # the table, whoever presses Ctrl-C once more
      _summarise()
    return 143 if isinstance(interrupt, Terminated) else 130


def _check_run(config: Config, config_dir: str | None) -> None:
  check_resumed = importlib.import_module("wildrobot_exp.run_config").check_resumed  # imports NumPy: only now
  check_resumed(pathlib.Path(str(config.resume)), config.resume_allow, config_dir)


def _check_resumed(composed: Composed, sweep: pathlib.Path) -> Manifest:
  if not composed.multirun:
    raise UserError(f"sweep.resume={sweep} is for a sweep: give its command, with -m")
  if composed.launcher not in LAUNCHERS:
    raise UserError(f"sweep.resume={sweep} needs one of hydra/launcher={','.join(LAUNCHERS)}")
  manifest = Manifest.load(sweep.absolute())
  manifest.check_launcher(composed.launcher)
  if composed.search is not None:
    SearchRecord.load(manifest.folder).check_same(_record(composed), sweep)
  else:
    manifest.check_same(composed.cells)
  manifest.wait_until_free()
  return manifest


@contextlib.contextmanager
def _claimed(composed: Composed, resumed: bool) -> Iterator[Composed]:
  """Hold the folder of a plain run before Hydra writes into it; it may be another one than the composed one."""
  if composed.multirun:
    yield composed
  elif resumed:
    with only_writer(composed.folder), unless_refused(pathlib.Path(composed.folder)):
      yield composed
  else:
    with claimed(composed.folder, holds_run, step_aside=composed.timed) as folder:
      yield composed.in_folder(folder)


def _run(hydra_main: Callable[[], None], composed: Composed, manifest: Manifest | None) -> None:
  if not composed.multirun:
    sys.argv[1:] = in_run_folder(sys.argv[1:], composed.folder)  # Hydra would look at the clock once more
    hydra_main()
    return
  sys.argv[1:] = in_sweep_folder(sys.argv[1:], composed.folder)  # it may have the time in its name
  folder = pathlib.Path(composed.folder)
  folder.mkdir(parents=True, exist_ok=True)
  with only_writer(folder):
    _record_sweep(composed, manifest)
    hydra_main()


def _record_sweep(composed: Composed, manifest: Manifest | None) -> None:
  """Write down what is to be run, before anything is: from now on the sweep can go on, wherever it ends."""
  folder = pathlib.Path(composed.folder).absolute()
  if manifest is None:
    (folder / SEARCH).unlink(missing_ok=True)  # of a search that was killed before it had a manifest
    if composed.search is not None:
      _record(composed).save(folder)
  if composed.launcher not in LAUNCHERS:
    return
  manifest = manifest or Manifest(folder, [])
  manifest.command = sweep_arguments(sys.argv[1:])  # a sweep that goes on may have become longer
  if composed.search is None:
    manifest.add(composed.cells)
  manifest.save()


def _plans(composed: Composed) -> list[str]:
  """The plan of every job; of a search, what it searches and the plans of two opposite corners."""
  if composed.search is None:
    return [plan(cell.config, cell.folder) for cell in composed.cells]
  record, trials = _record(composed), composed.search.sweeper.n_trials
  ends = [plan(cell.config, cell.folder) for cell in (composed.cells[0], composed.cells[-1])]
  return [f"search: {trials} trials, {record.direction} {record.metric}", *record.space, "from", ends[0], "to", ends[1]]


def _announcement(composed: Composed) -> list[str]:
  """The plan of what starts now; of a sweep, how many jobs and the plan of the first."""
  if composed.search is not None or not composed.multirun:
    return _plans(composed)
  first = composed.cells[0]
  return [f"sweep: {len(composed.cells)} jobs into {composed.folder}, the first one", plan(first.config, first.folder)]


def _record(composed: Composed) -> SearchRecord:
  return SearchRecord.of(composed.search, composed.cells, pathlib.Path(composed.folder))


def _parse() -> argparse.Namespace:
  parser = get_args_parser()

  def refuse(message: str) -> NoReturn:
    raise UserError(f"{message}; flags go before the overrides (python run.py --help)")

  parser.error = refuse
  args = parser.parse_args()
  check_flags(args)
  return args


def _finish(composed: Composed) -> int:
  if not composed.multirun:
    return 0
  results = _summarise()
  if composed.search is not None:
    complete = all_went_well(pathlib.Path(composed.folder), composed.search.sweeper.n_trials)
  else:
    complete = len(results) >= len(composed.cells)
  return 0 if complete and all(result.status in DONE for result in results) else 1


def _summarise() -> list[JobResult]:
  """Write and print the answer of the sweep, if this process ran one."""
  sweep = SweepFolder.latest
  if sweep is None or not sweep.is_dir():
    return []
  results, _ = write_answer(sweep)
  return results
