"""Several runs as one program: each one's numbers are those it has alone, and its misfortunes are its own."""

from typing import Any

import jax
import numpy as np
import pytest
from tiny_job import TINY_AMP, make_job

from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.envs.walk import make_walk_env
from wildrobot_exp.errors import RunFailed, Stopped
from wildrobot_exp.learning.bookkeeper import Bookkeeper
from wildrobot_exp.learning.hyperparameters import make_hyperparameters
from wildrobot_exp.learning.rollback import Rollbacks
from wildrobot_exp.learning.trainer import CompiledUpdate, Trainer
from wildrobot_exp.learning.vectorised import VectorisedUpdate, pick, stack, train_together
from wildrobot_exp.motions.reference import reference_frames
from wildrobot_exp.tracking import Tracker

UPDATES = 3
TOLERANCE = dict(rtol=1e-4, atol=1e-6)  # of an update's metrics: the same sums, added in another order
SWEPT = (
  ["amp.weight=0.3", "seed=0"],
  ["amp.weight=1.0", "seed=1", "algo.learning_rate=2e-4", "reward.terms.track_vx.weight=0.5"],
  ["amp.loss.gradient_penalty=1.0", "seed=2"],
)


class Rows:
  """A sink that remembers."""

  name = "rows"

  def __init__(self):
    self.rows: dict[int, dict[str, float]] = {}

  def log(self, step: int, metrics: dict[str, float]) -> None:
    self.rows[step] = metrics

  def rewind(self, step: int) -> None:
    self.rows = {at: metrics for at, metrics in self.rows.items() if at <= step}

  def close(self, exit_code: int) -> None:
    pass


class Runs:
  """Runs of SWEPT, ready to be trained, together or alone; the program for all of them is compiled once."""

  def __init__(self):
    self.jobs = [make_job(*TINY_AMP, *overrides) for overrides in SWEPT]
    first = self.jobs[0]
    frames = reference_frames(first.experiment.robot, first.experiment.clips)
    self.envs = [make_walk_env(job.cfg, first.experiment.env.physics, frames) for job in self.jobs]
    self.variations = [env.variation for env in self.envs]
    self.hps = [make_hyperparameters(job.cfg, env) for job, env in zip(self.jobs, self.envs)]
    self.update = VectorisedUpdate(first.update)
    self.size = first.update.steps_per_update

  def states(self) -> list[Any]:
    update = self.jobs[0].update
    return [update.init(jax.random.PRNGKey(i), variation) for i, variation in enumerate(self.variations)]

  def books(self, folder, number: int, **changed: Any) -> tuple[Bookkeeper, Rows]:
    rows = Rows()
    settings = dict(
      steps_per_update=self.size,
      total_steps=UPDATES * self.size,
      log_every=1,
      save_every=10**9,
      evaluate_every=10**9,
      config={},
      quick_evaluation=None,
      columns=lambda metrics: {name: value for name, value in metrics.items() if np.ndim(value) == 0},
      rollbacks=Rollbacks(1, folder / str(number) / "rollbacks.json", go_on=False),
    )
    return Bookkeeper(Tracker([rows]), Checkpoints(folder / str(number)), **(settings | changed)), rows

  def train(self, folder, changed: dict[int, dict] | None = None, hps=None):
    """All together: (what train_together returns, rows of each run, who ended early)."""
    both = [self.books(folder, i, **(changed or {}).get(i, {})) for i in range(len(self.jobs))]
    ended: dict[int, Exception] = {}
    trained = train_together(
      self.update,
      self.states(),
      self.variations,
      hps or self.hps,
      [books for books, _ in both],
      [None] * len(both),
      ended.__setitem__,
    )
    return trained, [rows.rows for _, rows in both], ended


@pytest.fixture(scope="module")
def runs() -> Runs:
  return Runs()


@pytest.fixture(scope="module")
def together(runs, tmp_path_factory):
  return runs.train(tmp_path_factory.mktemp("together"))


def test_every_update_of_a_run_is_the_one_it_makes_alone(runs):
  """From the same state to the same metrics and parameters, three times over. The states of the run alone go on:
  a robot that lands a bit earlier is another robot soon, and rounding decides that in any two programs."""
  job, hp, states = runs.jobs[1], stack(runs.hps), runs.states()
  state = job.start(1)
  update_all = CompiledUpdate(runs.update, stack(states), hp, stack(runs.variations))
  update_one = CompiledUpdate(job.update, state, job.hp)
  for _ in range(UPDATES):
    together, metrics = update_all(stack([states[0], state, states[2]]), hp)
    state, expected = update_one(state, job.hp)
    metrics = {name: values[1] for name, values in metrics.items()}
    for name, value in expected.items():
      np.testing.assert_allclose(metrics[name], value, **TOLERANCE, err_msg=name)
    params, own = (jax.tree.leaves(tree.learner.params) for tree in (pick(together, 1), state))
    for a, b in zip(params, own, strict=True):
      np.testing.assert_allclose(a, b, atol=1e-5)


def test_a_whole_run_s_metrics_stay_close_to_those_it_has_alone(runs, together, tmp_path):
  job = runs.jobs[1]
  books, alone = runs.books(tmp_path, 1)
  Trainer(job.update, job.hp, books).run(job.start(1))
  rows = together[1][1]
  assert list(rows) == list(alone.rows) == [runs.size * i for i in range(1, UPDATES + 1)]
  for step, expected in alone.rows.items():
    for name in ("train/value_loss", "train/task_reward", "amp/style_reward", "amp/loss", "train/learning_rate"):
      np.testing.assert_allclose(rows[step][name], expected[name], rtol=0.1, err_msg=f"{name} at {step}")


def test_the_runs_differ_and_each_counts_its_own_steps(runs, together):
  trained, rows, ended = together
  assert list(trained) == [0, 1, 2] and ended == {}
  last = [row[UPDATES * runs.size] for row in rows]
  assert len({row["train/policy_loss"] for row in last}) == 3
  assert last[0]["train/learning_rate"] != last[1]["train/learning_rate"]
  for number, (state, numbers) in trained.items():
    assert int(state.env_steps) == numbers["env_steps"] == UPDATES * runs.size
    assert numbers["compile_s"] > 0 and state.amp is not None, number


def test_what_was_stacked_can_be_picked():
  trees = [{"a": np.arange(3.0) + i, "b": (np.float32(i),)} for i in range(4)]
  for i, tree in enumerate(trees):
    assert jax.tree.all(jax.tree.map(np.array_equal, pick(stack(trees), i), tree))


def test_a_run_whose_numbers_go_bad_leaves_the_others_as_they_are(runs, together, tmp_path):
  broken = [runs.hps[0], runs.hps[1].replace(learning_rate=np.float32(np.nan)), runs.hps[2]]
  trained, rows, ended = runs.train(tmp_path, hps=broken)
  assert list(trained) == [0, 2] and isinstance(ended[1], RunFailed)
  for number in (0, 2):
    for step, expected in together[1][number].items():
      metrics = {name: v for name, v in expected.items() if not name.startswith("perf/") and name != "wall_s"}
      assert {name: rows[number][step][name] for name in metrics} == metrics


def test_a_run_that_is_asked_to_stop_is_saved_and_the_others_go_on(runs, tmp_path):
  asked = iter([None, Stopped("behind")])

  def obey() -> None:
    if (stop := next(asked)) is not None:
      raise stop

  trained, _, ended = runs.train(tmp_path, {1: {"obey": obey}})
  assert list(trained) == [0, 2] and str(ended[1]) == "behind"
  assert Checkpoints(tmp_path / "1").steps() == [runs.size]


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch):
  """Where run 1 saves."""
  save = Checkpoints.save

  def refused(self, step, *args, **kwargs):
    if self.folder.parent.name == "1":
      raise OSError(28, "No space left on device")
    return save(self, step, *args, **kwargs)

  monkeypatch.setattr(Checkpoints, "save", refused)


def test_a_run_that_cannot_be_saved_when_it_is_asked_to_stop_fails_alone(runs, tmp_path, full_disk):
  asked = iter([None, Stopped("behind")])

  def obey() -> None:
    if (stop := next(asked)) is not None:
      raise stop

  trained, _, ended = runs.train(tmp_path, {1: {"obey": obey}})
  assert list(trained) == [0, 2] and "No space left" in str(ended[1])


def test_an_interrupt_saves_every_run_that_can_be_saved(runs, tmp_path, full_disk):
  with pytest.raises(KeyboardInterrupt):
    runs.train(tmp_path, {2: {"columns": interrupt}})
  assert [Checkpoints(tmp_path / str(number)).steps() for number in range(3)] == [[runs.size], [], [runs.size]]


def interrupt(metrics) -> dict[str, float]:
  raise KeyboardInterrupt


def test_an_interrupt_saves_every_run(runs, tmp_path):
  with pytest.raises(KeyboardInterrupt):
    runs.train(tmp_path, {2: {"columns": interrupt}})
  assert [Checkpoints(tmp_path / str(number)).steps() for number in range(3)] == [[runs.size]] * 3
