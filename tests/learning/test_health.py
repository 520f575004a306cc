"""AMP's health: the sides compared feature by feature, broken inputs refused, the guard announced."""

import csv

import numpy as np
import pytest

from wildrobot_exp.errors import UserError
from wildrobot_exp.learning.health import GIVEAWAY, Health, compare, one_feature_auc, top

NAMES = ["t-1/joint_pos/knee [rad]", "t-1/root_height/z [m]", "t/joint_pos/knee [rad]", "t/root_height/z [m]"]
NAMES.append("command/vx [m/s]")
FLOORS = np.array([0.1, 0.02, 0.1, 0.02, 0.03])
BOUNDS = np.array([[-2.0, 0.1, -2.0, 0.1, -5.0], [2.0, 0.7, 2.0, 0.7, 5.0]])
CENTRE, SPREAD = np.array([0.5, 0.4, 0.5, 0.4, 0.1]), np.array([0.3, 0.01, 0.3, 0.01, 0.1])


def rows(seed: int, count: int = 300) -> np.ndarray:
  return CENTRE + SPREAD * np.random.default_rng(seed).normal(size=(count, 5))


@pytest.fixture
def said() -> list[str]:
  return []


@pytest.fixture
def health(tmp_path, said) -> Health:
  return Health(NAMES, rows(0), FLOORS, BOUNDS, file=tmp_path / "amp_start.csv", say=said.append)


# one feature


def test_the_auc_of_a_feature_is_one_half_where_nothing_differs_and_one_where_all_does():
  real, fake = np.random.default_rng(0).normal(size=(2, 3000))
  assert one_feature_auc(real, fake, 0.01) == pytest.approx(0.5, abs=0.03)
  assert one_feature_auc(real, real, 0.01) == 0.5
  assert one_feature_auc(real, fake + 10.0, 0.01) == one_feature_auc(real, fake - 10.0, 0.01) > 0.999
  assert one_feature_auc(real, fake + 1.0, 0.01) == pytest.approx(0.76, abs=0.03)  # of normals one deviation apart


def test_differences_below_the_floor_do_not_count():
  constant = np.zeros(100)
  assert one_feature_auc(constant, constant + 0.001, 0.1) == pytest.approx(0.5, abs=0.005)
  assert one_feature_auc(constant, constant + 1.0, 0.1) > 0.999


def test_the_most_telling_feature_comes_first():
  policy = rows(1)
  policy[:, 3] += 0.05
  table = compare(NAMES, rows(0), policy, FLOORS)
  assert table[0].feature == NAMES[3] and table[0].auc > table[1].auc
  assert table[0].reference_mean == pytest.approx(0.4, abs=0.01) and table[0].policy_mean == pytest.approx(
    0.45, abs=0.01
  )
  assert NAMES[3] in table[0].line() and "auc" in table[0].line()


# the start


def test_the_start_writes_a_row_per_feature_and_says_the_furthest_apart(health, said, tmp_path):
  health.start(rows(1))
  with (tmp_path / "amp_start.csv").open(newline="") as file:
    table = list(csv.DictReader(file))
  assert sorted(row["feature"] for row in table) == sorted(NAMES)
  assert len(table[0]) == 20 and all(np.isfinite(float(v)) for row in table for k, v in row.items() if k != "feature")
  for side in ("reference", "policy"):
    spread = [[float(row[f"{side}_{at}"]) for at in ("min", "p05", "p25", "p50", "p75", "p95", "max")] for row in table]
    assert all(row == sorted(row) for row in spread)
  assert len(said) == 4 and table[0]["feature"] in said[1]
  assert not any("warning" in line for line in said)


def test_a_feature_that_tells_the_sides_apart_alone_is_a_warning(health, said):
  policy = rows(1)
  policy[:, 1] -= 0.2
  health.start(policy)
  assert said[-1].startswith("warning") and NAMES[1] in said[-1] and NAMES[0] not in said[-1]


def test_nonsense_is_refused_on_either_side_with_its_name_and_range(health, tmp_path, said):
  policy = rows(1)
  policy[:, 3] = -1.0
  with pytest.raises(
    UserError, match=r"policy feature t/root_height/z \[m\] is -1 to -1, outside of 0.1 to 0.7 in 100%"
  ):
    health.start(policy)
  assert (tmp_path / "amp_start.csv").exists()  # to look at
  reference = rows(0)
  reference[:, 0] *= 57.3
  with pytest.raises(UserError, match="reference feature t-1/joint_pos/knee"):
    Health(NAMES, reference, FLOORS, BOUNDS, file=tmp_path / "x.csv", say=said.append)


def test_a_few_values_out_of_bounds_are_an_accident(health):
  policy = rows(1)
  policy[:10, 1] = 0.05  # of 300: robots that fall
  health.start(policy)


def test_a_constant_is_refused_only_where_the_other_side_varies_elsewhere(health, tmp_path, said):
  policy = rows(1)
  policy[:, 2] = 0.0
  with pytest.raises(UserError, match=r"policy feature t/joint_pos/knee \[rad\] is always 0, .*amp.features"):
    health.start(policy)
  same = rows(1)
  same[:, 2] = rows(0)[:, 2].mean()
  health.start(same)
  reference = rows(0)
  reference[:, 2] = -1.0
  other = Health(NAMES, reference, FLOORS, BOUNDS, file=tmp_path / "x.csv", say=said.append)
  with pytest.raises(UserError, match="reference feature t/joint_pos/knee .* is always -1"):
    other.start(rows(1))


# while it trains


def logged(slowed: float, shares=(0.1, 0.2, 0.3, 0.35, 0.05)) -> dict:
  return {"amp/slowed": slowed, "amp/style_reward": 0.02, GIVEAWAY: np.array(shares)}


def test_shares_become_one_column_per_field_and_label_summed_over_frames(health):
  row = health.columns(logged(0.0))
  expected = {"giveaway/joint_pos/knee": 0.4, "giveaway/root_height/z": 0.55, "giveaway/command/vx": 0.05}
  assert {name: value for name, value in row.items() if name.startswith("giveaway/")} == pytest.approx(expected)
  assert GIVEAWAY not in row and row["amp/style_reward"] == 0.02
  assert all(isinstance(value, float) for value in row.values())


def test_metrics_without_amp_pass_through(health):
  assert health.columns({"train/return": 1.0}) == {"train/return": 1.0}


def test_the_guard_is_announced_once_each_way_with_what_gives_the_policy_away(health, said):
  for slowed in (0.0, 0.0, 1.0, 1.0, 0.9, 0.0, 0.0):
    health.columns(logged(slowed))
  assert len(said) == 2
  assert said[0].startswith("warning") and "saturated" in said[0] and "0.02" in said[0]
  assert said[0].index("root_height/z 55%") < said[0].index("joint_pos/knee 40%")
  assert "no longer saturated" in said[1]


def test_the_largest_shares_come_first():
  assert top({"a": 0.1, "b": 0.6, "c": 0.2, "d": 0.1}) == "b 60%, c 20%, a 10%"
