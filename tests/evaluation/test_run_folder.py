"""What an evaluation leaves in its folder, and what it leaves alone."""

import json

import pytest

from wildrobot_exp.evaluation.run_folder import EVALUATION, keep_another, kept_evaluation
from wildrobot_exp.export.bundle import read_evaluation

NATIVE = {"physics": "native", "checkpoint_step": 64, "survival": 1.0}
MJX = NATIVE | {"physics": "mjx"}


def evaluated(folder, result) -> None:
  keep_another(folder, result)
  (folder / EVALUATION).write_text(json.dumps(result))


@pytest.mark.parametrize("other", [MJX, NATIVE | {"checkpoint_step": 32}])
def test_an_evaluation_of_another_engine_or_checkpoint_stays_beside_the_new_one(tmp_path, other):
  evaluated(tmp_path, NATIVE)
  evaluated(tmp_path, other)
  assert json.loads((tmp_path / EVALUATION).read_text()) == other
  assert json.loads((tmp_path / "evaluation-native-64.json").read_text()) == NATIVE


def test_the_same_evaluation_again_replaces_the_old_one(tmp_path):
  evaluated(tmp_path, NATIVE | {"survival": 0.5})
  evaluated(tmp_path, NATIVE)
  assert [path.name for path in tmp_path.iterdir()] == [EVALUATION]
  evaluated(tmp_path, MJX)
  evaluated(tmp_path, NATIVE)
  assert not kept_evaluation(tmp_path, "native", 64).exists(), "there is a newer one"
  assert kept_evaluation(tmp_path, "mjx", 64).exists()


@pytest.mark.parametrize("damaged", ["{", "[]", '{"physics": "native"}'])
def test_what_cannot_be_read_is_replaced(tmp_path, damaged):
  (tmp_path / EVALUATION).write_text(damaged)
  evaluated(tmp_path, NATIVE)
  assert [path.name for path in tmp_path.iterdir()] == [EVALUATION]


def test_an_export_is_compared_with_the_native_evaluation_that_was_kept(tmp_path):
  evaluated(tmp_path, NATIVE)
  evaluated(tmp_path, MJX)
  assert read_evaluation(tmp_path, 64) == NATIVE
  assert read_evaluation(tmp_path, 32) == MJX, "and says then why it does not compare"
  assert read_evaluation(tmp_path / "nowhere", 64) is None
