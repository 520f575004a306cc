"""Watches the jobs of a search from outside while a launcher runs them: nothing in a job knows of Optuna."""

import contextlib
import csv
import dataclasses
import pathlib
import threading
from types import TracebackType
from typing import TYPE_CHECKING

from wildrobot_exp.stop_request import ask_to_stop
from wildrobot_exp.sweeps.result import DONE, JobResult, read_result

if TYPE_CHECKING:
  import optuna

  from wildrobot_exp.sweeps.study import SearchStudy

POLL_S = 0.25
METRICS = "metrics.csv"


@dataclasses.dataclass
class SearchJob:
  """One trial's job.

  Attributes:
    trial: of the study.
    overrides: of the job.
    folder: its run folder.
    evaluate_every: env steps between its evaluations.
    told: the study knows how it ended.
    asked: it was asked to stop.
  """

  trial: "optuna.Trial"
  overrides: list[str]
  folder: pathlib.Path
  evaluate_every: int
  told: bool = False
  asked: bool = False


def evaluations(path: pathlib.Path, metric: str, every: int) -> dict[int, float]:
  """The evaluations in a metrics.csv that may just be written: env steps -> eval/<metric>.

  The steps are whole multiples of `every`: jobs of different batch sizes evaluate a little after them.
  """
  try:
    whole = path.read_text().rpartition("\n")[0].splitlines()
  except FileNotFoundError:
    return {}
  rows = [(int(row["step"]), row.get(f"eval/{metric}")) for row in csv.DictReader(whole)]
  return {step // every * every: float(value) for step, value in rows if value and step >= every}


class SearchWatch:
  """While inside, a thread tells the study which jobs ended, and asks those that fall behind to stop.

  Args:
    study: told and asked.
    jobs: being run.
    metric: the eval/ column that is compared; None: nobody is stopped.
  """

  def __init__(self, study: "SearchStudy", jobs: list[SearchJob], metric: str | None):
    self._study = study
    self._jobs = jobs
    self._metric = metric
    self._reported = {job.trial.number: study.reported(job.trial) for job in jobs}
    self._over = threading.Event()
    self._error: BaseException | None = None
    self._thread = threading.Thread(target=self._run, daemon=True, name="search")

  def __enter__(self) -> "SearchWatch":
    self._thread.start()
    return self

  def __exit__(
    self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
  ) -> None:
    """Raises what the thread could not do."""
    self._over.set()
    self._thread.join()
    if self._error is not None and kind is None:
      raise self._error
    if self._error is None:
      self.look()

  def look(self) -> None:
    """Once through all jobs. What cannot be read now, while it is written or on a disk that stumbles, may be later."""
    for job in self._jobs:
      if job.told:
        continue
      with contextlib.suppress(OSError):
        result = read_result(job.folder)
        if result is not None and result.status in DONE:
          self.tell(job, result)
        elif self._metric is not None:
          self._compare(job, self._metric)

  def tell(self, job: SearchJob, result: JobResult) -> None:
    """The job has ended."""
    self._study.tell(job.trial, result)
    job.told = True

  def _compare(self, job: SearchJob, metric: str) -> None:
    seen = self._reported[job.trial.number]
    for step, value in evaluations(job.folder / METRICS, metric, job.evaluate_every).items():
      if step in seen:
        continue
      seen.add(step)
      if self._study.report(job.trial, step, value) and not job.asked:
        job.asked = True
        ask_to_stop(job.folder, f"eval/{metric}={value:.4g} at step {step} is behind the median")

  def _run(self) -> None:
    try:
      while not self._over.wait(POLL_S):
        self.look()
    except Exception as error:  # it belongs to the thread that launches: raised there
      self._error = error
