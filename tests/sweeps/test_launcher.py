"""A sweep in processes: one job's end is its own, and what happened is on record."""

import csv
import json
import os
import signal

import pytest
from omegaconf import OmegaConf

from wildrobot_exp import cli, cpus
from wildrobot_exp.sweep_answer import write_answer
from wildrobot_exp.sweeps import attempt, process
from wildrobot_exp.sweeps.job_folder import LOG


def test_whatever_happens_to_a_job_the_others_run_and_the_reason_is_shown(sweep, capsys):
  sweep.plan(_1="die", _2="fail", _3="exit")
  assert sweep.run("seed=0,1,2,3,4") == 1
  assert sweep.statuses() == ["ok", "failed", "failed", "failed", "ok"]
  with (sweep.folder / "summary.csv").open(newline="") as file:
    rows = list(csv.DictReader(file))
  assert [row["status"] for row in rows] == sweep.statuses()
  assert [row["return"] for row in rows] == ["0", "", "", "", "4"]
  assert "SIGKILL" in rows[1]["error"] and "working on seed 1" in rows[1]["error"]
  assert rows[2]["error"].startswith("ValueError: a bug")
  assert "exit code 7" in rows[3]["error"] and "out of luck" in rows[3]["error"]
  out, err = capsys.readouterr()
  for number, start in enumerate(sweep.starts()):
    assert f"job {number} started: seed={number}" in out
    log = sweep.folder / f"{number}_seed-{number}" / LOG
    assert f"working on seed {number}\n" in log.read_text()
    assert (str(log) in err) == (number in (1, 2, 3)) == (f"(log: {log})" in out.partition("┃ #")[2])
    assert not start["jax"] and start["cpus"] == cpus.available()
  assert len({start["pid"] for start in sweep.starts()} - {os.getpid()}) == 5
  assert [job["pid"] for job in sweep.jobs()] == [start["pid"] for start in sweep.starts()]
  assert "1 of 5 done, about 1 min left" in out and "4 of 5 done" in out and "5 of 5 done" not in out
  assert all(job["attempts"] == 1 and job["started"] < job["ended"] for job in sweep.jobs())
  assert len({job["config_hash"] for job in sweep.jobs()}) == 5


def test_a_missed_gate_costs_the_verdict_but_not_the_numbers(sweep, capsys):
  assert sweep.run("seed=0,2", "+gates.return.max=1", "hydra.launcher.retries=1") == 1
  assert [job["attempts"] for job in sweep.jobs()] == [1, 1]  # it would miss it again
  result = json.loads((sweep.folder / sweep.jobs()[1]["folder"] / "result.json").read_text())
  assert (result["status"], result["numbers"]) == ("failed", {"survival": 1.0, "return": 2.0})
  assert "return=2 is above 1" in result["error"]
  with (sweep.folder / "summary.csv").open(newline="") as file:
    assert [(row["status"], row["return"]) for row in csv.DictReader(file)] == [("ok", "0"), ("failed", "2")]
  assert "above 1" in capsys.readouterr().out
  page = (sweep.folder / "report.html").read_text()
  assert "return=2 is above 1" in page and "1 ok, 1 failed" in page


def test_a_missed_gate_is_not_tried_again_by_a_resume_and_keeps_what_was_measured(sweep, capsys):
  gate = "+gates.return.max=1"
  assert sweep.run("seed=0,2", gate) == 1
  assert "to run what is missing" not in capsys.readouterr().err
  assert "sweep.resume" not in (sweep.folder / "report.html").read_text()
  before = (sweep.folder / sweep.jobs()[1]["folder"] / "result.json").read_bytes()
  assert sweep.run("seed=0,2", gate, "sweep.resume=sweep") == 1
  assert len(sweep.starts()) == 2 and [job["attempts"] for job in sweep.jobs()] == [1, 1]
  assert (sweep.folder / sweep.jobs()[1]["folder"] / "result.json").read_bytes() == before
  assert "above 1" in sweep.jobs()[1]["error"]


def test_two_jobs_at_a_time_run_side_by_side_and_share_the_cpus(sweep):
  sweep.plan(_0="meet", _1="meet")
  assert sweep.run("seed=0,1", "hydra.launcher.n_jobs=2") == 0
  shares = [start["cpus"] for start in sweep.starts()]
  assert sorted(shares) == sorted([cpus.share(0, 2), cpus.share(1, 2)])
  assert [start["threads"] for start in sweep.starts()] == [str(len(share)) for share in shares]


def test_jobs_that_are_done_keep_no_share_of_the_machine(sweep):
  assert sweep.run("seed=0", "hydra.launcher.n_jobs=4") == 0
  assert sweep.run("seed=0,1", "hydra.launcher.n_jobs=2", "sweep.resume=sweep") == 0
  assert [start["cpus"] for start in sweep.starts()] == [cpus.available()] * 2


def test_shares_cover_all_cpus_and_nobody_is_left_without(monkeypatch: pytest.MonkeyPatch):
  monkeypatch.setattr(cpus, "available", lambda: [0, 2, 3, 5, 7])
  assert sorted(cpus.share(0, 2) + cpus.share(1, 2)) == [0, 2, 3, 5, 7]
  assert [len(cpus.share(slot, 8)) for slot in range(8)] == [1] * 8


def test_jobs_side_by_side_share_a_gpus_memory_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch):
  variable = "XLA_PYTHON_CLIENT_MEM_FRACTION"
  monkeypatch.delenv(variable, raising=False)
  gpu, cpu = (OmegaConf.create({"hardware": {"platform": platform}}) for platform in ("gpu", "cpu"))
  assert process.environment(gpu, threads=4, slots=3)[variable] == "0.300"
  assert variable not in process.environment(gpu, threads=4, slots=1)
  assert variable not in process.environment(cpu, threads=4, slots=3)
  monkeypatch.setenv(variable, "0.1")
  assert process.environment(gpu, threads=4, slots=3)[variable] == "0.1"


def test_groups_and_lists_are_swept_like_numbers(sweep):
  axes = ("algo=ppo,ppo_amp", "reward=walk,walk_shaped", "motion=gait,mocap")
  assert sweep.run(*axes, "hydra.launcher.n_jobs=2") == 0
  assert sweep.statuses() == ["ok"] * 8 and len({job["config_hash"] for job in sweep.jobs()}) == 8
  assert len({job["folder"] for job in sweep.jobs()}) == len({start["pid"] for start in sweep.starts()}) == 8
  assert sweep.run("algo.policy_hidden=[64,64],[32]", "hydra.sweep.dir=lists") == 0
  overrides = [path.read_text() for path in sorted(sweep.folder.with_name("lists").glob("*/.hydra/overrides.yaml"))]
  assert overrides == ["- algo.policy_hidden=[64,64]\n", "- algo.policy_hidden=[32]\n"]


def test_a_job_that_was_killed_is_tried_again_from_its_checkpoint(sweep):
  sweep.plan(_1="die-once", _2="fail")
  assert sweep.run("seed=1,2", "hydra.launcher.retries=1") == 1
  assert sweep.statuses() == ["ok", "failed"]
  assert [job["attempts"] for job in sweep.jobs()] == [2, 2]
  resumed = [start["resume"] for start in sweep.starts() if start["seed"] == 1]
  assert resumed == [None, str(sweep.folder / "0_seed-1")]
  assert (sweep.folder / "0_seed-1" / ".hydra" / "overrides.yaml").read_text() == "- seed=1\n"


def test_a_job_stopped_by_somebody_else_has_failed_and_is_tried_again(sweep):
  sweep.plan(_0="hang-once")
  parent = sweep.start("seed=0", "hydra.launcher.retries=1")
  sweep.wait_for_starts(1)
  os.kill(sweep.starts()[0]["pid"], signal.SIGTERM)
  _, err = parent.communicate(timeout=60)
  assert parent.returncode == 0 and sweep.jobs()[0]["attempts"] == 2
  assert "a signal that the sweep had not sent" in err


def test_whoever_does_not_listen_is_killed_now_and_then_and_not_at_every_look(tmp_path, monkeypatch):
  clock, kills = [0.0], []
  monkeypatch.setattr(attempt.time, "monotonic", lambda: clock[0])

  class Deaf(attempt.Attempt):
    def ended(self):
      return None

    def _send(self, signum):
      pass

    def _kill(self):
      kills.append(clock[0])

  job = Deaf(OmegaConf.create({"hydra": {"overrides": {"task": []}}}), tmp_path, None)
  for step in range(100 * 20):
    clock[0] = step / 20
    job.watch([signal.SIGINT] if clock[0] < 90 else [signal.SIGINT, signal.SIGINT])
  assert len(kills) == 4 and 60 < kills[0] < 60.1 and min(b - a for a, b in zip(kills, kills[1:])) > 9


def test_a_job_beyond_its_time_is_stopped_and_the_next_one_runs(sweep, monkeypatch: pytest.MonkeyPatch):
  monkeypatch.setattr(attempt, "SAVE_SECONDS", 1.0)
  sweep.plan(_0="hang", _1="deaf")
  assert sweep.run("seed=0,1,2", "hydra.launcher.timeout_minutes=0.1", "hydra.launcher.n_jobs=2") == 1
  assert sweep.statuses() == ["timeout", "timeout", "ok"]
  assert all("0.1 min" in job["error"] and not sweep.alive(job["pid"]) for job in sweep.jobs()[:2])
  assert (sweep.folder / "0_seed-0" / "checkpoints" / "200").is_dir()


def test_an_interrupt_lets_the_jobs_save_and_shows_what_there_is(sweep):
  sweep.plan(_1="hang", _2="deaf")
  parent = sweep.start("seed=0,1,2,3", "hydra.launcher.n_jobs=2")
  sweep.wait_for_starts(3)
  parent.send_signal(signal.SIGINT)
  sweep.wait_for(lambda: sweep.statuses()[1] == "interrupted")
  parent.send_signal(signal.SIGINT)  # whoever does not want to wait asks twice
  out, err = parent.communicate(timeout=60)
  assert parent.returncode == 130
  assert sweep.statuses() == ["ok", "interrupted", "interrupted", "waiting"]
  assert [job["error"] for job in sweep.jobs()[1:3]] == ["interrupted", "killed before it had saved"]
  assert (sweep.folder / "1_seed-1" / "checkpoints" / "200").is_dir()
  lines = out.splitlines()
  assert "interrupted" in "".join(lines[lines.index(str(sweep.folder)) :])
  assert f"sweep.resume={sweep.folder}" in err and "Traceback" not in err


def test_a_signal_while_the_answer_is_written_is_an_interrupt_with_its_answer(sweep, monkeypatch, capsys):
  answers = []

  def slowly(folder):
    answers.append(folder)
    if len(answers) == 1:
      os.kill(os.getpid(), signal.SIGTERM)
    return write_answer(folder)

  monkeypatch.setattr(cli, "write_answer", slowly)
  assert sweep.run("seed=0") == 143
  out, err = capsys.readouterr()
  assert "survival" in out and "Traceback" not in err and (sweep.folder / "report.html").exists()


def test_a_page_that_cannot_be_drawn_costs_the_page_alone(sweep, monkeypatch, capsys):
  def broken(*args):
    raise ZeroDivisionError("in a figure")

  monkeypatch.setattr("wildrobot_exp.evaluation.report.sweep_page.render", broken)
  assert sweep.run("seed=0") == 0
  out, err = capsys.readouterr()
  assert "survival" in out and (sweep.folder / "summary.csv").exists()
  assert err.count("\n") == 1 and "report.html could not be written: ZeroDivisionError: in a figure" in err


def test_a_full_disk_when_a_job_starts_fails_that_job_alone(sweep, monkeypatch: pytest.MonkeyPatch, capsys):
  def full(folder, *args):
    if folder.name.startswith("0_"):
      raise OSError(28, "No space left on device")
    return prepare(folder, *args)

  def full_too(folder, result):
    raise OSError(28, "No space left on device")

  prepare = process.prepare
  monkeypatch.setattr(process, "prepare", full)
  monkeypatch.setattr("wildrobot_exp.sweeps.scheduler.write_result", full_too)
  (sweep.folder / "0_seed-0").mkdir(parents=True)
  assert sweep.run("seed=0,1") == 1
  assert sweep.statuses() == ["failed", "ok"] and "No space left" in sweep.jobs()[0]["error"]


def test_a_full_disk_costs_the_record_but_not_the_jobs(sweep, monkeypatch: pytest.MonkeyPatch, capsys):
  def full(path, content):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr("wildrobot_exp.sweeps.manifest.write_json", full)
  assert sweep.run("seed=0") == 0
  assert "manifest.json could not be written: No space left on device" in capsys.readouterr().err
