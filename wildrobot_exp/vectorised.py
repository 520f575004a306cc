"""Jobs that differ only in traced numbers: trained as one program, each with a complete run folder of its own."""

# isort: off
from wildrobot_exp.physics import quiet_mjx as _quiet_mjx  # noqa: F401  before Brax imports mujoco.mjx, aloud

# isort: on
import contextlib
import dataclasses
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TextIO

import jax
import numpy as np
import psutil

from wildrobot_exp.building import Experiment, build, make_update
from wildrobot_exp.built_check import check_built, check_update
from wildrobot_exp.envs.walk import make_walk_env
from wildrobot_exp.errors import RunFailed, Stopped
from wildrobot_exp.evaluation.policies import make_actor
from wildrobot_exp.evaluation.protocol import Programs
from wildrobot_exp.experiment import prepare_process, quick_evaluation
from wildrobot_exp.interrupts import held, raise_held
from wildrobot_exp.learning.hyperparameters import make_hyperparameters
from wildrobot_exp.learning.update import Update
from wildrobot_exp.learning.vectorised import VectorisedUpdate, train_together
from wildrobot_exp.motions.reference import AmpReference, reference_frames
from wildrobot_exp.prior import HealthCheck, clip_warnings, make_reference, with_discriminator
from wildrobot_exp.recording import Recording, recording

FREE_SHARE = 0.5  # of the free memory, used where no cap is given
COPIES_OF_ROLLOUT = 4  # alive at once while learning: as collected, as Brax wants it, shuffled, gradients
COPIES_OF_STATE = 2  # before and after an update


@dataclasses.dataclass(frozen=True)
class Run:
  """One of the jobs: its checked config, its folder, what was typed for it, and where its lines go."""

  cfg: Any
  folder: Path
  overrides: Sequence[str]
  console: TextIO


class Verdicts(Protocol):
  """Told how a run ended, as soon as that is known."""

  def ok(self, run: Run, numbers: dict[str, float]) -> None: ...

  def failed(self, run: Run, error: Exception) -> None: ...


def run_together(runs: Sequence[Run], *, group: str, memory_gb: float | None, verdicts: Verdicts) -> None:
  """Train, evaluate and report all runs; as many side by side as fit into memory.

  Args:
    runs: equal but for numbers that sweeps.traced.TRACED names.
    group: name of the sweep.
    memory_gb: cap on the program's memory, GB; None for half of what is free.
    verdicts: told of every run's end.

  Raises:
    KeyboardInterrupt: after every unfinished run was saved.
    UserError: the config they share makes no sense.
  """
  prepare_process()
  with held():  # from here on JAX calls back into Python
    _run_together(runs, group, memory_gb, verdicts)


def _run_together(runs: Sequence[Run], group: str, memory_gb: float | None, verdicts: Verdicts) -> None:
  experiment = build(runs[0].cfg)
  raise_held()
  cfg = runs[0].cfg
  check_built(cfg, experiment)
  reference = None if cfg.amp is None else make_reference(cfg, experiment.robot, experiment.clips)
  update = make_update(cfg, experiment, reference)
  together = _Together(experiment, update, reference, quick_evaluation(cfg, experiment), group, verdicts)
  for chunk in chunks(len(runs), bytes_per_run(update), memory_cap(memory_gb)):
    together.run([runs[number] for number in chunk])


class _Together:
  """What all chunks share."""

  def __init__(
    self,
    experiment: Experiment,
    update: Update,
    reference: AmpReference | None,
    quick: Any,
    group: str,
    verdicts: Verdicts,
  ):
    self._experiment = experiment
    self._update = update
    self._reference = reference
    self._quick = quick
    self._group = group
    self._verdicts = verdicts
    self._frames = reference_frames(experiment.robot, experiment.clips)
    self._programs: dict[str, Programs] = {}  # by reward weights, which an evaluation's return depends on

  def run(self, runs: Sequence[Run]) -> None:
    """Train one chunk, then evaluate its runs one after the other."""
    started = time.monotonic()
    envs = [make_walk_env(run.cfg, self._experiment.env.physics, self._frames) for run in runs]
    variations = [env.variation for env in envs]
    states = [
      with_discriminator(run.cfg, self._update.init(jax.random.PRNGKey(run.cfg.seed), variation))
      for run, variation in zip(runs, variations)
    ]
    hps = [make_hyperparameters(run.cfg, env) for run, env in zip(runs, envs)]
    for run, state, hp in zip(runs, states, hps):
      check_update(run.cfg, self._update, state, hp)
    update = VectorisedUpdate(self._update)
    with contextlib.ExitStack() as all_of_them:
      open_ones = [all_of_them.enter_context(contextlib.ExitStack()) for _ in runs]
      records = [own.enter_context(self._recording(run)) for own, run in zip(open_ones, runs)]
      healths = [self._health(record) for record in records]
      books = [
        record.books(update.steps_per_update, self._quick, health and health.columns, self._experiment.robot)
        for record, health in zip(records, healths)
      ]

      def ended(number: int, error: RunFailed | Stopped | OSError) -> None:
        with self._verdict(runs[number]), open_ones[number].pop_all():
          raise error

      inspects = [health and health.start for health in healths]
      trained = train_together(update, states, variations, hps, books, inspects, ended)
      trained_s = time.monotonic() - started
      for number, (state, numbers) in trained.items():
        raise_held()
        with self._verdict(runs[number]):
          with open_ones[number].pop_all():
            record = records[number]
            began = time.monotonic() - trained_s  # its share of the wall time: the training of all, its own evaluation
            record.conclude(self._experiment, *record.best(state), numbers, began, self._programs_for(record.cfg))
          self._verdicts.ok(runs[number], record.numbers)

  def _programs_for(self, cfg: Any) -> Programs:
    key = str(cfg.reward)
    if key not in self._programs:
      self._programs[key] = Programs(cfg, make_actor(self._experiment.networks))
    return self._programs[key]

  def _recording(self, run: Run) -> contextlib.AbstractContextManager[Recording]:
    return recording(run.cfg, run.folder, overrides=run.overrides, group=self._group, console=run.console)

  def _health(self, record: Recording) -> HealthCheck | None:
    for warning in clip_warnings(record.cfg, self._experiment.robot, self._experiment.clips):
      record.tracker.say(warning)
    if self._reference is None:
      return None
    return HealthCheck(self._update.style, self._reference, record.run_dir, record.tracker.say)

  @contextlib.contextmanager
  def _verdict(self, run: Run) -> Iterator[None]:
    """What goes wrong inside is this run's own misfortune; the others go on."""
    try:
      yield
    except Exception as error:
      self._verdicts.failed(run, error)


def bytes_per_run(update: Update) -> int:
  """Roughly what one more run needs while training."""
  state = jax.eval_shape(update.init, jax.random.PRNGKey(0))
  _, rollout = jax.eval_shape(update.collect, state)
  return COPIES_OF_STATE * _size(state) + COPIES_OF_ROLLOUT * _size(rollout)


def memory_cap(memory_gb: float | None) -> int:
  """The cap in bytes: as given, or half of what the device (or this machine) has free."""
  if memory_gb is not None:
    return round(memory_gb * 1e9)
  stats = jax.local_devices()[0].memory_stats() or {}
  free = stats["bytes_limit"] - stats["bytes_in_use"] if "bytes_limit" in stats else psutil.virtual_memory().available
  return round(FREE_SHARE * free)


def chunks(count: int, each: int, cap: int) -> list[list[int]]:
  """0 .. count - 1 in the fewest parts of nearly equal length that hold at most `cap` bytes, at least one run each."""
  most = max(1, cap // each)
  return [part.tolist() for part in np.array_split(np.arange(count), -(-count // most))]


def _size(tree: Any) -> int:
  return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))
