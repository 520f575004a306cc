"""The loop: what is logged and saved when, the best by score, and what survives an interrupt or a NaN."""

import csv
import math
import os
import signal
from typing import Any

import jax
import pytest
from toy_update import SIZE, ToyUpdate, toy_hyperparameters

from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.errors import RunFailed, Stopped, UserError
from wildrobot_exp.interrupts import TERMINATING, held, raise_on_sigterm
from wildrobot_exp.learning import rollback
from wildrobot_exp.learning import trainer as trainer_module
from wildrobot_exp.learning.bookkeeper import Bookkeeper
from wildrobot_exp.learning.rollback import MOST_ROLLBACKS, Diverged, Rollbacks
from wildrobot_exp.learning.trainer import Trainer
from wildrobot_exp.learning.unlogged import means
from wildrobot_exp.stop_request import StopRequest, ask_to_stop
from wildrobot_exp.tracking import Tracker
from wildrobot_exp.tracking.csv_file import CsvFile


class Rows:
  """A sink that remembers; `interrupt_at` is the step whose row a Ctrl-C cuts short."""

  name = "rows"

  def __init__(self, interrupt_at: int | None = None):
    self.rows: dict[int, dict[str, float]] = {}
    self._interrupt_at = interrupt_at

  def log(self, step: int, metrics: dict[str, float]) -> None:
    if step == self._interrupt_at:
      raise KeyboardInterrupt
    self.rows[step] = metrics

  def rewind(self, step: int) -> None:
    self.rows = {at: metrics for at, metrics in self.rows.items() if at <= step}

  def close(self, exit_code: int) -> None:
    pass


def make_trainer(tmp_path, rows: Rows, update: ToyUpdate, **changed: Any) -> Trainer:
  settings = dict(
    total_steps=10 * SIZE,
    log_every=4,
    save_every=3 * SIZE,
    evaluate_every=10**9,
    config={"a": 1},
    quick_evaluation=None,
  )
  checkpoints = Checkpoints(tmp_path, keep=changed.pop("keep", 100))
  inspect = changed.pop("inspect", None)
  changed.setdefault("rollbacks", Rollbacks(after=2))
  books = Bookkeeper(Tracker([rows]), checkpoints, steps_per_update=SIZE, **(settings | changed))
  return Trainer(update, toy_hyperparameters(), books, inspect)


def steps(*updates: int) -> list[int]:
  return [SIZE * update for update in updates]


def value(tmp_path, which) -> float:
  return float(Checkpoints(tmp_path).restore(which, ToyUpdate().init()).value)


def test_rows_are_logged_at_the_first_every_nth_and_the_last_update(tmp_path):
  rows = Rows()
  state, numbers = make_trainer(tmp_path, rows, ToyUpdate()).run(ToyUpdate().init())
  assert list(rows.rows) == steps(1, 4, 8, 10)
  assert int(state.env_steps) == numbers["env_steps"] == 10 * SIZE
  assert numbers["invalid_states"] == 10


def test_a_row_is_the_mean_over_its_iterations(tmp_path):
  rows = Rows()
  make_trainer(tmp_path, rows, ToyUpdate()).run(ToyUpdate().init())
  losses = [row["train/policy_loss"] for row in rows.rows.values()]
  assert losses == [0.0, (1 + 2 + 3) / 3, (4 + 5 + 6 + 7) / 4, (8 + 9) / 2]
  assert all(row["perf/steps_per_s"] > 0 and row["perf/compile_s"] > 0 for row in rows.rows.values())


def test_a_metric_is_averaged_over_the_iterations_that_have_it_and_left_out_where_none_has(tmp_path):
  rows = Rows()
  _, numbers = make_trainer(tmp_path, rows, ToyUpdate(ended_at=(2, 4, 7))).run(ToyUpdate().init())
  returns = {step: row.get("train/return") for step, row in rows.rows.items()}
  assert list(returns.values()) == [None, 3.0, 7.0, None]
  assert numbers["train_return_gain"] == 4.0
  assert not any(math.isnan(value) for row in rows.rows.values() for value in row.values())


def test_a_nan_that_does_not_mean_missing_is_not_hidden():
  assert math.isnan(means({"train/vx": [1.0, float("nan")]})["train/vx"])
  assert means({"train/falls": [0.5, float("nan")]}) == {"train/falls": 0.5}
  assert means({"train/return": [float("nan")]}) == {}


def test_the_last_update_may_run_past_the_total_and_nothing_is_left_when_it_is_reached(tmp_path):
  state, _ = make_trainer(tmp_path, Rows(), ToyUpdate(), total_steps=2 * SIZE + 1).run(ToyUpdate().init())
  assert int(state.env_steps) == 3 * SIZE
  again, numbers = make_trainer(tmp_path, Rows(), ToyUpdate(), total_steps=2 * SIZE + 1).run(state)
  assert int(again.env_steps) == numbers["env_steps"] == 3 * SIZE


def test_checkpoints_come_at_their_steps_and_at_the_end(tmp_path):
  make_trainer(tmp_path, Rows(), ToyUpdate()).run(ToyUpdate().init())
  checkpoints = Checkpoints(tmp_path)
  assert checkpoints.steps() == steps(3, 6, 9, 10)
  assert [value(tmp_path, step) for step in checkpoints.steps()] == [3.0, 6.0, 9.0, 10.0]
  assert checkpoints.info(3 * SIZE)["config"] == {"a": 1}
  assert checkpoints.best_step() is None  # nobody ranked them


def test_a_resumed_run_counts_saves_and_logs_as_if_it_had_not_stopped(tmp_path):
  make_trainer(tmp_path, Rows(), ToyUpdate(), total_steps=4 * SIZE).run(ToyUpdate().init())
  rows = Rows()
  restored = Checkpoints(tmp_path).restore("latest", ToyUpdate().init())
  state, _ = make_trainer(tmp_path, rows, ToyUpdate()).run(restored)
  assert float(state.value) == 10.0 and list(rows.rows) == steps(5, 8, 10)
  assert Checkpoints(tmp_path).steps() == steps(3, 4, 6, 9, 10)  # 4: where it had stopped


def test_what_was_evaluated_is_saved_and_the_best_score_is_kept(tmp_path):
  scores = {2: 0.1, 4: 0.9, 6: 0.3, 8: 0.2, 10: 0.4}
  rows = Rows()

  def evaluate(state) -> dict[str, float]:
    return {"score": scores[int(state.value)], "survival": 1.0}

  settings = dict(evaluate_every=2 * SIZE, quick_evaluation=evaluate, save_every=10**9, keep=2)
  make_trainer(tmp_path, rows, ToyUpdate(), **settings).run(ToyUpdate().init())
  evaluated = {step: row["eval/score"] for step, row in rows.rows.items() if "eval/score" in row}
  assert evaluated == {SIZE * update: score for update, score in scores.items()}
  checkpoints = Checkpoints(tmp_path)
  assert checkpoints.steps() == steps(4, 8, 10) and checkpoints.best_step() == 4 * SIZE
  assert value(tmp_path, "best") == 4.0
  assert checkpoints.info(4 * SIZE)["metrics"]["eval/survival"] == 1.0


def interrupted(tmp_path, rows: Rows, **changed) -> list[int]:
  with pytest.raises(KeyboardInterrupt):
    make_trainer(tmp_path, rows, ToyUpdate(), **changed).run(ToyUpdate().init())
  return Checkpoints(tmp_path).steps()


def test_an_interrupt_saves_first(tmp_path):
  assert interrupted(tmp_path, Rows(interrupt_at=8 * SIZE)) == steps(3, 6, 8)
  assert value(tmp_path, "latest") == 8.0


def test_an_interrupt_between_an_update_and_its_count_saves_under_the_right_step(tmp_path, monkeypatch):
  fetched = []

  def device_get(metrics):
    fetched.append(1)
    if len(fetched) == 5:
      raise KeyboardInterrupt
    return jax.tree.map(float, metrics)

  monkeypatch.setattr(jax, "device_get", device_get)
  assert interrupted(tmp_path, Rows())[-1] == 5 * SIZE
  assert value(tmp_path, "latest") == 5.0


def test_an_interrupt_after_an_evaluation_keeps_its_score(tmp_path):
  settings = dict(evaluate_every=2 * SIZE, quick_evaluation=lambda state: {"score": 0.7})
  assert interrupted(tmp_path, Rows(interrupt_at=2 * SIZE), **settings) == steps(2)
  assert Checkpoints(tmp_path).best_step() == 2 * SIZE


def test_a_single_skipped_update_is_logged_and_costs_nothing_else(tmp_path):
  rows, update = Rows(), ToyUpdate(skipped_at=(6,))
  state, _ = make_trainer(tmp_path, rows, update).run(update.init())
  assert float(state.value) == 9.0 and list(rows.rows) == steps(1, 4, 8, 10)
  assert [row["train/skipped_updates"] for row in rows.rows.values()] == [0.0, 0.0, 1.0, 0.0]
  assert rows.rows[8 * SIZE]["train/policy_loss"] == pytest.approx((4 + 5 + 6) / 3)  # of those that were made
  assert Checkpoints(tmp_path).steps() == steps(3, 9, 10)  # update 6 was due for saving, and was not


class Console:
  """What is said to people."""

  name = "console"

  def __init__(self):
    self.lines: list[str] = []

  def say(self, line: str) -> None:
    self.lines.append(line)


def diverging(tmp_path, update: ToyUpdate, rollbacks: Rollbacks | None = None) -> tuple[Trainer, Rows, Console]:
  rows, console = Rows(), Console()
  trainer = make_trainer(tmp_path, rows, update, **({"rollbacks": rollbacks} if rollbacks else {}))
  trainer._books.tracker.say = console.say
  return trainer, rows, console


def test_skipped_updates_in_a_row_send_the_run_back_to_the_last_good_checkpoint_and_on_more_slowly(tmp_path):
  update = ToyUpdate(skipped_at=(5, 6), skipped_above=0.3)  # of a rate of 1: the second half is slow enough
  file = tmp_path / "rollbacks.json"
  trainer, rows, console = diverging(tmp_path, update, Rollbacks(2, file))
  state, _ = trainer.run(update.init())
  assert float(state.value) == 10.0 and int(state.env_steps) == 10 * SIZE
  assert list(rows.rows) == steps(1, 4, 8, 10)
  assert Checkpoints(tmp_path).steps() == steps(3, 6, 9, 10)
  said = [line for line in console.lines if "back from step" in line]
  assert len(said) == 2 and f"from step {6 * SIZE} to the checkpoint of step {3 * SIZE}" in said[0]
  assert "algo.learning_rate times 0.5 " in said[0] and "algo.learning_rate times 0.25 " in said[1]
  assert Rollbacks(2, file, go_on=True).factors == {"algo.learning_rate": 0.25, "amp.learning_rate": 1.0}
  assert Rollbacks(2, file).factors["algo.learning_rate"] == 1.0 and not file.exists()  # a new run


def test_a_rollback_leaves_nothing_of_the_branch_that_was_given_up_in_logs_and_books(tmp_path):
  update = ToyUpdate(ended_at=(2, 4, 5), skipped_at=(5, 6), skipped_above=0.7)
  file = CsvFile(tmp_path / "metrics.csv")
  trainer = make_trainer(tmp_path, file, update, log_every=2)
  _, numbers = trainer.run(update.init())
  with (tmp_path / "metrics.csv").open(newline="") as table:
    rows = list(csv.DictReader(table))
  assert [int(row["step"]) for row in rows] == steps(1, 2, 4, 6, 8, 10)
  assert float(rows[2]["train/policy_loss"]) == (2 + 3) / 2  # of updates 3 and 4: 3 is in the checkpoint's books
  assert numbers["invalid_states"] == 10.0 and numbers["train_return_gain"] == 5.0 - 2.0


def test_a_damaged_rollbacks_file_is_one_line(tmp_path):
  file = tmp_path / "rollbacks.json"
  for text in ("", "[]", '{"schema": 1}', '{"rollbacks": [1]}', '{"rollbacks": [{"lowered": "x"}]}'):
    file.write_text(text)
    with pytest.raises(UserError, match="rollbacks.json is damaged: restore it, or remove it"):
      Rollbacks(2, file, go_on=True)


def test_skipped_updates_in_a_row_count_across_a_resume():
  metrics = {"train/skipped_updates": 1.0}
  first = Rollbacks(2)
  first.watch(metrics, 64)
  again = Rollbacks(2)
  again.go_on(first.books())
  with pytest.raises(Diverged, match="in 2 updates in a row, at step 128: lower algo.learning_rate"):
    again.watch(metrics, 128)


@pytest.mark.parametrize("metrics", [{"train/skiped_updates": 0.0}, {"train/skipped_updates": 0.0, "amp/loss": 1.0}])
def test_a_metric_under_another_name_is_an_error_not_a_zero(metrics):
  with pytest.raises(KeyError, match="skipped_updates"):
    Rollbacks(2).watch(metrics, 64)


def test_a_rollback_is_made_though_the_disk_is_full(tmp_path, monkeypatch):
  def refuse(path, content):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(rollback, "write_json", refuse)
  update = ToyUpdate(skipped_at=(5, 6), skipped_above=0.7)
  trainer, _, console = diverging(tmp_path, update, Rollbacks(2, tmp_path / "rollbacks.json"))
  state, _ = trainer.run(update.init())
  assert float(state.value) == 10.0
  assert any("rollbacks.json could not be written (No space left on device)" in line for line in console.lines)


def test_a_signal_while_it_compiles_ends_it_before_anything_is_saved(tmp_path, monkeypatch):
  class Signalled(trainer_module.CompiledUpdate):
    def __init__(self, *given):
      os.kill(os.getpid(), signal.SIGINT)
      super().__init__(*given)

  monkeypatch.setattr(trainer_module, "CompiledUpdate", Signalled)
  before = signal.getsignal(signal.SIGINT)
  try:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt), held():
      make_trainer(tmp_path, Rows(), ToyUpdate()).run(ToyUpdate().init())
  finally:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, before)
  assert Checkpoints(tmp_path).steps() == []


def test_what_earlier_starts_have_trained_counts(tmp_path):
  _, first = make_trainer(tmp_path, Rows(), ToyUpdate(), total_steps=4 * SIZE).run(ToyUpdate().init())
  checkpoints = Checkpoints(tmp_path)
  books = checkpoints.info(4 * SIZE)["books"]
  assert books["trained"]["steps"] == 4 * SIZE and books["trained"]["seconds"] == first["train_wall_s"]
  books["trained"]["seconds"] = 1000.0
  state = checkpoints.restore("latest", ToyUpdate().init())
  _, numbers = make_trainer(tmp_path, Rows(), ToyUpdate(), books=books).run(state)
  assert 1000.0 < numbers["train_wall_s"] < 1100.0
  assert numbers["steps_per_s"] == 10 * SIZE / numbers["train_wall_s"]


@pytest.mark.parametrize(("who", "key"), [("train", "algo.learning_rate"), ("amp", "amp.learning_rate")])
def test_when_going_back_does_not_help_the_run_fails_and_says_what_to_lower(tmp_path, who, key):
  trainer, rows, console = diverging(tmp_path, update := ToyUpdate(skipped_at=(5, 6), who=who))
  with pytest.raises(RunFailed, match=f"at step {6 * SIZE}: lower {key}, .*3 rollbacks.*from step {3 * SIZE}"):
    trainer.run(update.init())
  assert len([line for line in console.lines if f"{key} times" in line]) == MOST_ROLLBACKS
  assert Checkpoints(tmp_path).steps() == steps(3)


def test_without_a_checkpoint_to_go_back_to_the_run_fails(tmp_path):
  trainer, _, console = diverging(tmp_path, update := ToyUpdate(skipped_at=(1, 2)))
  with pytest.raises(RunFailed, match=f"at step {2 * SIZE}: lower algo.learning_rate; no checkpoint was written yet"):
    trainer.run(update.init())
  assert console.lines == []


def test_skipped_updates_that_do_not_follow_each_other_send_nobody_back(tmp_path):
  trainer, _, console = diverging(tmp_path, update := ToyUpdate(skipped_at=(1, 3, 5, 7)))
  state, _ = trainer.run(update.init())
  assert float(state.value) == 6.0 and console.lines == []


def test_an_update_that_does_not_compile_fails_with_its_own_error(tmp_path):
  class Broken(ToyUpdate):
    def _learn(self, state, steps, value, hp):
      return jax.numpy.zeros((2, 3)) @ jax.numpy.zeros((2, 3))

  with pytest.raises(TypeError, match="dot_general"):
    make_trainer(tmp_path, Rows(), Broken()).run(Broken().init())


class Disk(Checkpoints):
  """Refuses some saves, as a full disk does."""

  def __init__(self, folder, full_at: tuple[int, ...]):
    super().__init__(folder, keep=100)
    self._full_at = full_at

  def save(self, step, state, **kwargs):
    if step in self._full_at:
      raise RunFailed(f"the checkpoint at step {step} could not be written (No space left on device)")
    return super().save(step, state, **kwargs)


def run_on(disk: Disk, tmp_path) -> Disk:
  trainer = make_trainer(tmp_path, Rows(), ToyUpdate(), save_every=SIZE)
  trainer._books._checkpoints = disk
  trainer.run(ToyUpdate().init())
  return disk


def test_a_full_disk_costs_checkpoints_not_the_training(tmp_path):
  disk = run_on(Disk(tmp_path, tuple(steps(2, 3, 5, 6, 8))), tmp_path)
  assert disk.steps() == steps(1, 4, 7, 9, 10)


@pytest.mark.parametrize("full_at, kept", [((4, 5, 6), (1, 2, 3)), ((10,), tuple(range(1, 10)))])
def test_training_stops_when_nothing_can_be_saved_and_the_last_good_checkpoint_stays(tmp_path, full_at, kept):
  disk = Disk(tmp_path, tuple(steps(*full_at)))
  with pytest.raises(RunFailed, match="No space left"):
    run_on(disk, tmp_path)
  assert disk.steps() == steps(*kept)


def test_who_is_asked_to_stop_saves_first_and_says_why(tmp_path):
  request = StopRequest(tmp_path)

  class Rival(Rows):
    def log(self, step: int, metrics: dict[str, float]) -> None:
      if step == 4 * SIZE:
        ask_to_stop(tmp_path, "behind")

  with pytest.raises(Stopped, match="^behind$"):
    make_trainer(tmp_path, Rival(), ToyUpdate(), obey=request.obey).run(ToyUpdate().init())
  assert Checkpoints(tmp_path).steps() == steps(3, 4)
  StopRequest(tmp_path).obey()  # the next attempt is not asked


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_real_signal_finishes_the_iteration_logs_it_and_saves_it(tmp_path, number):
  class Signalled(Rows):
    def log(self, step: int, metrics: dict[str, float]) -> None:
      if step == 4 * SIZE:
        os.kill(os.getpid(), number)
      super().log(step, metrics)

  before = {each: signal.getsignal(each) for each in (signal.SIGINT, *TERMINATING)}
  rows = Signalled()
  try:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    raise_on_sigterm()
    with pytest.raises(KeyboardInterrupt):
      make_trainer(tmp_path, rows, ToyUpdate(), save_every=100 * SIZE).run(ToyUpdate().init())
  finally:
    signal.set_wakeup_fd(-1)
    for each, handler in before.items():
      signal.signal(each, handler)
  assert list(rows.rows) == steps(1, 4)
  assert Checkpoints(tmp_path).steps() == steps(4) and value(tmp_path, "latest") == 4.0
