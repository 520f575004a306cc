"""Many runs as one program: the runs' numbers are traced, so all of them share shapes, programs and one compile."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from wildrobot_exp.envs.walk import Variation
from wildrobot_exp.errors import RunFailed, Stopped
from wildrobot_exp.interrupts import held
from wildrobot_exp.learning.bookkeeper import Bookkeeper
from wildrobot_exp.learning.hyperparameters import Hyperparameters
from wildrobot_exp.learning.meter import Meter
from wildrobot_exp.learning.trainer import CompiledUpdate, Inspect
from wildrobot_exp.learning.update import TrainState, Update

Ended = Callable[[int, RunFailed | Stopped | OSError], None]  # the run's number, and why it goes no further


def stack(trees: Sequence[Any]) -> Any:
  """Pytrees of one structure as one, every leaf [J, ...]."""
  return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


@jax.jit
def pick(tree: Any, number: int) -> Any:
  """One of the pytrees that were stacked."""
  return jax.tree.map(lambda leaf: leaf[number], tree)


class VectorisedUpdate:
  """An Update of J runs side by side: every leaf of state, variation, rollout and hyperparameters is [J, ...].

  Args:
    update: of one run.
  """

  def __init__(self, update: Update):
    self.steps_per_update = update.steps_per_update  # of one run
    self.collect = jax.jit(jax.vmap(update.collect))
    self.learn = jax.jit(jax.vmap(update.learn), donate_argnums=(0,))


def train_together(
  update: VectorisedUpdate,
  states: Sequence[TrainState],
  variations: Sequence[Variation],
  hps: Sequence[Hyperparameters],
  books: Sequence[Bookkeeper],
  inspects: Sequence[Inspect | None],
  ended: Ended,
) -> dict[int, tuple[TrainState, dict[str, float]]]:
  """Train J new runs of equal length.

  A run that fails, cannot be written, or is asked to stop and was saved, is left alone from then on: its numbers are
  computed on, and nothing is written down. One that diverges fails: it cannot go back to its last checkpoint without
  the others.

  Args:
    update: of the J runs.
    states, variations, hps, books, inspects: of each run, see `Trainer`.
    ended: told of such a run.

  Returns:
    What Trainer.run returns, for each run that came to its end. A run's steps per second are its own: J times as
    many were made.

  Raises:
    KeyboardInterrupt: after every run was saved.
    UserError: an inspection found the reference or a feature broken.
  """
  state, hp = stack(states), stack(hps)
  with books[0].tracker.compiling(f"one update of {len(books)} runs"):
    step_fn = CompiledUpdate(update, state, hp, stack(variations))
  first = step_fn.collect(state)[1]
  for number, inspect in enumerate(inspects):
    if inspect:
      inspect(pick(state, number), pick(first, number))
  alive = dict(enumerate(books))
  meter = Meter(step_fn.compile_s, {})  # they are new
  for book in books:
    book.meter = meter
  done, size = 0, update.steps_per_update
  with held() as raise_held:  # a signal waits until the iteration is done and in all books
    raise_held()
    try:
      for _ in range(books[0].updates_left(done)):
        raise_held()
        for number, book in list(alive.items()):
          try:
            book.obey()
          except Stopped as stopped:
            del alive[number]
            ended(number, _save(book, pick(state, number)) or stopped)
        if not alive:
          break
        with meter.training(size):
          episodes, rollout = step_fn.collect(state)
          state, metrics = step_fn.learn(state, episodes, rollout, hp)
          metrics = jax.device_get(metrics)
        done += size
        speed = _once(meter.speed)
        for number, book in list(alive.items()):
          own = {name: values[number] for name, values in metrics.items()}
          try:
            book.updated(done, own, lambda: pick(state, number), speed, functools.partial(pick, rollout, number))
          except (RunFailed, OSError) as error:
            del alive[number]
            ended(number, error)
        del episodes, rollout  # before the next ones need the memory
      raise_held()
    except KeyboardInterrupt:
      for number, book in alive.items():
        if error := _save(book, pick(state, number)):
          ended(number, error)
      raise
  numbers = meter.numbers() | {"env_steps": done}
  return {number: (pick(state, number), book.numbers() | numbers) for number, book in alive.items()}


def _save(book: Bookkeeper, state: TrainState) -> RunFailed | OSError | None:
  """Save a run that goes no further; what the disk has against it, which is no other run's misfortune, is returned."""
  try:
    book.interrupted(state)
  except (RunFailed, OSError) as error:
    return error
  return None


def _once(function: Callable[[], dict[str, float]]) -> Callable[[], dict[str, float]]:
  """Calls it when first asked and gives the same answer again."""
  answers: list[dict[str, float]] = []

  def ask() -> dict[str, float]:
    if not answers:
      answers.append(function())
    return answers[0]

  return ask
