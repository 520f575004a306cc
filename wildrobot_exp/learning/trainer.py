"""The training loop: compile aloud, update, and let the books be kept."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import jax

from wildrobot_exp.envs.episodes import Episodes
from wildrobot_exp.envs.walk import Variation
from wildrobot_exp.errors import Stopped
from wildrobot_exp.interrupts import held
from wildrobot_exp.learning.bookkeeper import Bookkeeper
from wildrobot_exp.learning.hyperparameters import Hyperparameters
from wildrobot_exp.learning.meter import Meter
from wildrobot_exp.learning.rollback import Diverged
from wildrobot_exp.learning.rollout import Rollout
from wildrobot_exp.learning.update import TrainState, Update

Inspect = Callable[[TrainState, Rollout], None]  # of the first rollout, before anything is learnt


class CompiledUpdate:
  """An Update compiled for one TrainState, its two programs side by side, with the time it took.

  Args:
    update: what is compiled.
    state, hp: of the shapes to come.
    variation: of the env, where it is not the update's own.

  Attributes:
    compile_s: wall time of both, s.
  """

  def __init__(self, update: Update, state: TrainState, hp: Hyperparameters, variation: Variation | None = None):
    started = time.monotonic()
    self._variation = variation
    episodes, rollout = jax.eval_shape(update.collect, state, variation)
    with ThreadPoolExecutor(max_workers=1) as other_thread:
      learn = other_thread.submit(lambda: update.learn.lower(state, episodes, rollout, hp).compile())
      self._collect = update.collect.lower(state, variation).compile()
      self.learn = learn.result()  # uses its state up
    self.compile_s = time.monotonic() - started

  def collect(self, state: TrainState) -> tuple[Episodes, Rollout]:
    """The first half of an update."""
    return self._collect(state, self._variation)

  def __call__(self, state: TrainState, hp: Hyperparameters) -> tuple[TrainState, dict[str, jax.Array]]:
    """One update. `state` is used up."""
    episodes, rollout = self.collect(state)
    return self.learn(state, episodes, rollout, hp)


class Trainer:
  """Trains one run until its steps are made; from a run that diverges it goes back to the last checkpoint.

  Args:
    update: the update.
    hp: its traced numbers.
    books: where everything is written down.
    inspect: sees a new run's first rollout before anything is learnt; None for nobody.
  """

  def __init__(self, update: Update, hp: Hyperparameters, books: Bookkeeper, inspect: Inspect | None = None):
    self._update = update
    self._hp = hp
    self._books = books
    self._inspect = inspect

  def run(self, state: TrainState) -> tuple[TrainState, dict[str, float]]:
    """Train from `state`; on an interrupt, or Stopped, save first and let it through.

    Returns:
      The last state, and numbers about the training itself: env_steps, train_wall_s (without evaluations and
      saving), steps_per_s, compile_s, and those of Bookkeeper.numbers.
    """
    with self._books.tracker.compiling("update"):
      step_fn = CompiledUpdate(self._update, state, self._hp)
    done = int(state.env_steps)
    if self._inspect and not done:
      self._inspect(state, step_fn.collect(state)[1])
    meter = self._books.meter = Meter(step_fn.compile_s, self._books.trained)
    hp = self._slowed()
    with held() as raise_held:  # a signal waits until the iteration is done and in the books
      raise_held()
      try:
        while self._books.updates_left(done):
          self._books.obey()
          raise_held()
          with meter.training(self._update.steps_per_update):
            episodes, rollout = step_fn.collect(state)
            state, metrics = step_fn.learn(state, episodes, rollout, hp)
            metrics = jax.device_get(metrics)
          done += self._update.steps_per_update
          try:
            self._books.updated(done, metrics, lambda: state, meter.speed, lambda: rollout)
          except Diverged as error:
            state = self._books.roll_back(state, error)
            done, hp = int(state.env_steps), self._slowed()
          del episodes, rollout  # before the next ones need the memory
        raise_held()
      except (KeyboardInterrupt, Stopped):
        self._books.interrupted(state)
        raise
    return state, self._books.numbers() | meter.numbers() | {"env_steps": int(state.env_steps)}

  def _slowed(self) -> Hyperparameters:
    """The numbers, with the learning rates as the rollbacks so far left them."""
    return self._hp.slowed(self._books.rollbacks.factors) if self._books.rollbacks.made else self._hp
