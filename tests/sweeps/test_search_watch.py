"""Jobs of a search seen from outside: files come, go and cannot be read, and the search goes on."""

import pathlib
from types import SimpleNamespace

import pytest

from wildrobot_exp.sweeps import search_watch
from wildrobot_exp.sweeps.result import JobResult
from wildrobot_exp.sweeps.search_watch import SearchJob, SearchWatch, evaluations


class Study:
  """Remembers what it is told."""

  def __init__(self):
    self.told: list[str] = []
    self.steps: list[int] = []

  def reported(self, trial) -> set[int]:
    return set()

  def report(self, trial, step: int, value: float) -> bool:
    self.steps.append(step)
    return False

  def tell(self, trial, result: JobResult) -> None:
    self.told.append(result.status)


def test_evaluations_are_whole_rows_at_multiples_of_their_steps(tmp_path: pathlib.Path):
  path = tmp_path / "metrics.csv"
  path.write_text("step,eval/score\n5,\n107,0.5\n203,0.25\n301,0.1")
  assert evaluations(path, "score", 100) == {100: 0.5, 200: 0.25}
  assert evaluations(tmp_path / "not yet", "score", 100) == {}


def test_a_file_that_another_attempt_takes_away_is_none(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
  monkeypatch.setattr(pathlib.Path, "exists", lambda self: True)  # until it is read
  assert evaluations(tmp_path / "metrics.csv", "score", 100) == {}


def test_what_cannot_be_read_now_is_looked_at_again(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
  answers = iter([OSError(116, "Stale file handle"), None, JobResult("0_a", "ok", {}, {}, 1.0)])

  def read_result(folder):
    answer = next(answers)
    if isinstance(answer, OSError):
      raise answer
    return answer

  monkeypatch.setattr(search_watch, "read_result", read_result)
  study, job = Study(), SearchJob(SimpleNamespace(number=0), [], tmp_path, 100)
  watch = SearchWatch(study, [job], "score")
  (tmp_path / "metrics.csv").write_text("step,eval/score\n100,0.5\n")
  for _ in range(4):
    watch.look()
  assert (study.told, study.steps, job.told) == (["ok"], [100], True)
