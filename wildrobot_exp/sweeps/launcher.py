"""Hydra's launchers: every job of a sweep in a process of its own, here or on a cluster, with one manifest.

Not hydra-submitit-launcher: its jobs pickle the task, start all at once, and leave no manifest to resume from.
"""

import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus, configure_log, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict, read_write

from wildrobot_exp.config.composed import Cell
from wildrobot_exp.config.explain import one_line
from wildrobot_exp.config.launcher import PLUGINS, RayConf, SubmititLocalConf, SubmititSlurmConf
from wildrobot_exp.config.loader import SweepLoader
from wildrobot_exp.config.resume import sweep_arguments
from wildrobot_exp.config.typed import to_typed
from wildrobot_exp.errors import UserError
from wildrobot_exp.sweeps.attempt import Place
from wildrobot_exp.sweeps.job_folder import is_done
from wildrobot_exp.sweeps.manifest import MANIFEST, TOGETHER, JobEntry, Manifest
from wildrobot_exp.sweeps.result import read_result
from wildrobot_exp.sweeps.scheduler import MISTAKE, Scheduler
from wildrobot_exp.sweeps.traced import groups
from wildrobot_exp.sweeps.vectorised_jobs import Together


class ProcessLauncher(Launcher):
  """See config.launcher.ProcessesConf for the arguments. Needs a job function that calls job.job."""

  __module__ = PLUGINS  # hydra_plugins/wildrobot.py, where Hydra finds it

  def __init__(self, n_jobs: int, timeout_minutes: float | None, retries: int):
    self._settings = (n_jobs, timeout_minutes, retries)

  def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
    hydra_context.config_loader = SweepLoader(hydra_context.config_loader.get_search_path())  # the sweeper's too
    self._context = hydra_context
    self._config = config

  def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
    """Run the jobs.

    Returns:
      For each job the numbers of its result; None for one that failed.

    Raises:
      SystemExit: there is no place for the jobs; the reason is on stderr.
    """
    setup_globals()
    configure_log(self._config.hydra.hydra_logging, self._config.hydra.verbose)
    sweep = pathlib.Path(self._config.hydra.sweep.dir).absolute()
    sweep.mkdir(parents=True, exist_ok=True)
    manifest = Manifest.load(sweep) if (sweep / MANIFEST).exists() else Manifest(sweep, sweep_arguments(sys.argv[1:]))
    known = manifest.numbers
    numbers = [known.get(frozenset(line), initial_job_idx + i) for i, line in enumerate(job_overrides)]
    jobs = [self._job(manifest, number, list(line)) for number, line in sorted(zip(numbers, job_overrides))]
    manifest.save()
    search = manifest.is_search  # goes on past jobs that failed
    try:
      self._run(manifest, jobs)
    except UserError as error:  # Hydra would show a traceback
      search = False
      print(f"error: {one_line(error)}", file=sys.stderr)
      raise SystemExit(MISTAKE) from error
    except KeyboardInterrupt:
      search = False
      raise
    finally:
      if not (search or all(is_done(manifest.folder / entry.folder) for entry, _ in jobs)):
        print(f"to run what is missing: {manifest.command_to_go_on()}", file=sys.stderr)
    return [_job_return(cfg, manifest, entry) for entry, cfg in jobs]

  def _run(self, manifest: Manifest, jobs: list[tuple[JobEntry, DictConfig]]) -> None:
    Scheduler(manifest, *self._settings, place=self._place(manifest.folder)).run(jobs)

  def _place(self, sweep: pathlib.Path) -> Place | None:
    """Where the jobs run; None: in processes of this machine."""
    return None

  def _job(self, manifest: Manifest, number: int, overrides: list[str]) -> tuple[JobEntry, DictConfig]:
    """The job's entry in the manifest, new or old, and its composed config with all of its folder fixed."""
    cfg = self._context.config_loader.load_sweep_config(self._config, overrides)
    with open_dict(cfg):
      cfg.hydra.job.num, cfg.hydra.job.id = number, str(number)
    HydraConfig.instance().set_config(cfg)
    if number not in manifest.jobs:
      manifest.add([Cell(overrides, to_typed(cfg), str(cfg.hydra.sweep.subdir), number)])
    entry = manifest.jobs[number]
    with read_write(cfg.hydra):
      cfg.hydra.sweep.dir, cfg.hydra.sweep.subdir = str(manifest.folder), entry.folder
    return entry, cfg


class SubmititLocalLauncher(ProcessLauncher):
  """See config.launcher.SubmititLocalConf for the arguments."""

  __module__ = PLUGINS

  def __init__(self, **settings: Any):
    self._conf = SubmititLocalConf(**settings)
    super().__init__(self._conf.n_jobs, None, self._conf.retries)

  def _place(self, sweep: pathlib.Path) -> Place:
    from wildrobot_exp.sweeps.submitit_jobs import SubmititJobs  # an extra, and Hydra imports this file at every start

    return SubmititJobs(sweep, self._conf)


class SubmititSlurmLauncher(SubmititLocalLauncher):
  """See config.launcher.SubmititSlurmConf for the arguments."""

  __module__ = PLUGINS

  def __init__(self, **settings: Any):
    self._conf = SubmititSlurmConf(**settings)
    ProcessLauncher.__init__(self, self._conf.n_jobs, None, self._conf.retries)


class RayLauncher(ProcessLauncher):
  """See config.launcher.RayConf for the arguments."""

  __module__ = PLUGINS

  def __init__(self, **settings: Any):
    self._conf = RayConf(**settings)
    super().__init__(self._conf.n_jobs, None, self._conf.retries)

  def _place(self, sweep: pathlib.Path) -> Place:
    from wildrobot_exp.sweeps.ray_jobs import RayJobs  # an extra, and heavy

    return RayJobs(self._conf)


class VmapLauncher(ProcessLauncher):
  """See config.launcher.VmapConf for the arguments."""

  __module__ = PLUGINS

  def __init__(self, n_jobs: int, timeout_minutes: float | None, retries: int, memory_gb: float | None):
    super().__init__(n_jobs, timeout_minutes, retries)
    self._memory_gb = memory_gb

  def _run(self, manifest: Manifest, jobs: list[tuple[JobEntry, DictConfig]]) -> None:
    """First the groups of new jobs that fit into one program, one after the other; then the others as processes.

    The others are also those of a group that broke, if they may be tried again.
    """
    n_jobs, timeout_minutes, retries = self._settings
    new = [job for job in jobs if job[0].attempts == 0 and not is_done(manifest.folder / job[0].folder)]
    together = [[new[i] for i in group] for group in groups([to_typed(cfg) for _, cfg in new]) if len(group) > 1]
    last = Scheduler(manifest, n_jobs, timeout_minutes, retries)
    for members in together:
      log = manifest.folder / f"{TOGETHER}{members[0][0].number}.log"
      place = Together(len(members), log, self._memory_gb, timeout_minutes)
      Scheduler(manifest, len(members), None, 0, place).run(members)
      place.wait()
    grouped = [entry for members in together for entry, _ in members]
    tried = {entry.number for entry in grouped if retries and last.broke(entry)}
    ended = {entry.number for entry in grouped} - tried
    last.run([job for job in jobs if job[0].number not in ended], tried)


def _job_return(cfg: DictConfig, manifest: Manifest, entry: JobEntry) -> JobReturn:
  folder = manifest.folder / entry.folder
  result = read_result(folder)
  done = JobReturn(overrides=entry.overrides, hydra_cfg=cfg, working_dir=str(folder), status=JobStatus.COMPLETED)
  done.return_value = result.numbers if result is not None and result.status == "ok" else None
  return done
