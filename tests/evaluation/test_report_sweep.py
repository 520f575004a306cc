"""A sweep on one page: every job in its state, numbers over seeds that can be traced, figures that fit the axes."""

import dataclasses
import json
import re
import shlex
import shutil
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from fake_sweep import make_jobs, make_sweep, numbers_of, set_entries

from wildrobot_exp.commands.main import main
from wildrobot_exp.evaluation.report.sweep_page import write_sweep_report
from wildrobot_exp.evaluation.report.sweep_plots import mean_curve
from wildrobot_exp.run_lock import only_writer
from wildrobot_exp.sweep_answer import write_answer
from wildrobot_exp.sweeps.result import read_result, write_result
from wildrobot_exp.sweeps.search_record import SearchRecord

TWO_BY_TWO = {"amp.weight": ["0.1", "1.0"], "seed": ["0", "1"]}


def section(page: str, name: str) -> str:
  return re.search(rf'<section id="{name}">.*?</section>', page, re.DOTALL).group()


def words(html: str) -> str:
  """What a reader sees, figures left out."""
  return " ".join(re.sub(r"<[^>]*>", " ", re.sub(r"<svg.*?</svg>", "", html, flags=re.DOTALL)).split())


def figures(page: str, name: str) -> list[str]:
  return re.findall(r"<svg.*?</svg>", section(page, name), re.DOTALL)


def head(page: str) -> str:
  return words(re.search(r"<header.*?</header>", page, re.DOTALL).group())


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
  """Two weights, two seeds each, all ended well; with its page."""
  folder = tmp_path_factory.mktemp("finished") / "sweep"
  make_sweep(folder, TWO_BY_TWO)
  write_answer(folder)
  return folder


@pytest.fixture
def cut_short(tmp_path: Path) -> Path:
  """A killed sweep: job 0 ok, 1 died over a row, 2 missed a gate, 3 never started and has no folder."""
  folder = tmp_path / "cut short"
  jobs = make_sweep(folder, TWO_BY_TWO)
  shutil.rmtree(jobs[3])
  for name in ("result.json", "evaluation.json"):
    (jobs[1] / name).unlink()
  metrics = (jobs[1] / "metrics.csv").read_text()
  (jobs[1] / "metrics.csv").write_text(metrics[: metrics.index("700,") + len("700,7.0,0.0")])
  missed = dataclasses.replace(read_result(jobs[2]), status="failed", error="gate missed: survival=1 is above 0.5")
  write_result(jobs[2], missed)
  set_entries(folder, {1: {"status": "running"}, 2: {"status": "failed"}, 3: {"status": "waiting"}})
  return folder


def test_the_head_says_what_was_asked_and_what_came_out(finished: Path):
  text = head((finished / "report.html").read_text())
  assert "amp.weight 0.1, 1.0 × 2 seeds (0, 1): 4 jobs in 2 cells; in every job total_steps=1000." in text
  assert "4 ok" in text and "speed error 0.0205 m/s" in text and "over 2 seeds" in text
  assert "Ahead: amp.weight=1.0" in text and "not told apart from the next one, amp.weight=0.1" in text


def test_cells_have_the_mean_and_the_interval_of_their_seeds_and_lead_to_the_files(finished: Path):
  cells = section((finished / "report.html").read_text(), "cells")
  low, high = (numbers_of({"amp.weight": "1.0", "seed": seed})["vx_error"] for seed in "01")
  assert f"{np.mean([low, high]):.4f} {low:.4f} to {high:.4f}" in words(cells)
  links = [unquote(link) for link in re.findall(r'href="([^"]*result.json)"', cells)]
  assert [read_result((finished / link).parent).overrides["seed"] for link in links] == ["0", "1", "0", "1"]


def test_the_page_needs_no_network_and_every_link_leads_to_a_file(finished: Path):
  page = (finished / "report.html").read_text()
  assert "<script" not in page and "http" not in page
  addresses = [a for a in re.findall(r'(?:href|src)="([^"]*)"', page) if not a.startswith(("#", "data:"))]
  assert len(addresses) > 20
  assert [a for a in addresses if not (finished / unquote(a)).exists()] == []
  assert [a for a in re.findall(r'<a href="#([^"]*)"', page) if f'<section id="{a}">' not in page] == []


def test_enough_seeds_whose_intervals_lie_apart_make_a_best(tmp_path: Path):
  seeds = [str(seed) for seed in range(4)]
  make_sweep(tmp_path / "s", {"amp.weight": ["0.1", "1.0"], "seed": seeds})
  assert "Best: amp.weight=1.0" in head(write_sweep_report(tmp_path / "s").read_text())
  make_sweep(tmp_path / "same", {"num_envs": ["64", "128"], "seed": seeds})
  text = head(write_sweep_report(tmp_path / "same").read_text())
  assert "Ahead: num_envs=64" in text and "their intervals overlap" in text


def test_one_seed_has_no_interval_and_the_page_says_so(tmp_path: Path):
  make_sweep(tmp_path / "s", {"amp.weight": ["0.1", "1.0"]})
  text = words(section(write_sweep_report(tmp_path / "s").read_text(), "cells"))
  assert "one seed per cell, so no interval" in text
  assert " to " not in text.partition("Cell Jobs")[2].partition("Bold")[0]


def test_a_sweep_that_was_cut_short_shows_every_job_in_its_state(cut_short: Path, capsys):
  assert main(["report", str(cut_short)]) == 0
  page = (cut_short / "report.html").read_text()
  assert re.findall(r'class="state [^"]*">(\w+)<', page) == ["ok", "missing", "failed", "waiting"]
  jobs = words(section(page, "jobs"))
  assert "gate missed: survival=1 is above 0.5" in jobs and "never started" in jobs and "the sweep ended" in jobs
  assert "0.0200" in jobs, "the numbers of the job that missed a gate"
  assert "1 ok, 1 failed, 1 missing, 1 waiting" in head(page)
  summary = (cut_short / "summary.csv").read_text().splitlines()
  assert [row.split(",")[1] for row in summary] == ["status", "ok", "missing", "failed", "waiting"]
  out = capsys.readouterr().out
  assert all(state in out for state in ("missing", "failed", "waiting")) and "report.html" in out
  command = words(section(page, "command"))
  assert f"sweep.resume={cut_short}" in command
  assert "1 of 2" in words(section(page, "cells"))


def test_a_pruned_job_is_counted_and_is_no_failure(tmp_path: Path):
  jobs = make_sweep(tmp_path / "s", TWO_BY_TWO)
  write_result(jobs[0], dataclasses.replace(read_result(jobs[0]), status="pruned"))
  page = write_sweep_report(tmp_path / "s").read_text()
  assert "3 ok, 1 pruned" in head(page) and '<header class="good">' in page
  assert re.search(r"\.pruned-job\b.*\{ --tone", page)


def test_time_that_jobs_spent_together_is_not_added_up(tmp_path: Path):
  make_sweep(tmp_path / "s", TWO_BY_TWO)
  assert "4 ok (4 min 06 s of work)" in head(write_sweep_report(tmp_path / "s").read_text())
  (tmp_path / "s" / "together_0.log").touch()
  text = head(write_sweep_report(tmp_path / "s").read_text())
  assert "4 ok" in text and "of work" not in text


def test_half_a_row_of_a_killed_job_is_no_number(cut_short: Path):
  page = write_sweep_report(cut_short).read_text()
  assert len(figures(page, "learning")) == 2 and "not a number" not in page


def test_while_the_sweep_runs_its_jobs_are_running_and_nothing_is_locked(cut_short: Path):
  with only_writer(cut_short):
    page = write_sweep_report(cut_short).read_text()
  assert re.findall(r'class="state [^"]*">(\w+)<', page) == ["ok", "running", "failed", "waiting"]
  assert "Still running" in head(page) and "never started" not in page and "sweep.resume" not in page
  assert not (cut_short / "summary.csv").exists() and not list(cut_short.glob("*/.lock"))


def test_a_sweep_that_has_only_begun_or_is_damaged_has_a_page_too(tmp_path: Path):
  jobs = make_sweep(tmp_path / "s", TWO_BY_TWO)
  for job in jobs[1:]:
    shutil.rmtree(job)
  for name in ("result.json", "evaluation.json", "metrics.csv"):
    (jobs[0] / name).unlink()
  set_entries(tmp_path / "s", {number: {"status": "waiting"} for number in range(4)})
  text = words(write_sweep_report(tmp_path / "s").read_text())
  assert "0 of 4 jobs done" in text and "nothing evaluated yet" in text and "No curves" in text
  (jobs[0] / "result.json").write_text("{")
  (jobs[0] / "metrics.csv").write_text("step,x\n1,not a number\n")
  text = words(write_sweep_report(tmp_path / "s").read_text())
  assert "result.json cannot be read" in text and "holds something that is not a number" in text


def test_another_launcher_s_jobs_that_never_started_are_waiting(tmp_path: Path):
  jobs = make_sweep(tmp_path / "s", TWO_BY_TWO)
  (tmp_path / "s" / "manifest.json").unlink()
  shutil.rmtree(jobs[3])
  (jobs[2] / "result.json").unlink()
  page = write_sweep_report(tmp_path / "s").read_text()
  assert re.findall(r'class="state [^"]*">(\w+)<', page) == ["ok", "ok", "missing", "waiting"]
  assert "python run.py -m total_steps=1000 amp.weight=0.1,1.0 seed=0,1" in words(section(page, "command"))


@pytest.mark.parametrize("typed_m", [True, False])
def test_the_best_job_comes_with_the_command_that_runs_it_alone(tmp_path: Path, typed_m: bool):
  make_sweep(tmp_path / "s", TWO_BY_TWO, typed_m=typed_m)
  text = words(section(write_sweep_report(tmp_path / "s").read_text(), "best"))
  wanted = ["python", "run.py", "total_steps=1000", "amp.weight=1.0", "seed=0"]
  assert shlex.join(wanted + ["hydra.mode=RUN"] * (not typed_m)) in text
  assert text.endswith("RUN" if not typed_m else "seed=0")


def test_falling_is_worse_than_being_slow_and_a_failed_job_is_not_the_best(tmp_path: Path):
  def numbers(overrides):
    fast = overrides["amp.weight"] == "1.0"
    return {"survival": 0.7 if fast else 0.985, "vx_error": 0.001 if fast else 0.03}

  jobs = make_sweep(tmp_path / "s", TWO_BY_TWO, numbers)
  for job in (jobs[0], jobs[2]):
    write_result(job, dataclasses.replace(read_result(job), status="failed", error="gate missed"))
  assert jobs[1].name in words(section(write_sweep_report(tmp_path / "s").read_text(), "best"))


def test_a_lucky_seed_of_a_losing_cell_is_not_the_best_job(tmp_path: Path):
  def numbers(overrides):
    error = {"0.1": {"0": 0.001, "1": 0.2}, "1.0": {"0": 0.02, "1": 0.03}}
    return {"survival": 1.0, "vx_error": error[overrides["amp.weight"]][overrides["seed"]]}

  jobs = make_sweep(tmp_path / "s", TWO_BY_TWO, numbers)
  page = write_sweep_report(tmp_path / "s").read_text()
  assert "Ahead: amp.weight=1.0" in head(page) and jobs[2].name in words(section(page, "best"))


def test_a_cell_whose_seeds_failed_stands_behind_those_that_came_through(tmp_path: Path):
  jobs = make_sweep(tmp_path / "s", TWO_BY_TWO)  # amp.weight=1.0 follows the speed better
  failed = dataclasses.replace(read_result(jobs[3]), status="failed", numbers={}, error="NaN")
  (jobs[3] / "result.json").unlink()
  write_result(jobs[3], failed)
  page = write_sweep_report(tmp_path / "s").read_text()
  assert "Ahead: amp.weight=0.1" in head(page)
  assert "1 of 2 seeds ok" in words(section(page, "cells")).partition("amp.weight=1.0")[2]
  write_result(jobs[0], dataclasses.replace(read_result(jobs[0]), status="timeout"))
  page = write_sweep_report(tmp_path / "s").read_text()
  assert "Ahead: amp.weight=1.0" in head(page) and "1 of 2 seeds ok, and no cell is better off" in head(page)


@pytest.mark.parametrize("direction, best", [("maximize", 3), ("minimize", 1)])
def test_a_search_is_answered_by_what_it_optimises(tmp_path: Path, direction: str, best: int):
  def numbers(overrides):
    good = overrides["amp.weight"] == "0.4"
    return {"survival": 1.0, "vx_error": 0.01 if good else 0.02, "power_mean_w": 10 * float(overrides["amp.weight"])}

  jobs = make_jobs(tmp_path / "s", [[f"amp.weight={i + 1}"] for i in range(4)], numbers)
  write_result(jobs[0], dataclasses.replace(read_result(jobs[0]), status="failed", error="gate missed"))
  SearchRecord("s", None, "power_mean_w", direction, [], [], "").save(tmp_path / "s")
  page = write_sweep_report(tmp_path / "s").read_text()
  text = words(section(page, "best"))
  assert jobs[best].name in text and f"power_mean_w, {direction}d by the search" in text
  assert f"amp.weight={best + 1}" in re.search("<h1>.*</h1>", page).group()
  assert f"power_mean_w {10 * (best + 1)}" in head(page)


def test_a_searched_seed_is_a_setting_and_makes_no_replicates(tmp_path: Path):
  jobs = make_sweep(tmp_path / "s", TWO_BY_TWO)
  SearchRecord("s", None, "classifier_auc", "minimize", [], [], "").save(tmp_path / "s")
  page = write_sweep_report(tmp_path / "s").read_text()
  assert "amp.weight=1.0 seed=0" in re.search("<h1>.*</h1>", page).group()
  assert jobs[2].name in words(section(page, "best")) and "seed 0, 1:" in head(page)


def test_figures_fit_the_axes(tmp_path: Path):
  grid = {"amp.weight": ["0.1", "1.0"], "num_envs": ["64", "128", "256"], "amp/loss": ["lsgan", "bce"]}

  def page(name: str, keys: int) -> str:
    make_sweep(tmp_path / name, dict(list(grid.items())[:keys]))
    return write_sweep_report(tmp_path / name).read_text()

  one, two, three = (page(name, keys) for keys, name in enumerate(("one", "two", "three"), start=1))
  assert all("speed" in words(section(text, "swept")).lower() for text in (one, two, three))
  assert "0.0364" in "".join(figures(two, "swept")) and "0.0364" not in "".join(figures(one, "swept"))
  assert "lsgan" in figures(three, "swept")[0] and "grid full" in section(three, "swept")
  assert "Means over the seeds" in section(two, "swept") and "A line per cell" in section(three, "swept")


def test_a_search_over_numbers_is_a_scatter(tmp_path: Path):
  rng = np.random.default_rng(0)
  lines = [[f"amp.weight={rng.uniform(0.1, 2):.4g}", f"algo.clip={rng.uniform(0.1, 0.3):.4g}"] for _ in range(12)]
  make_jobs(tmp_path / "s", lines)
  page = write_sweep_report(tmp_path / "s").read_text()
  assert "A dot per job" in section(page, "swept")
  assert "12 values from" in head(page)
  first = words(section(page, "cells")).partition("Cell Jobs")[2]
  best = max(lines, key=lambda line: float(line[0].partition("=")[2]))
  assert first.index(best[0]) < min(first.index(line[0]) for line in lines if line != best)


def test_numbers_nobody_knows_are_shown_under_their_own_names(tmp_path: Path):
  make_sweep(tmp_path / "s", TWO_BY_TWO, lambda overrides: {"score": 2.5, "vx_error": 0.1} | {"survival": 0.0})
  make_sweep(tmp_path / "toy", TWO_BY_TWO, lambda overrides: {"points": float(overrides["seed"]), "vx_error": 0.0})
  assert "Survival" in section(write_sweep_report(tmp_path / "s").read_text(), "cells")
  for result in (tmp_path / "toy").glob("*/result.json"):
    content = json.loads(result.read_text())
    del content["numbers"]["vx_error"]
    result.write_text(json.dumps(content))
  text = words(write_sweep_report(tmp_path / "toy").read_text())
  assert "points" in text and "None: no job has a survival yet" in text


def test_a_mean_curve_ends_where_the_first_replicate_does():
  x, y = mean_curve([(np.array([0.0, 10, 20]), np.array([0.0, 1, 2])), (np.array([5.0, 15]), np.array([2.0, 2]))])
  assert x.tolist() == [5, 10, 15] and y.tolist() == [1.25, 1.5, 1.75]


def test_what_is_typed_cannot_become_markup(tmp_path: Path):
  make_jobs(tmp_path / "s", [["motion.path=<b>&'\"", "seed=0"], ["motion.path=other", "seed=0"]])
  page = write_sweep_report(tmp_path / "s").read_text()
  assert "<b>&'" not in page and "&lt;b&gt;" in page


def test_a_page_that_cannot_be_written_is_a_failure_with_its_table(tmp_path: Path, capsys, monkeypatch):
  def broken(*args):
    raise ZeroDivisionError("in a figure")

  make_sweep(tmp_path / "s", TWO_BY_TWO)
  monkeypatch.setattr("wildrobot_exp.evaluation.report.sweep_page.render", broken)
  assert main(["report", str(tmp_path / "s")]) == 1
  out, err = capsys.readouterr()
  assert "amp.weight" in out and "could not be written" in err and err.count("\n") == 1


def test_a_cluster_s_job_whose_sweep_ended_may_be_in_the_queue(tmp_path: Path):
  jobs = make_sweep(tmp_path / "s", TWO_BY_TWO)
  shutil.rmtree(jobs[3])
  set_entries(tmp_path / "s", {3: {"status": "running", "cluster_job": "submitit_slurm 123"}})
  jobs = words(section(write_sweep_report(tmp_path / "s").read_text(), "jobs"))
  assert "3 ok, 1 waiting" in jobs and "submitit_slurm 123 may be in the queue" in jobs


def test_a_folder_that_is_neither_is_one_line(tmp_path: Path, capsys):
  (tmp_path / "notes").mkdir()
  assert main(["report", str(tmp_path)]) == 2
  err = capsys.readouterr().err
  assert err.count("\n") == 1 and "not a run folder" in err and "sweep" in err
  assert [path.name for path in tmp_path.iterdir()] == ["notes"]
