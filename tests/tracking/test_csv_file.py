"""metrics.csv: what was logged is in the file when the call returns, to the bit, and survives a crash."""

import csv
import math
import resource

import pytest

from wildrobot_exp.tracking.csv_file import CsvFile


def read(path) -> list[dict[str, str]]:
  return list(csv.DictReader(path.read_text().splitlines()))


@pytest.fixture
def path(tmp_path):
  return tmp_path / "metrics.csv"


def test_a_row_is_in_the_file_as_soon_as_it_is_logged(path):
  file = CsvFile(path)
  file.log(5, {"wall_s": 1.0, "train/return": 2.5})
  assert path.read_text() == "step,wall_s,train/return\n5,1.0,2.5\n"


def test_floats_come_back_to_the_bit(path):
  values = [0.1 + 0.2, 1e-310, 1 / 3, 123456789.123456789, -0.0]
  file = CsvFile(path)
  for step, value in enumerate(values):
    file.log(step, {"wall_s": 0.0, "x": value})
  assert [math.copysign(1, v) * abs(v) for v in values] == [float(row["x"]) for row in read(path)]
  assert read(path)[-1]["x"] == "-0.0"


def test_columns_may_appear_later_and_missing_values_are_empty(path):
  file = CsvFile(path)
  file.log(1, {"wall_s": 1.0, "train/return": 1.0})
  file.log(2, {"wall_s": 2.0, "eval/survival": 0.5})
  file.log(3, {"wall_s": 3.0, "train/return": 3.0})
  assert path.read_text().splitlines() == [
    "step,wall_s,train/return,eval/survival", "1,1.0,1.0,", "2,2.0,,0.5", "3,3.0,3.0,"]
  assert [entry.name for entry in path.parent.iterdir()] == ["metrics.csv"]


def test_a_resumed_run_drops_rows_beyond_its_checkpoint_and_keeps_columns_and_time(path):
  file = CsvFile(path)
  for step in (10, 20, 30):
    file.log(step, {"wall_s": step / 10, "eval/survival": 0.1})
  resumed = CsvFile(path, resume_step=20)
  assert resumed.last_wall_s == 2.0
  resumed.log(25, {"wall_s": 2.5, "train/return": 1.0})
  assert [row["step"] for row in read(path)] == ["10", "20", "25"]
  assert list(read(path)[0]) == ["step", "wall_s", "eval/survival", "train/return"]


def test_the_row_that_concluded_a_run_goes_when_the_run_goes_on(path):
  file = CsvFile(path)
  file.log(20, {"wall_s": 2.0, "train/return": 1.0})
  file.log(20, {"wall_s": 9.0, "final/survival": 0.5})
  resumed = CsvFile(path, resume_step=20)
  assert resumed.kept == [(20, {"wall_s": 2.0, "train/return": 1.0})]
  resumed.log(20, {"wall_s": 9.5, "final/survival": 0.75})
  assert [(row["step"], row["final/survival"]) for row in read(path)] == [("20", ""), ("20", "0.75")]


@pytest.mark.parametrize("line", ["x,1.0,1.0", "20,,1.0", "20,2.0,\x00", "20,2.0"])
def test_a_damaged_row_is_left_out_of_a_resumed_file(path, line):
  path.write_text(f"step,wall_s,train/return\n10,1.0,1.0\n{line}\n30,3.0,3.0\n")
  assert [step for step, _ in CsvFile(path, resume_step=30).kept] == [10, 30]


def test_going_back_drops_the_rows_beyond_a_step(path):
  file = CsvFile(path)
  for step in (10, 20, 30):
    file.log(step, {"wall_s": step / 10, "x": 1.0})
  file.rewind(20)
  file.log(30, {"wall_s": 4.0, "y": 2.0})
  assert path.read_text() == "step,wall_s,x,y\n10,1.0,1.0,\n20,2.0,1.0,\n30,4.0,,2.0\n"


def test_a_row_cut_short_by_a_crash_is_dropped_on_resume(path):
  CsvFile(path).log(10, {"wall_s": 1.0, "x": 1.0})
  with path.open("a") as file:
    file.write("20,2.0,1")
  CsvFile(path, resume_step=100).log(30, {"wall_s": 3.0, "x": 3.0})
  assert [row["step"] for row in read(path)] == ["10", "30"]


def test_a_new_run_replaces_the_file(path):
  CsvFile(path).log(10, {"wall_s": 1.0, "old": 1.0})
  CsvFile(path).log(20, {"wall_s": 1.0})
  assert path.read_text() == "step,wall_s\n20,1.0\n"


def test_a_full_disk_costs_whole_rows_and_the_file_goes_on_when_there_is_room(path):
  file = CsvFile(path)
  file.log(1, {"wall_s": 1.0})
  soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 3, hard))
  try:
    with pytest.raises(OSError):
      file.log(2, {"wall_s": 2.0})
    with pytest.raises(OSError):
      file.log(3, {"wall_s": 2.0, "new": 1.0})
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
  file.log(4, {"wall_s": 4.0})
  assert path.read_text() == "step,wall_s\n1,1.0\n4,4.0\n"


def test_a_file_that_was_removed_begins_again_with_its_columns(path):
  file = CsvFile(path)
  file.log(1, {"wall_s": 1.0, "x": 1.0})
  path.unlink()
  file.log(2, {"wall_s": 2.0, "x": 2.0})
  assert path.read_text() == "step,wall_s,x\n2,2.0,2.0\n"
  path.unlink()
  file.log(3, {"wall_s": 3.0, "y": 3.0})
  assert path.read_text() == "step,wall_s,x,y\n3,3.0,,3.0\n"
