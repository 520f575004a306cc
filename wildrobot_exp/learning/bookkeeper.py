"""What one run writes down while it trains: rows, deterministic evaluations, checkpoints."""

from collections.abc import Callable
from typing import Any

import numpy as np

from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.errors import RunFailed, UserError
from wildrobot_exp.incidents import Incidents
from wildrobot_exp.learning.meter import Meter
from wildrobot_exp.learning.rollback import MOST_ROLLBACKS, Diverged, Rollbacks
from wildrobot_exp.learning.rollout import Rollout
from wildrobot_exp.learning.unlogged import from_plain, means, to_plain
from wildrobot_exp.learning.update import TrainState
from wildrobot_exp.tracking import Tracker

QuickEvaluation = Callable[[TrainState], dict[str, float]]  # needs "score": higher is better
Columns = Callable[[dict[str, float | np.ndarray]], dict[str, float]]  # metrics of a row -> what is logged

MOST_UNSAVED = 3  # checkpoints in a row that could not be written, before training stops


class Bookkeeper:
  """Keeps the books of one run, whoever trains it.

  Args:
    tracker: where metrics go.
    checkpoints: where states go.
    steps_per_update: env steps of one update.
    total_steps: env steps to make.
    log_every: iterations per logged row.
    save_every, evaluate_every: env steps between checkpoints and between evaluations; what was evaluated is saved.
    config: stored beside every checkpoint.
    quick_evaluation: deterministic evaluation that ranks checkpoints; None for none.
    columns: names the entries of metrics that are arrays; None where all are scalars.
    rollbacks: what to do about updates that are skipped.
    incidents: keeps states that went bad; None to keep none.
    obey: to be called before every update; raises Stopped to end the training there.
    books: of the checkpoint to go on from, as `Checkpoints.info` gives them; None for a new run.

  Attributes:
    trained: what earlier starts have trained, see `Meter`.
    meter: of this start, set by whoever trains.
  """

  def __init__(
    self,
    tracker: Tracker,
    checkpoints: Checkpoints,
    *,
    steps_per_update: int,
    total_steps: int,
    log_every: int,
    save_every: int,
    evaluate_every: int,
    config: dict[str, Any],
    quick_evaluation: QuickEvaluation | None,
    columns: Columns | None = None,
    rollbacks: Rollbacks,
    incidents: Incidents | None = None,
    obey: Callable[[], None] = lambda: None,
    books: dict[str, Any] | None = None,
  ):
    self.tracker = tracker
    self.obey = obey
    self._checkpoints = checkpoints
    self._size = steps_per_update
    self._total_steps = total_steps
    self._log_every = log_every
    self._save_every = save_every
    self._evaluate_every = evaluate_every
    self._config = config
    self._quick_evaluation = quick_evaluation
    self._columns = columns or dict
    self.rollbacks = rollbacks
    self._incidents = incidents
    self._overflowed = False
    self._unsaved = 0
    self._open(books or {})
    self.trained: dict[str, float] = (books or {}).get("trained", {})
    self.meter: Meter | None = None
    self._first = books is None
    self._row: tuple[int, dict[str, float], float | None] = (-1, {}, None)  # the last one: step, columns, score
    self._saved: dict[str, float] = {} if books is None else self._saved_before(books)

  def updates_left(self, done: int) -> int:
    """Updates still to make after `done` env steps."""
    return max(0, -(-(self._total_steps - done) // self._size))

  def updated(
    self,
    done: int,
    metrics: dict[str, np.ndarray],
    state: Callable[[], TrainState],
    speed: Callable[[], dict[str, float]],
    rollout: Callable[[], Rollout],
  ) -> None:
    """After every update.

    Args:
      done: env steps made so far.
      metrics: of this update.
      state: gives the state after it, if it is wanted.
      speed: gives how fast it goes, if a row is written.
      rollout: gives what it learnt from, if a state in it went bad.

    Raises:
      Diverged: steps were skipped in too many updates in a row.
      RunFailed: what has to be saved cannot be.
    """
    self._keep_incidents(metrics, done, rollout)
    self._watch(metrics, done)
    for name, value in metrics.items():
      self._held.setdefault(name, []).append(value)
    self._invalid_states += float(metrics["train/invalid_states"])
    last = done >= self._total_steps
    sound = not self.rollbacks.streak  # what diverges is not worth a place among the last good ones
    row: dict[str, float] = {}
    if done // self._size % self._log_every == 0 or self._first or last:
      row = self._columns(means(self._held)) | speed()
      self._held = {}
      self._returns += [row["train/return"]] if "train/return" in row else []
    self._first = False
    score: float | None = None
    if self._quick_evaluation and (last or sound and _crossed(done, self._size, self._evaluate_every)):
      quick = self._quick_evaluation(state())
      score = quick["score"]
      row |= {f"eval/{name}": value for name, value in quick.items() if not np.isnan(value)}  # all fell: no vx error
    if row:
      row |= self.saved()
      self._row = done, row, score
      self.tracker.log(done, row)  # before it is saved: what a checkpoint has behind it is in the books
    if last or score is not None or sound and _crossed(done, self._size, self._save_every):
      self._save(done, state(), row, score, must=last)

  def interrupted(self, state: TrainState) -> None:
    """Save, unless it is saved already, or nothing was trained yet. Raises RunFailed."""
    done = int(state.env_steps)  # the interrupt may have come between an update and its count
    saved = done in self._checkpoints.steps() and self._checkpoints.damage(done) is None
    if done and not saved:
      _, row, score = self._row if self._row[0] == done else (done, {}, None)
      self._save(done, state, row, score, must=True)

  def saved(self) -> dict[str, float]:
    """Columns about the checkpoints written since they were last asked for; empty if none was."""
    saved, self._saved = self._saved, {}
    return saved

  def _saved_before(self, books: dict[str, Any]) -> dict[str, float]:
    """Columns about the checkpoint to go on from, and those before it that no row has told of."""
    step = self._checkpoints.steps()[-1] if self._checkpoints.steps() else None
    seconds = None if step is None else self._checkpoints.save_seconds(step)
    if seconds is None:
      return {}
    before = float(books.get("saved", {}).get("perf/save_s", 0.0))
    return {"perf/save_s": before + seconds, "perf/save_mb": self._checkpoints.info(step)["bytes"] / 1e6}

  def roll_back(self, state: TrainState, error: Diverged) -> TrainState:
    """The state of the last good checkpoint, to go on from with `rollbacks.factors`; logs and books go back to it.

    Args:
      state: the present one, for its shapes.
      error: why, raised again where there is no checkpoint or going back has not helped.
    """
    if not self._checkpoints.steps() or len(self.rollbacks.made) >= MOST_ROLLBACKS:
      raise error
    try:
      step = self._checkpoints.resolve("latest")
    except UserError as damaged:
      raise error from damaged
    done = int(state.env_steps)
    state = self._checkpoints.restore(step, state)
    self._checkpoints.drop_beyond(step)
    said = self.rollbacks.back(done, step)
    self._open(self._checkpoints.info(step)["books"])
    if self._incidents:
      self._incidents.rewind(step)
    self._row = (-1, {}, None)
    self.tracker.rewind(step)
    self.tracker.say(said)
    return state

  def numbers(self) -> dict[str, float]:
    """invalid_states, and train_return_gain: the last logged return minus the first one, if episodes ended."""
    gain = {"train_return_gain": self._returns[-1] - self._returns[0]} if self._returns else {}
    return gain | {"invalid_states": self._invalid_states}

  def _open(self, books: dict[str, Any]) -> None:
    """Go on from the books of a checkpoint."""
    self._held: dict[str, list[np.ndarray]] = from_plain(books.get("held", {}))
    self._returns: list[float] = list(books.get("returns", []))
    self._invalid_states: float = books.get("invalid_states", 0.0)
    self.rollbacks.go_on(books.get("rollbacks", {}))

  def _save(
    self, done: int, state: TrainState, row: dict[str, float], score: float | None, *, must: bool
  ) -> None:
    """Raises RunFailed if it has to be saved now, or could not be for MOST_UNSAVED checkpoints in a row."""
    returns = self._returns[:1] + self._returns[1:][-1:]
    books = {"held": to_plain(self._held), "returns": returns, "invalid_states": self._invalid_states}
    books |= {"rollbacks": self.rollbacks.books(), "saved": dict(self._saved)}
    books["trained"] = self.meter.trained() if self.meter else self.trained
    try:
      self._checkpoints.save(done, state, metrics=row, config=self._config, score=score, books=books)
      seconds = self._saved.get("perf/save_s", 0.0) + (self._checkpoints.save_seconds(done) or 0.0)
      self._saved = {"perf/save_s": seconds, "perf/save_mb": self._checkpoints.info(done)["bytes"] / 1e6}
      self._unsaved = 0
    except RunFailed as error:
      self._unsaved += 1
      if must or self._unsaved >= MOST_UNSAVED:
        raise
      self.tracker.say(f"warning: {error}; training goes on and tries again at the next one")

  def _watch(self, metrics: dict[str, np.ndarray], done: int) -> None:
    """Before anything of this update is saved or ranked. Raises Diverged with the whole verdict."""
    if not self._overflowed and metrics["train/contact_overflows"] > 0:
      self._overflowed = True
      self.tracker.say(
        f"warning: contacts did not fit into the engine's memory at step {done} and were dropped, see"
        " train/contact_overflows: raise <size memory> in wildrobot.xml"
      )
    try:
      self.rollbacks.watch(metrics, done)
    except Diverged as error:
      kept = self._checkpoints.steps()
      where = f"the last checkpoint is from step {kept[-1]}" if kept else "no checkpoint was written yet"
      tried = f", at lower rates too ({len(self.rollbacks.made)} rollbacks)" if self.rollbacks.made else ""
      raise Diverged(f"{error}{tried}; {where}") from None

  def _keep_incidents(self, metrics: dict[str, np.ndarray], done: int, rollout: Callable[[], Rollout]) -> None:
    if self._incidents and not self._incidents.full and metrics["train/invalid_states"] > 0:
      self._incidents.keep(rollout(), done, done // self._size)


def _crossed(done: int, size: int, every: int) -> bool:
  """Whether the last `size` steps passed a multiple of `every`: a resumed run saves where it would have."""
  return done // every > (done - size) // every
