"""Checkpoints: to the bit, whole or not at all, never a damaged one."""

import json
import logging
import resource
from pathlib import Path
from typing import NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import optax
import pytest
from brax.training.acme import running_statistics, specs

import wildrobot_exp.checkpoints as checkpoints_module
from wildrobot_exp.checkpoint_card import read_card, write_card
from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.errors import RunFailed, UserError


class Counters(NamedTuple):
  updates: jax.Array
  label: None


@flax.struct.dataclass
class State:
  params: dict
  optimiser: tuple
  normaliser: running_statistics.RunningStatisticsState
  rng: jax.Array
  counters: Counters
  extras: dict


def build(seed: int, width: int = 4) -> State:
  """A state with every kind of leaf a training state may hold."""
  keys = jax.random.split(jax.random.PRNGKey(seed), 3)
  kernel = jax.random.normal(keys[0], (3, width))
  params = {"hidden_0": {"kernel": kernel, "bias": jnp.full(width, jnp.nan)}}
  optimiser = optax.adam(optax.linear_schedule(1e-3, 0.0, 10))
  gradients = jax.tree.map(jnp.ones_like, params)
  _, moments = optimiser.update(gradients, optimiser.init(params), params)
  normaliser = running_statistics.init_state(specs.Array((3,), jnp.float32))
  normaliser = running_statistics.update(normaliser, jax.random.normal(keys[1], (7, 3)))
  extras = {
    "reward/upright": jnp.float32(-0.0), "half": jnp.asarray([1.5, -jnp.inf], jnp.bfloat16),
    "empty": np.zeros((0, 5)), "big": np.array(2**62 + 1), "f64": np.float64(0.1 + 0.2), "int8": np.int8(-3),
    "flags": jnp.array([True, False]), "python": [seed, 0.1, True], "weak": jnp.asarray(0.1),
    "weak int": jnp.full(2, 7), "weak nan": jnp.full(2, np.nan), "f16": np.ones((2, 1), ml_dtypes.bfloat16),
  }
  return State(params, moments, normaliser, keys[2], Counters(jnp.uint32(seed), None), extras)


def bits(leaf) -> tuple:
  array = np.asarray(leaf)
  weak = isinstance(leaf, jax.Array) and leaf.weak_type
  python = type(leaf) if not isinstance(leaf, jax.Array) else jax.Array
  return python, weak, array.dtype, array.shape, array.tobytes()


def same(a, b) -> bool:
  return jax.tree.structure(a) == jax.tree.structure(b) and all(
    bits(x) == bits(y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def save(checkpoints: Checkpoints, step: int, score: float | None = None, state=None) -> Path:
  state = {"w": np.full(1000, step, np.float32)} if state is None else state
  return checkpoints.save(step, state, metrics={"eval/return": 1.0}, config={"seed": 0}, score=score)


def truncate(folder: Path) -> None:
  largest = max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
  largest.write_bytes(largest.read_bytes()[:-10])


TEMPLATE = {"w": np.zeros(1000, np.float32)}


def test_every_leaf_comes_back_to_the_bit_and_as_the_object_it_was(tmp_path):
  state = build(1)
  save(Checkpoints(tmp_path), 10, state=state)
  restored = Checkpoints(tmp_path).restore("latest", build(2))
  assert not same(state, build(2))
  assert same(state, restored)


def test_a_template_may_be_shapes_only(tmp_path):
  state = build(1).params
  save(Checkpoints(tmp_path), 10, state=state)
  assert same(state, Checkpoints(tmp_path).restore(10, jax.eval_shape(lambda: build(2).params)))


def test_a_jitted_state_fits_the_template_it_was_made_from(tmp_path):
  initial = running_statistics.init_state(specs.Array((3,), jnp.float32))  # it counts in Python numbers
  state = jax.jit(lambda s: running_statistics.update(s, jnp.ones((2, 3))))(initial)
  save(Checkpoints(tmp_path), 1, state=state)
  restored = Checkpoints(tmp_path).restore("latest", initial)
  assert same(state, restored)
  traces = []
  step = jax.jit(lambda s: traces.append(0) or jax.tree.map(lambda x: x, s))
  step(state), step(restored)
  assert len(traces) == 1, "the restored state made the program compile again"


def test_restored_arrays_may_be_donated_and_leave_the_checkpoint_alone(tmp_path):
  checkpoints = Checkpoints(tmp_path)
  save(checkpoints, 1, state={"w": jnp.arange(1000.0)})
  for _ in range(2):
    restored = checkpoints.restore(1, {"w": jnp.zeros(1000)})
    assert restored["w"][-1] == 999
    jax.jit(lambda s: jax.tree.map(lambda x: x * 0, s), donate_argnums=0)(restored)


@pytest.mark.parametrize("template, message", [
  (lambda: build(2, width=5), r"'params/hidden_0/bias' is float32\[4\] in the checkpoint and float32\[5\]"),
  (lambda: build(2).replace(rng=jnp.zeros(2)), r"'rng' is uint32\[2\] in the checkpoint and float32\[2\]"),
  (lambda: build(2).replace(params={"hidden_1": jnp.zeros(1)}), "has no leaf 'params/hidden_1'"),
  (lambda: build(2).replace(extras={}), "has a leaf 'extras/big'"),
])
def test_a_wrong_template_is_refused_and_the_first_differing_leaf_named(tmp_path, template, message):
  save(Checkpoints(tmp_path), 10, state=build(1))
  with pytest.raises(UserError, match=message):
    Checkpoints(tmp_path).restore("latest", template())


def test_a_part_of_a_checkpoint_is_restored_to_the_bit_and_the_rest_stays_away(tmp_path):
  save(Checkpoints(tmp_path), 10, state=build(1))
  template = build(2).replace(optimiser=None, normaliser=None, counters=None, extras=None)
  part = Checkpoints(tmp_path).restore("latest", template, part=True)
  assert same(build(1).params, part.params) and same(build(1).rng, part.rng)
  assert part.optimiser is part.normaliser is part.counters is part.extras is None
  with pytest.raises(UserError, match="has a leaf .*which this run does not have"):
    Checkpoints(tmp_path).restore("latest", template)


@pytest.mark.parametrize("template, message", [
  (lambda: {"params": build(2, width=5).params}, "'params/hidden_0/bias' is float32"),
  (lambda: {"params": {"hidden_1": jnp.zeros(1)}}, "has no leaf 'params/hidden_1'"),
])
def test_a_part_that_is_not_there_or_of_another_shape_is_refused(tmp_path, template, message):
  save(Checkpoints(tmp_path), 10, state=build(1))
  with pytest.raises(UserError, match=message):
    Checkpoints(tmp_path).restore("latest", template(), part=True)


def test_what_is_not_a_number_is_refused_by_name(tmp_path):
  with pytest.raises(TypeError, match="'rng'"):
    save(Checkpoints(tmp_path), 1, state={"rng": jax.random.key(0)})
  with pytest.raises(TypeError, match="'name'"):
    save(Checkpoints(tmp_path), 1, state={"name": "walk"})
  assert Checkpoints(tmp_path).steps() == []


def test_the_newest_and_the_best_are_kept(tmp_path):
  checkpoints = Checkpoints(tmp_path, keep=2)
  for step, score in [(1, 0.5), (2, 0.9), (3, 0.1), (4, float("nan")), (5, None)]:
    save(checkpoints, step, score)
  assert checkpoints.steps() == [2, 4, 5]
  assert checkpoints.best_step() == 2
  assert checkpoints.restore("best", TEMPLATE)["w"][0] == 2
  assert checkpoints.restore("latest", TEMPLATE)["w"][0] == 5


def test_of_equal_scores_the_later_is_the_best(tmp_path):
  checkpoints = Checkpoints(tmp_path)
  save(checkpoints, 1, 1.0), save(checkpoints, 2, 1.0)
  assert checkpoints.best_step() == 2


def test_step_config_metrics_and_the_index_are_plain_json(tmp_path):
  checkpoints = Checkpoints(tmp_path)
  folder = checkpoints.save(7, TEMPLATE, metrics={"eval/survival": 0.75, "amp/loss": float("nan")},
                            config={"algo": {"clip": 0.2}}, score=0.75)
  card = json.loads((folder / "checkpoint.json").read_text())
  assert (card["step"], card["score"], card["config"]) == (7, 0.75, {"algo": {"clip": 0.2}})
  assert card["metrics"] == {"eval/survival": 0.75, "amp/loss": None}
  assert checkpoints.info(7) == {key: value for key, value in card.items() if key != "crc"}
  index = json.loads((tmp_path / "checkpoints" / "index.json").read_text())
  assert (index["latest"], index["best"], [entry["step"] for entry in index["checkpoints"]]) == (7, 7, [7])


def test_a_truncated_checkpoint_is_reported_and_the_one_before_is_used(tmp_path, caplog):
  checkpoints = Checkpoints(tmp_path)
  save(checkpoints, 1, 0.1), save(checkpoints, 2, 0.2)
  truncate(tmp_path / "checkpoints" / "2")
  with caplog.at_level(logging.WARNING):
    assert checkpoints.restore("latest", TEMPLATE)["w"][0] == 1
    assert checkpoints.restore("best", TEMPLATE)["w"][0] == 1
  assert "checkpoint 2 is damaged" in caplog.text
  with pytest.raises(UserError, match="checkpoint 2 is damaged"):
    checkpoints.restore(2, TEMPLATE)


def test_a_single_flipped_bit_is_noticed(tmp_path):
  checkpoints = Checkpoints(tmp_path)
  folder = save(checkpoints, 1, state={"w": np.random.default_rng(0).standard_normal(1000)})
  largest = max((folder / "state").rglob("d/*"), key=lambda path: path.stat().st_size)
  content = bytearray(largest.read_bytes())
  content[len(content) // 2] ^= 1
  largest.write_bytes(content)
  with pytest.raises(UserError, match="every checkpoint .* is damaged"):
    checkpoints.restore("latest", TEMPLATE)


def test_a_checkpoint_whose_card_is_cut_short_is_damaged(tmp_path, caplog):
  checkpoints = Checkpoints(tmp_path)
  save(checkpoints, 1), save(checkpoints, 2)
  card = tmp_path / "checkpoints" / "2" / "checkpoint.json"
  card.write_text(card.read_text()[:100])
  assert checkpoints.resolve("latest") == 1
  assert "checkpoint 2 is damaged" in caplog.text


def damage(folder: Path, **changes) -> None:
  """Changes numbers of a card, as a bit that flips would."""
  card = json.loads((folder / "checkpoint.json").read_text())
  (folder / "checkpoint.json").write_text(json.dumps(card | changes))


@pytest.mark.parametrize("change", [{"score": 0.3}, {"config": {"seed": 1}}, {"books": {"returns": [1.0]}}])
def test_a_card_whose_numbers_have_changed_is_damaged(tmp_path, caplog, change):
  checkpoints = Checkpoints(tmp_path)
  save(checkpoints, 1, 0.1), save(checkpoints, 2, 0.2)
  damage(tmp_path / "checkpoints" / "2", **change)
  assert checkpoints.resolve("latest") == checkpoints.resolve("best") == 1
  with pytest.raises(UserError, match="checkpoint 2 is damaged .checkpoint.json has changed since it was written"):
    checkpoints.info(2)


def test_a_card_from_before_cards_were_sealed_is_read(tmp_path):
  card = save(Checkpoints(tmp_path), 1, 0.1) / "checkpoint.json"
  content = json.loads(card.read_text())
  del content["crc"]
  card.write_text(json.dumps(content))
  assert Checkpoints(tmp_path).restore("latest", TEMPLATE)["w"][0] == 1


WRONG = [{"step": "2"}, {"score": [1]}, {"config": 3}, {"books": []}, {"files": {"a": "b"}}, {"leaves": {"w": 3}},
         {"metrics": None}, {"bytes": "many"}, {"leaves": {"w": {"shape": [-1], "dtype": "float32", "kind": "jax"}}}]


@pytest.mark.parametrize("change", WRONG)
def test_a_card_with_something_else_in_it_is_damaged_whatever_its_checksum_says(tmp_path, change):
  checkpoints = Checkpoints(tmp_path)
  folder = save(checkpoints, 2)
  card = read_card(folder)[0]
  write_card(folder, card | change)
  for ask in (lambda: checkpoints.info(2), lambda: checkpoints.arrays(2), lambda: checkpoints.restore(2, TEMPLATE)):
    with pytest.raises(UserError, match="checkpoint 2 is damaged .checkpoint.json: .* is not what belongs there"):
      ask()


def test_a_checkpoint_under_another_step_s_name_is_damaged(tmp_path):
  folder = save(Checkpoints(tmp_path), 2)
  folder.rename(folder.with_name("3"))
  with pytest.raises(UserError, match="checkpoint 3 is damaged .it is the checkpoint of step 2"):
    Checkpoints(tmp_path).info(3)


def test_a_damaged_checkpoint_takes_no_good_one_s_place(tmp_path, caplog):
  checkpoints = Checkpoints(tmp_path, keep=1)
  save(checkpoints, 1, 0.1)
  truncate(save(checkpoints, 9))
  assert checkpoints.steps() == [1, 9]
  save(checkpoints, 2, 0.2)
  assert checkpoints.steps() == [2, 9] and checkpoints.resolve("latest") == 2
  assert "checkpoint 9 is damaged" in caplog.text
  checkpoints.drop_beyond(2)
  assert checkpoints.steps() == [2]


def test_a_damaged_best_does_not_stay_for_its_score(tmp_path):
  checkpoints = Checkpoints(tmp_path, keep=1)
  truncate(save(checkpoints, 1, 0.9))
  save(checkpoints, 2, 0.5), save(checkpoints, 3, 0.4)
  assert checkpoints.steps() == [2, 3] and checkpoints.best_step() == 2


def test_what_the_disk_gives_back_otherwise_was_not_saved(tmp_path, monkeypatch):
  checkpoints = Checkpoints(tmp_path)
  save(checkpoints, 1)
  monkeypatch.setattr(checkpoints_module, "write_card", lambda folder, card: truncate(folder / "state") or write_card(
    folder, card))
  with pytest.raises(RunFailed, match="step 2 could not be written .*has changed since it was written"):
    save(checkpoints, 2)
  assert checkpoints.resolve("latest") == 1


def test_what_a_killed_save_left_is_never_seen_and_swept_away(tmp_path):
  checkpoints = Checkpoints(tmp_path)
  folder = save(checkpoints, 1)
  folder.rename(folder.with_name(".partial-2"))
  assert checkpoints.steps() == []
  with pytest.raises(UserError, match="no checkpoint in"):
    checkpoints.restore("latest", TEMPLATE)
  save(checkpoints, 3)
  assert sorted(entry.name for entry in (tmp_path / "checkpoints").iterdir()) == ["3", "index.json"]


def test_a_step_saved_again_replaces_the_old_one(tmp_path):
  checkpoints = Checkpoints(tmp_path)
  save(checkpoints, 1), save(checkpoints, 1, state={"w": np.full(1000, 9, np.float32)})
  assert checkpoints.steps() == [1]
  assert checkpoints.restore(1, TEMPLATE)["w"][0] == 9


def test_a_disk_that_refuses_is_a_failed_run_and_keeps_the_last_checkpoint(tmp_path):
  checkpoints = Checkpoints(tmp_path)
  save(checkpoints, 1)
  soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
  try:
    with pytest.raises(RunFailed, match="step 2 could not be written .*there is 1 in"):
      save(checkpoints, 2, state={"w": np.random.default_rng(0).standard_normal(100_000)})
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
  assert checkpoints.steps() == [1]
  assert checkpoints.restore("latest", TEMPLATE)["w"][0] == 1


def test_a_step_that_is_not_there_is_refused_with_those_that_are(tmp_path):
  checkpoints = Checkpoints(tmp_path)
  save(checkpoints, 1), save(checkpoints, 2)
  with pytest.raises(UserError, match="no checkpoint at step 3 .* there is 1, 2"):
    checkpoints.restore(3, TEMPLATE)
  with pytest.raises(UserError, match="has a score: name one"):
    checkpoints.restore("best", TEMPLATE)


def test_another_robot_is_noticed(tmp_path):
  Checkpoints(tmp_path, model_hash="a" * 64).save(1, TEMPLATE, metrics={}, config={})
  Checkpoints(tmp_path, model_hash="a" * 64).check_model(1)
  Checkpoints(tmp_path).check_model(1)  # the reader has no robot
  with pytest.raises(UserError, match=r"wildrobot.xml was aaaaaaaaaaaa, is bbbbbbbbbbbb.*resume_allow=\[model\]"):
    Checkpoints(tmp_path, model_hash="b" * 64).check_model(1)


def test_a_checkpoint_of_another_schema_is_refused(tmp_path):
  checkpoints = Checkpoints(tmp_path)
  card_path = save(checkpoints, 1) / "checkpoint.json"
  card_path.write_text(json.dumps(json.loads(card_path.read_text()) | {"schema": 2}))
  with pytest.raises(UserError, match="has the schema 2, and this version reads 1"):
    checkpoints.restore("latest", TEMPLATE)


def test_what_was_saved_is_counted_in_bytes(tmp_path):
  folder = save(Checkpoints(tmp_path), 1)
  arrays = [path for path in (folder / "state").rglob("*") if path.is_file()]
  assert Checkpoints(tmp_path).info(1)["bytes"] == sum(path.stat().st_size for path in arrays) > 0
