"""The sweep's table comes from the folders alone."""

import csv
import json
import pathlib

import pytest
import rich.console

from wildrobot_exp.sweeps.result import JobResult, read_result, write_result
from wildrobot_exp.sweeps.summary import logs, read_results, rows, table, write_csv


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
  """Jobs 0 and 10 ended well, 2 failed, 3 was killed; a stray folder is none of them."""
  results = [
    JobResult("0_a", "ok", {"amp.weight": "0.1"}, {"survival": 1.0, "vx_error": 0.03}, 12.5),
    JobResult("10_b", "ok", {"amp.weight": "1.0"}, {"survival": 0.5, "speed": None}, 13.0),
    JobResult("2_c", "failed", {"amp.weight": "0.5"}, {}, 1.0, "ValueError: no"),
  ]
  for result in results:
    (tmp_path / result.job).mkdir()
    write_result(tmp_path / result.job, result)
  (tmp_path / "3_d" / ".hydra").mkdir(parents=True)
  (tmp_path / "3_d" / ".hydra" / "overrides.yaml").write_text("- amp.weight=2.0\n- +gates.survival.min=1\n")
  (tmp_path / "notes").mkdir()
  return tmp_path


def test_jobs_come_in_order_and_a_killed_one_is_not_forgotten(folder: pathlib.Path):
  results = read_results(folder)
  assert [(r.job, r.status) for r in results] == [
    ("0_a", "ok"),
    ("2_c", "failed"),
    ("3_d", "missing"),
    ("10_b", "ok"),
  ]
  assert results[2].overrides == {"amp.weight": "2.0", "gates.survival.min": "1"}


def test_who_sees_a_job_end_from_outside_does_not_erase_what_it_measured(tmp_path: pathlib.Path):
  write_result(tmp_path, JobResult("a", "failed", {}, {"survival": 0.5}, 1.0, "gate missed"))
  write_result(tmp_path, JobResult("a", "timeout", {}, {}, 2.0, "stopped"))
  result = json.loads((tmp_path / "result.json").read_text())
  assert (result["status"], result["numbers"], result["wall_s"]) == ("timeout", {"survival": 0.5}, 2.0)


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '{"job": "a"}', '{"status": "ok", "what": 1}'])
def test_a_damaged_result_is_none_and_can_be_written_over(tmp_path: pathlib.Path, text: str):
  job = tmp_path / "0_a"
  job.mkdir()
  (job / "result.json").write_text(text)
  assert read_result(job) is None
  assert read_results(tmp_path)[0].error.startswith("result.json cannot be read")
  write_result(job, JobResult("a", "failed", {}, {}, 1.0, "killed"))
  assert read_result(job).status == "failed"


def test_summary_csv_has_one_row_per_job_and_empty_cells_for_missing_numbers(folder: pathlib.Path):
  write_csv(read_results(folder), folder / "summary.csv")
  with (folder / "summary.csv").open(newline="") as file:
    read = list(csv.DictReader(file))
  assert [row["amp.weight"] for row in read] == ["0.1", "0.5", "2.0", "1.0"]
  assert [row["survival"] for row in read] == ["1", "", "", "0.5"]
  assert [row["speed"] for row in read] == ["", "", "", ""]
  assert [row["wall_s"] for row in read] == ["12.5", "1", "", "13"]
  assert read[1]["error"] == "ValueError: no"


def test_summary_csv_rounds_nothing(tmp_path: pathlib.Path):
  (tmp_path / "0_a").mkdir()
  numbers = {"env_steps": 20003840.0, "vx_error": 0.012345678901234, "cost": 1e300, "survival": 1.0}
  write_result(tmp_path / "0_a", JobResult("0_a", "ok", {}, numbers, 1234567.25))
  write_csv(read_results(tmp_path), tmp_path / "summary.csv")
  (row,) = csv.DictReader((tmp_path / "summary.csv").open(newline=""))
  assert row["env_steps"] == "20003840" and row["survival"] == "1" and row["wall_s"] == "1234567.25"
  assert {key: float(row[key]) for key in numbers} == numbers


def test_below_the_table_stand_the_reason_and_the_log_of_what_went_wrong(folder: pathlib.Path):
  (folder / "2_c" / "job.log").write_text("no\n")
  assert logs(folder, read_results(folder)) == [
    f"job 2 failed: ValueError: no (log: {folder / '2_c' / 'job.log'})",
    "job 3 missing: ended without a result",
  ]


def test_the_table_shows_every_job_and_number(folder: pathlib.Path):
  console = rich.console.Console(width=160)
  with console.capture() as capture:
    console.print(table(read_results(folder)))
  text = capture.get()
  for word in ("amp.weight", "survival", "vx_error", "wall_s", "0.03", "failed", "missing", "ValueError: no"):
    assert word in text
  assert "speed" not in text  # empty everywhere


def test_what_all_jobs_share_stands_below_the_table_once(tmp_path: pathlib.Path):
  for seed in "01":
    result = JobResult(f"{seed}_a", "ok", {"experiment": "[verify]", "seed": seed}, {"survival": 1.0}, 1.0)
    (tmp_path / result.job).mkdir()
    write_result(tmp_path / result.job, result)
  console = rich.console.Console(width=160)
  with console.capture() as capture:
    console.print(table(read_results(tmp_path)))
  assert capture.get().count("verify") == 1 and "in every job: experiment=[verify]" in capture.get()


def test_result_json_is_plain_json_without_leftovers(folder: pathlib.Path):
  result = json.loads((folder / "0_a" / "result.json").read_text())
  assert result["numbers"] == {"survival": 1.0, "vx_error": 0.03}
  assert sorted(p.name for p in (folder / "0_a").iterdir()) == ["result.json"]


def test_an_empty_sweep_has_a_header_and_no_rows(tmp_path: pathlib.Path):
  assert rows(read_results(tmp_path)) == (["job", "status", "wall_s", "error"], [])
