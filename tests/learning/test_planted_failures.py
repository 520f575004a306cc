"""Known mistakes, planted one at a time in real features: before training something names the culprit."""

import csv
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_exp.config.compose import load
from wildrobot_exp.errors import UserError
from wildrobot_exp.learning.health import Health
from wildrobot_exp.learning.style import Style
from wildrobot_exp.motions import make_gait_grid
from wildrobot_exp.motions.features import FIELDS
from wildrobot_exp.motions.reference import make_amp_reference
from wildrobot_exp.robots.robot import FEET

ALL = tuple(FIELDS)
SPEEDS = [0.0, 0.1, 0.2, 0.3]


@pytest.fixture(scope="module")
def sides(robot, ppo_amp):
  """Real features: of the generated walk, and of an untrained policy's first steps."""
  clips = make_gait_grid(robot, SPEEDS, 0.8, 0.035, 0.02, 0.2, stand_at_zero=True)
  reference = make_amp_reference(robot, clips, condition="command", names=ALL)
  amp = SimpleNamespace(conditioned=True)
  style = Style(amp, robot, names=ALL, window=2, covered=reference.covered, uncovered="refuse")
  extract, state, rows = jax.jit(style.features), ppo_amp.start(), []
  for _ in range(5):
    episodes, rollout = ppo_amp.update.collect(state)
    rows.append(np.asarray(extract(jnp.zeros((0, ppo_amp.cfg.num_envs, 40)), rollout)[0]))
    state = state.replace(episodes=episodes, rng=jax.random.fold_in(state.rng, 1))
  return reference, np.concatenate(rows).reshape(-1, len(reference.names))


def columns(names: list[str], part: str) -> list[int]:
  return [i for i, name in enumerate(names) if part in name]


@pytest.fixture
def start(sides, tmp_path):
  """start(reference=f, policy=g) -> (what was said, rows of the table); each changes its side's features."""

  def run(reference=lambda x: x, policy=lambda x: x):
    made, raw = sides
    said, file = [], tmp_path / "amp_start.csv"
    real = np.array(made.features)
    args = made.names, reference(real), np.asarray(made.floors), made.bounds
    Health(*args, file=file, say=said.append).start(policy(raw.copy()))
    with file.open(newline="") as opened:
      return said, list(csv.DictReader(opened))

  return run


def changed(names, part, change):
  """A function that changes the columns whose name has `part` in it."""

  def apply(features):
    index = columns(names, part)
    features[:, index] = change(features[:, index])
    return features

  return apply


def test_without_a_mistake_nothing_is_refused_and_the_table_has_every_feature(sides, start):
  said, table = start()
  assert not any(line.startswith("warning") for line in said)
  assert sorted(row["feature"] for row in table) == sorted(sides[0].names)
  assert "amp_start.csv" in said[0] and len(said) >= 4
  auc = [float(row["auc"]) for row in table]
  assert auc == sorted(auc, reverse=True) and 0.5 <= auc[-1] and auc[0] <= 1.0
  for row in table:
    column = sides[0].names.index(row["feature"])
    assert float(row["policy_mean"]) == pytest.approx(float(sides[1][:, column].mean()), abs=1e-4)
    assert float(row["reference_max"]) == pytest.approx(float(sides[0].features[:, column].max()), abs=1e-4)


@pytest.mark.parametrize("side", ["policy", "reference"])
def test_contacts_that_are_zeros_on_one_side_are_refused_by_name(sides, start, side):
  zeros = changed(sides[0].names, "/contacts/", lambda x: 0.0 * x)
  with pytest.raises(UserError, match=f"{side} feature t(-1)?/contacts/({'|'.join(FEET)}) .*is always 0") as refusal:
    start(**{side: zeros})
  assert "\n" not in str(refusal.value) and "amp.features" in str(refusal.value)


PERMUTED = [10, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]  # all by one


@pytest.mark.parametrize("side", ["policy", "reference"])
def test_joints_in_another_order_on_one_side_name_a_joint(sides, start, side):
  def permute(features):
    for field in ("joint_pos", "joint_vel"):
      for frame in ("t-1", "t"):
        index = np.array(columns(sides[0].names, f"{frame}/{field}/"))
        index = index[[sides[0].names[i].startswith(f"{frame}/") for i in index]]
        features[:, index] = features[:, index[PERMUTED]]
    return features

  with pytest.raises(UserError, match=f"{side} feature t(-1)?/joint_pos/.* outside of .*joint order") as refusal:
    start(**{side: permute})
  assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("side", ["policy", "reference"])
def test_a_height_that_is_really_gravity_is_refused_by_name(sides, start, side):
  def confuse(features):
    height, gravity = (columns(sides[0].names, part) for part in ("/root_height/z", "/gravity/z"))
    features[:, height] = features[:, gravity]
    return features

  with pytest.raises(UserError, match=rf"{side} feature t(-1)?/root_height/z \[m\] is -.*outside of 0.1 to 0.7"):
    start(**{side: confuse})


@pytest.mark.parametrize("side", ["policy", "reference"])
@pytest.mark.parametrize("hip", ["right_hip_pitch", "left_hip_pitch"])
def test_a_hip_of_the_wrong_sign_is_named(sides, start, hip, side):
  said, table = start(**{side: changed(sides[0].names, f"/joint_pos/{hip} ", lambda x: -x)})
  assert {row["feature"] for row in table[:2]} == {f"{frame}/joint_pos/{hip} [rad]" for frame in ("t-1", "t")}
  assert f"/joint_pos/{hip} " in said[1] and f"/joint_pos/{hip} " in said[2]
  assert said[-1].startswith("warning") and f"/joint_pos/{hip} " in said[-1]


def test_legs_that_are_swapped_are_named(sides, start):
  def swap(features):
    names = sides[0].names
    for right in (name for name in names if "/joint_" in name and "/right_" in name):
      pair = [names.index(right), names.index(right.replace("/right_", "/left_"))]
      features[:, pair] = features[:, pair[::-1]]
    return features

  said, table = start(policy=swap)
  assert all("_hip_pitch " in row["feature"] for row in table[:4]) and "_hip_pitch " in said[-1]


def test_a_reference_slower_than_every_command_is_refused_before_anything_is_built():
  with pytest.raises(UserError, match="the clips cover 0 to 0.3 m/s but commands go from 0.0 to 1.0") as refusal:
    load(["env.command.vx=[0.5,1.0]"])
  assert "amp.uncovered=clamp or gate" in str(refusal.value) and "\n" not in str(refusal.value)
