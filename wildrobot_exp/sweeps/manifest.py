"""manifest.json: every job of a sweep, what became of it, and whether a command line means the same sweep."""

import dataclasses
import datetime
import json
import pathlib
import shlex
import sys
import time
from collections.abc import Iterable, Sequence

from wildrobot_exp.config.composed import Cell
from wildrobot_exp.config.identity import config_hash
from wildrobot_exp.errors import UserError
from wildrobot_exp.json_files import write_json
from wildrobot_exp.run_lock import refuse_if_in_use
from wildrobot_exp.sweeps.job_folder import is_done

MANIFEST = "manifest.json"
SEARCH = "search.json"
TOGETHER = "together_"  # and the number of its first job: the log of a group of jobs in one process
SCHEMA = 1
ORPHAN_SECONDS = 10.0
STATUSES = ("waiting", "running", "ok", "pruned", "failed", "interrupted", "timeout")


def now() -> str:
  """The time, UTC, to the millisecond."""
  return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


@dataclasses.dataclass
class JobEntry:
  """One job.

  Attributes:
    number: from 0, in the order of the sweep.
    overrides: as typed for this job.
    folder: name of its folder in the sweep folder.
    config_hash: of what it computes.
    status: one of STATUSES.
    attempts: how often it was started.
    pid: of the latest attempt, if it is a process of the sweep's machine.
    cluster_job: launcher and id of the latest attempt, "submitit_slurm 123", if a cluster runs it.
    started, ended: of the latest attempt.
    error: one line, None unless it ended badly.
  """

  number: int
  overrides: list[str]
  folder: str
  config_hash: str
  status: str = "waiting"
  attempts: int = 0
  pid: int | None = None
  cluster_job: str | None = None
  started: str | None = None
  ended: str | None = None
  error: str | None = None


class Manifest:
  """The manifest of a sweep folder. `save` after every change; a reader never sees half of it."""

  def __init__(self, folder: pathlib.Path, command: Sequence[str], jobs: Sequence[JobEntry] = ()):
    self.folder = folder
    self.command = list(command)
    self.jobs = {job.number: job for job in jobs}

  @classmethod
  def load(cls, folder: pathlib.Path) -> "Manifest":
    """Raises UserError: there is none, or it cannot be read."""
    path = folder / MANIFEST
    try:
      content = json.loads(path.read_text())
      return cls(folder, content["command"], [JobEntry(**job) for job in content["jobs"]])
    except FileNotFoundError as error:
      raise UserError(f"{folder} is not a sweep that can go on: {MANIFEST} is missing") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
      raise UserError(f"{path} cannot be read ({error}): start the sweep again in another folder") from error

  @property
  def numbers(self) -> dict[frozenset[str], int]:
    """Of the jobs by their overrides, in whatever order they are typed; a search's may repeat, and are not known so."""
    return {} if self.is_search else {frozenset(job.overrides): number for number, job in self.jobs.items()}

  def add(self, cells: Iterable[Cell]) -> None:
    """The jobs that are new."""
    for cell in cells:
      folder = pathlib.Path(cell.folder).name
      self.jobs.setdefault(cell.number, JobEntry(cell.number, cell.overrides, folder, config_hash(cell.config)))

  def command_to_go_on(self) -> str:
    """What to type to run what is missing."""
    return shlex.join(["python", "run.py", *self.command, f"sweep.resume={self.folder}"])

  @property
  def is_search(self) -> bool:
    """Whether the jobs are a search's: it goes on past those that failed."""
    return (self.folder / SEARCH).exists()

  def save(self) -> None:
    """Write it. A full disk costs the record, not the jobs: it is reported on stderr."""
    jobs = [dataclasses.asdict(self.jobs[number]) for number in sorted(self.jobs)]
    try:
      write_json(self.folder / MANIFEST, {"schema": SCHEMA, "command": self.command, "jobs": jobs})
    except OSError as error:
      print(f"{self.folder / MANIFEST} could not be written: {error.strerror or error}", file=sys.stderr)

  def wait_until_free(self) -> None:
    """Let jobs end whose sweep was killed a moment ago; a cluster's go on. Raises UserError: one does not end."""
    until = time.monotonic() + ORPHAN_SECONDS
    for job in self.jobs.values():
      while job.status != "running" or job.cluster_job is None:
        try:
          refuse_if_in_use(self.folder / job.folder)
          break
        except UserError:
          if time.monotonic() > until:
            raise
          time.sleep(0.1)

  def check_launcher(self, launcher: str) -> None:
    """Raises UserError: jobs that another launcher gave to a cluster may still run there."""
    for job in self.jobs.values():
      given_to = (job.cluster_job or launcher).split()[0]
      if job.status == "running" and given_to != launcher and not is_done(self.folder / job.folder):
        raise UserError(f"job {job.number} of {self.folder} may still run: go on with hydra/launcher={given_to}")

  def check_same(self, cells: Sequence[Cell]) -> None:
    """Are the jobs of this sweep among those of the present command line, `cells`?

    Raises:
      UserError: one is not, or its config has changed since.
    """
    cell_of = {cell.number: cell for cell in cells}
    for number, job in self.jobs.items():
      if number not in cell_of:
        raise UserError(
          f"job {number} of {self.folder} ({' '.join(job.overrides)}) is none of this command line's: add to the sweep,"
          f" take nothing away; it was started with: python run.py {shlex.join(self.command)}"
        )
      if config_hash(cell_of[number].config) != job.config_hash:
        raise UserError(
          f"job {number} of {self.folder} would be another experiment: conf/ has changed since the sweep started;"
          " undo that, or start a new sweep"
        )
