"""manifest.json: every job of a sweep, what became of it, and whether a command line means the same sweep."""

import dataclasses
import datetime
import hashlib
import json
import pathlib
import shlex
import sys
import time
from collections.abc import Sequence

from wildrobot_exp.config.schema import Config
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
NOT_THE_EXPERIMENT = ("resume", "resume_allow", "sweep", "dry_run")  # keys of the config that steer the start only


def config_hash(config: Config) -> str:
  """The same for equal experiments: of every resolved value but those that only steer the start."""
  values = {key: value for key, value in dataclasses.asdict(config).items() if key not in NOT_THE_EXPERIMENT}
  return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


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

  def check_same(self, cells: Sequence[tuple[list[str], Config]]) -> None:
    """Are these the jobs of this sweep?

    Args:
      cells: overrides and config of every job of the present command line, in order.

    Raises:
      UserError: another number of jobs, other overrides, or a config that has changed since.
    """
    again = f"the sweep was started with: python run.py {shlex.join(self.command)}"
    if max(self.jobs, default=-1) >= len(cells):
      raise UserError(f"{self.folder} has {len(self.jobs)} jobs, this command line {len(cells)}; {again}")
    for number, job in self.jobs.items():
      overrides, config = cells[number]
      if overrides != job.overrides:
        was, here = " ".join(job.overrides), " ".join(overrides)
        raise UserError(f"job {number} of {self.folder} was {was!r}, now it is {here!r}; {again}")
      if config_hash(config) != job.config_hash:
        raise UserError(
          f"job {number} of {self.folder} would be another experiment: conf/ has changed since the sweep started;"
          " undo that, or start a new sweep"
        )
