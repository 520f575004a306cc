"""The report names the inputs that matter: before training, and those that give the policy away."""

import csv
import math

import numpy as np

from wildrobot_exp.evaluation.report.amp_health import ROWS, giveaway_rows, start_rows


def test_the_largest_shares_at_the_end_come_first_with_what_they_were():
  metrics = {f"giveaway/joint_pos/j{i}": np.array([0.5, math.nan, i / 100]) for i in range(12)}
  metrics |= {"amp/style_reward": np.ones(3), "giveaway/never": np.full(3, math.nan)}
  rows = giveaway_rows(metrics)
  assert len(rows) == ROWS
  names = [name for name, _, _ in rows]
  assert names == sorted(names, key=lambda name: -int(name.rpartition("j")[2])) and names[0] == "joint_pos/j11"
  assert rows[0][1] == "50%"


def test_without_amp_there_is_no_table(tmp_path):
  assert giveaway_rows({"train/return": np.ones(3)}) == []
  assert start_rows(tmp_path) == []


def test_the_inputs_before_training_are_read_as_they_were_written(tmp_path):
  columns = ["feature", "reference_min", "reference_max", "policy_min", "policy_max", "auc"]
  with (tmp_path / "amp_start.csv").open("w", newline="") as file:
    csv.writer(file).writerows([columns, ["t/root_height/z [m]", 0.46, 0.49, 0.3, 0.5, 0.82], ["odd", "", "x", 1, 2]])
  assert start_rows(tmp_path) == [
    ("t/root_height/z [m]", "0.46 to 0.49", "0.30 to 0.50", "0.82"),
    ("odd", "– to –", "1.00 to 2.00", "–"),
  ]
