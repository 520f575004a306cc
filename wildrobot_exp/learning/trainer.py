"""The training loop: compile aloud, update, log, evaluate, save, and keep the best policy."""

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.errors import RunFailed, Stopped
from wildrobot_exp.learning.hyperparameters import Hyperparameters
from wildrobot_exp.learning.rollout import Rollout
from wildrobot_exp.learning.update import TrainState, Update
from wildrobot_exp.tracking import Tracker

QuickEvaluation = Callable[[TrainState], dict[str, float]]  # needs "score": higher is better
Inspect = Callable[[TrainState, Rollout], None]  # of the first rollout, before anything is learnt
Columns = Callable[[dict[str, float | np.ndarray]], dict[str, float]]  # metrics of a row -> what is logged


MOST_UNSAVED = 3  # checkpoints in a row that could not be written, before training stops


class CompiledUpdate:
  """An Update compiled for one TrainState, its two programs side by side, with the time it took.

  Attributes:
    compile_s: wall time of both, s.
  """

  def __init__(self, update: Update, state: TrainState, hp: Hyperparameters):
    started = time.monotonic()
    episodes, rollout = jax.eval_shape(update.collect, state)
    with ThreadPoolExecutor(max_workers=1) as other_thread:
      learn = other_thread.submit(lambda: update.learn.lower(state, episodes, rollout, hp).compile())
      self.collect = update.collect.lower(state).compile()
      self._learn = learn.result()
    self.compile_s = time.monotonic() - started

  def __call__(self, state: TrainState, hp: Hyperparameters) -> tuple[TrainState, dict[str, jax.Array]]:
    """One update. `state` is used up."""
    episodes, rollout = self.collect(state)
    return self._learn(state, episodes, rollout, hp)


class Trainer:
  """Trains until total_steps are made.

  Args:
    update: the update.
    hp: its traced numbers.
    tracker: where metrics go.
    checkpoints: where states go.
    total_steps: env steps to make.
    log_every: iterations per logged row.
    save_every, evaluate_every: env steps between checkpoints and between evaluations; what was evaluated is saved.
    config: stored beside every checkpoint.
    quick_evaluation: deterministic evaluation that ranks checkpoints; None for none.
    inspect: sees a new run's first rollout before anything is learnt; None for nobody.
    columns: names the entries of metrics that are arrays; None where all are scalars.
    obey: called before every update; raises Stopped to end the training there.
  """

  def __init__(
    self,
    update: Update,
    hp: Hyperparameters,
    tracker: Tracker,
    checkpoints: Checkpoints,
    *,
    total_steps: int,
    log_every: int,
    save_every: int,
    evaluate_every: int,
    config: dict[str, Any],
    quick_evaluation: QuickEvaluation | None,
    inspect: Inspect | None = None,
    columns: Columns | None = None,
    obey: Callable[[], None] = lambda: None,
  ):
    self._update = update
    self._hp = hp
    self._tracker = tracker
    self._checkpoints = checkpoints
    self._total_steps = total_steps
    self._log_every = log_every
    self._save_every = save_every
    self._evaluate_every = evaluate_every
    self._config = config
    self._quick_evaluation = quick_evaluation
    self._inspect = inspect
    self._columns = columns or dict
    self._obey = obey
    self._unsaved = 0

  def run(self, state: TrainState) -> tuple[TrainState, dict[str, float]]:
    """Train from `state`; on an interrupt, or Stopped, save first and let it through.

    Returns:
      The last state, and numbers about the training itself: env_steps, train_wall_s (without evaluations and
      saving), steps_per_s, compile_s, invalid_states, and train_return_gain, the last logged return minus the
      first one (left out if no episode ended).
    """
    with self._tracker.compiling("update"):
      step_fn = CompiledUpdate(self._update, state, self._hp)
    done = int(state.env_steps)
    if self._inspect and not done:
      self._inspect(state, step_fn.collect(state)[1])
    size = self._update.steps_per_update
    iterations = max(0, -(-(self._total_steps - done) // size))
    meter = _Meter()
    held: dict[str, list[np.ndarray]] = {}
    returns: list[float] = []
    invalid_states = 0.0
    try:
      for i in range(iterations):
        self._obey()
        with meter.training():
          state, metrics = step_fn(state, self._hp)
          metrics = jax.device_get(metrics)
        done += size
        meter.steps += size
        self._refuse_nan(metrics, done)
        for name, value in metrics.items():
          held.setdefault(name, []).append(value)
        invalid_states += float(metrics["train/invalid_states"])
        last = i == iterations - 1
        row: dict[str, float] = {}
        if done // size % self._log_every == 0 or i == 0 or last:
          row = self._columns(_means(held)) | {"perf/steps_per_s": meter.rate(), "perf/compile_s": step_fn.compile_s}
          held = {}
          returns += [row["train/return"]] if "train/return" in row else []
        score: float | None = None
        if self._quick_evaluation and (last or _crossed(done, size, self._evaluate_every)):
          quick = self._quick_evaluation(state)
          score = quick["score"]
          row |= {f"eval/{name}": value for name, value in quick.items()}
        if last or score is not None or _crossed(done, size, self._save_every):
          self._save(done, state, row, score, must=last)
        if row:
          self._tracker.log(done, row)
    except (KeyboardInterrupt, Stopped):
      done = int(state.env_steps)  # the interrupt may have come between an update and its count
      if done not in self._checkpoints.steps():
        self._save(done, state, {}, None, must=True)
      raise
    gain = {"train_return_gain": returns[-1] - returns[0]} if returns else {}
    return state, gain | {
      "env_steps": done,
      "invalid_states": invalid_states,
      "train_wall_s": meter.total_s,
      "steps_per_s": meter.total_steps / meter.total_s if meter.total_s else 0.0,
      "compile_s": step_fn.compile_s,
    }

  def _save(
    self, done: int, state: TrainState, row: dict[str, float], score: float | None, *, must: bool
  ) -> None:
    """Raises RunFailed if it has to be saved now, or could not be for MOST_UNSAVED checkpoints in a row."""
    try:
      self._checkpoints.save(done, state, metrics=row, config=self._config, score=score)
      self._unsaved = 0
    except RunFailed as error:
      self._unsaved += 1
      if must or self._unsaved >= MOST_UNSAVED:
        raise
      self._tracker.say(f"warning: {error}; training goes on and tries again at the next one")

  def _refuse_nan(self, metrics: dict[str, float], done: int) -> None:
    """Before anything of this update is saved or ranked."""
    bad = [name for name in _FINITE if name in metrics and not np.isfinite(metrics[name])]
    if bad:
      kept = self._checkpoints.steps()
      where = f"the last checkpoint is from step {kept[-1]}" if kept else "no checkpoint was written yet"
      raise RunFailed(f"{bad[0]} is not finite at step {done}: lower {_FINITE[bad[0]]}; {where}")


class _Meter:
  """Env steps per second of training alone: evaluation and saving do not count."""

  def __init__(self):
    self.steps = 0
    self.total_steps = 0
    self.total_s = 0.0
    self._since_s = 0.0

  @contextlib.contextmanager
  def training(self):
    started = time.monotonic()
    yield
    self._since_s += time.monotonic() - started

  def rate(self) -> float:
    """Env steps per second since the last call."""
    rate = self.steps / self._since_s
    self.total_steps += self.steps
    self.total_s += self._since_s
    self.steps, self._since_s = 0, 0.0
    return rate


def _crossed(done: int, size: int, every: int) -> bool:
  """Whether the last `size` steps passed a multiple of `every`: a resumed run saves where it would have."""
  return done // every > (done - size) // every


def _means(held: dict[str, list[np.ndarray]]) -> dict[str, float | np.ndarray]:
  """Mean of each metric over the iterations that have one; a metric that none has is left out."""
  means: dict[str, float | np.ndarray] = {}
  for name, values in held.items():
    known = [value for value in values if not (name in _MAY_BE_MISSING and np.isnan(value))]
    if known:
      mean = np.mean(np.asarray(known, np.float64), axis=0)
      means[name] = mean if mean.ndim else float(mean)
  return means


_FINITE = {  # metric: what to lower if it is not finite
  "train/policy_loss": "algo.learning_rate",
  "train/value_loss": "algo.learning_rate",
  "train/gradient_norm": "algo.learning_rate",
  "amp/loss": "amp.learning_rate",
}
_MAY_BE_MISSING = {"train/return", "train/episode_steps", "train/falls"}  # no episode ended in an iteration
