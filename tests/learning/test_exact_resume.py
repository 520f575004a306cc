"""A run that was killed and resumed leaves the same rows and the same bits as one that was not."""

import csv
from typing import Any

import jax
import numpy as np
import pytest
from tiny_job import Job

from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.learning import trainer as trainer_module
from wildrobot_exp.learning.bookkeeper import Bookkeeper
from wildrobot_exp.learning.rollback import Rollbacks
from wildrobot_exp.learning.trainer import Trainer
from wildrobot_exp.learning.unlogged import from_plain, to_plain
from wildrobot_exp.tracking import Tracker
from wildrobot_exp.tracking.csv_file import CsvFile

SIZE = 16 * 4
LAST = 6


class Killed(BaseException):
  """Nobody catches it to save first, as nobody can catch SIGKILL."""


class JitUpdate:
  """CompiledUpdate with the programs that other tests have compiled already."""

  compile_s = 1.0

  def __init__(self, update, state, hp):
    self.collect, self.learn = update.collect, update.learn


def train(job: Job, folder, *, updates: int, resume: bool = False, kill_after: int | None = None):
  """The last state and the numbers of a run that logs every 4th update and saves every 3rd."""
  checkpoints = Checkpoints(folder, keep=100)
  state, step, books = job.start(), None, None
  if resume:
    step = checkpoints.resolve("latest")
    state, books = checkpoints.restore(step, job.start(seed=9)), checkpoints.info(step)["books"]

  def quick(state) -> dict[str, float]:
    steps = int(state.env_steps)
    return {"score": steps / 1000}

  def obey() -> None:
    if kill_after is not None and len(done) == kill_after:
      raise Killed
    done.append(1)

  done: list[int] = []
  book = Bookkeeper(
    Tracker([CsvFile(folder / "metrics.csv", step)]), checkpoints, steps_per_update=SIZE, total_steps=updates * SIZE,
    log_every=4, save_every=3 * SIZE, evaluate_every=5 * SIZE, config={}, quick_evaluation=quick,
    columns=lambda row: {name: value for name, value in row.items() if not np.ndim(value)}, obey=obey, books=books,
    rollbacks=Rollbacks(3, folder / "rollbacks.json", go_on=resume))
  return Trainer(job.update, job.hp, book).run(state)


def rows(folder) -> list[dict[str, str]]:
  """metrics.csv without what measures the machine."""
  with (folder / "metrics.csv").open(newline="") as file:
    return [{name: cell for name, cell in row.items() if name != "wall_s" and not name.startswith("perf/")}
            for row in csv.DictReader(file)]


def same_bits(a: Any, b: Any) -> bool:
  pairs = zip(*map(jax.tree.leaves, (a, b)), strict=True)
  return all(np.asarray(x).tobytes() == np.asarray(y).tobytes() for x, y in pairs)


@pytest.fixture(autouse=True)
def compiled(monkeypatch):
  monkeypatch.setattr(trainer_module, "CompiledUpdate", JitUpdate)


@pytest.mark.parametrize("kill_after", [3, 4, 5])
def test_killed_and_resumed_is_not_having_been_killed(job, tmp_path, kill_after):
  straight, numbers = train(job, tmp_path / "a", updates=LAST)
  with pytest.raises(Killed):
    train(job, tmp_path / "b", updates=LAST, kill_after=kill_after)
  assert Checkpoints(tmp_path / "b").steps()[0] == 3 * SIZE
  resumed, again = train(job, tmp_path / "b", updates=LAST, resume=True)
  assert same_bits(straight, resumed)
  assert rows(tmp_path / "a") == rows(tmp_path / "b")
  assert [int(row["step"]) // SIZE for row in rows(tmp_path / "b")] == [1, 4, 5, 6]
  counted = {"env_steps", "invalid_states", "train_return_gain"} & numbers.keys()
  assert {name: numbers[name] for name in counted} == {name: again[name] for name in counted}


def test_a_run_may_be_given_more_steps_when_it_goes_on(job, tmp_path):
  straight, _ = train(job, tmp_path / "a", updates=LAST)
  train(job, tmp_path / "b", updates=3)
  resumed, _ = train(job, tmp_path / "b", updates=LAST, resume=True)
  assert same_bits(straight, resumed)


def test_saving_is_in_the_books_where_something_was_saved(job, tmp_path):
  train(job, tmp_path, updates=LAST)
  with (tmp_path / "metrics.csv").open(newline="") as file:
    table = {int(row["step"]) // SIZE: row for row in csv.DictReader(file)}
  assert [bool(row["perf/save_s"]) for row in table.values()] == [False, True, False, True]  # of updates 3, 5
  card = Checkpoints(tmp_path).info(3 * SIZE)
  assert float(table[4]["perf/save_mb"]) == card["bytes"] / 1e6 and float(table[4]["perf/save_s"]) > 0
  on_disk = sum(path.stat().st_size for path in (tmp_path / "checkpoints" / str(3 * SIZE) / "state").rglob("*")
                if path.is_file())
  assert card["bytes"] == on_disk


def test_what_is_held_between_rows_comes_back_to_the_bit():
  held = {"x": [np.float32(0.1), np.float32(np.nan)], "shares": [np.array([np.inf, 1 / 3, -0.0], np.float32)]}
  back = from_plain(to_plain(held))
  for name, values in held.items():
    for value, again in zip(values, back[name], strict=True):
      assert np.asarray(value, np.float64).tobytes() == again.tobytes()
