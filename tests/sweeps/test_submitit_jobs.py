"""A sweep through submitit: another place for the same jobs, with the same folders, manifest, table and exit code."""

import csv
import os
import pathlib
import signal
import threading
import time

import pytest

from wildrobot_exp.run_lock import only_writer
from wildrobot_exp.sweeps.node import NodeJob
from wildrobot_exp.sweeps.result import JobResult, write_result

pytest.importorskip("submitit")
LOCAL = "hydra/launcher=submitit_local"


def children(pid: int) -> list[int]:
  """The processes that a process started and that still run."""
  path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
  return [int(child) for child in path.read_text().split()]


def job_id(sweep, number: int) -> int:
  """The pid of submitit's controller of a job."""
  sweep.wait_for(lambda: sweep.jobs()[number]["cluster_job"] is not None)
  return int(sweep.jobs()[number]["cluster_job"].removeprefix("submitit_local "))


def test_the_same_sweep_leaves_the_same_as_in_processes(sweep, capsys):
  sweep.plan(_1="die")
  assert sweep.run(LOCAL, "seed=0,1", "hydra.launcher.n_jobs=2") == 1
  here = capsys.readouterr()
  assert sweep.run("seed=0,1", "hydra.launcher.n_jobs=2", "hydra.sweep.dir=processes") == 1
  there = capsys.readouterr()
  for said in (here, there):
    assert "1_seed-1: killed by SIGKILL" in said.err and "to run what is missing: python run.py -m " in said.err
  assert sweep.statuses() == ["ok", "failed"]

  other = sweep.folder.parent / "processes"
  assert {path.name for path in sweep.folder.iterdir()} - {".submitit"} == {path.name for path in other.iterdir()}
  for name in ("0_seed-0", "1_seed-1"):
    mine, theirs = ({str(path.relative_to(f)) for path in (f / name).rglob("*")} for f in (sweep.folder, other))
    assert mine == theirs
  mine, theirs = (list(csv.DictReader((f / "summary.csv").open())) for f in (sweep.folder, other))
  assert [dict(row, wall_s="") for row in mine] == [dict(row, wall_s="") for row in theirs]
  assert all(job["pid"] is None for job in sweep.jobs())


@pytest.mark.slow
def test_a_job_that_was_killed_is_tried_again_from_its_checkpoint(sweep):
  sweep.plan(_1="die-once")
  assert sweep.run(LOCAL, "seed=1", "hydra.launcher.retries=1") == 0
  assert [job["attempts"] for job in sweep.jobs()] == [2]
  assert [start["resume"] for start in sweep.starts()] == [None, str(sweep.folder / "0_seed-1")]


def test_a_preempted_job_saves_is_requeued_and_goes_on(sweep):
  sweep.plan(_0="hang-once")
  parent = sweep.start(LOCAL, "seed=0,1", "hydra.launcher.n_jobs=2")
  sweep.wait_for_starts(2)
  task = children(job_id(sweep, 0))[0]
  os.kill(task, signal.SIGUSR2)  # what SLURM sends, by way of submitit's --signal
  parent.communicate(timeout=60)
  assert parent.returncode == 0
  assert [job["attempts"] for job in sweep.jobs()] == [2, 1]
  resumed = [start["resume"] for start in sweep.starts() if start["seed"] == 0]
  assert resumed == [None, str(sweep.folder / "0_seed-0")]
  assert len((sweep.folder / "0_seed-0" / "attempts.log").read_text().splitlines()) == 2


@pytest.mark.slow
def test_a_job_out_of_time_is_requeued_only_so_often(sweep):
  sweep.plan(_0="hang")
  argv = (LOCAL, "seed=0", "hydra.launcher.timeout_minutes=0.07", "hydra.launcher.max_num_timeout=1")
  assert sweep.run(*argv) == 1
  (job,) = sweep.jobs()
  assert job["status"] == "timeout" and job["attempts"] == 2
  assert "2 times 0.07 min" in job["error"]
  assert [start["resume"] for start in sweep.starts()] == [None, str(sweep.folder / "0_seed-0")]


@pytest.mark.slow
def test_when_submitits_own_process_is_killed_the_job_ends_and_is_said_to_have_failed(sweep):
  sweep.plan(_0="hang")
  parent = sweep.start(LOCAL, "seed=0,1", "hydra.launcher.n_jobs=2")
  sweep.wait_for_starts(2)
  os.kill(job_id(sweep, 0), signal.SIGKILL)
  parent.communicate(timeout=60)
  assert parent.returncode == 1 and sweep.statuses() == ["failed", "ok"]
  sweep.wait_for(lambda: not sweep.alive(next(s["pid"] for s in sweep.starts() if s["seed"] == 0)))


@pytest.mark.slow
def test_an_interrupt_lets_the_jobs_save(sweep):
  sweep.plan(_0="hang")
  parent = sweep.start(LOCAL, "seed=0,1")
  sweep.wait_for_starts(1)
  parent.send_signal(signal.SIGINT)
  out, err = parent.communicate(timeout=60)
  assert parent.returncode == 130, err
  assert sweep.statuses() == ["interrupted", "waiting"]
  assert (sweep.folder / "0_seed-0" / "checkpoints" / "200").is_dir()
  assert f"sweep.resume={sweep.folder}" in err


@pytest.mark.slow
def test_a_job_that_does_not_listen_is_killed(sweep):
  sweep.plan(_0="deaf")
  parent = sweep.start(LOCAL, "seed=0")
  sweep.wait_for_starts(1)
  job_id(sweep, 0)
  parent.send_signal(signal.SIGINT)
  time.sleep(1.0)  # two at once are one signal
  parent.send_signal(signal.SIGINT)
  parent.communicate(timeout=60)
  assert parent.returncode == 130 and sweep.statuses() == ["interrupted"]
  sweep.wait_for(lambda: not sweep.alive(sweep.starts()[0]["pid"]))


@pytest.mark.parametrize("end", [signal.SIGKILL, pytest.param(signal.SIGHUP, marks=pytest.mark.slow)])
def test_jobs_that_outlive_their_sweep_are_found_again_and_not_started_twice(sweep, capsys, end):
  sweep.plan(_0="wait", _1="wait")
  argv = (LOCAL, "seed=0,1,2", "hydra.launcher.n_jobs=2")
  parent = sweep.start(*argv)
  sweep.wait_for_starts(2)
  job_id(sweep, 1)
  parent.send_signal(end)
  assert parent.wait(60) == -end
  assert all(sweep.alive(start["pid"]) for start in sweep.starts())

  assert sweep.run("seed=0,1,2", "sweep.resume=sweep") == 2  # in processes, while SLURM may still run them
  assert "go on with hydra/launcher=submitit_local" in capsys.readouterr().err
  resumed = sweep.start("sweep.resume=sweep", *argv)
  found = 0
  while found < 2:
    line = resumed.stdout.readline()
    assert line, "it ended without having found both"
    found += "still runs as local job" in line
  (sweep.folder / "go").touch()
  out, err = resumed.communicate(timeout=60)
  assert resumed.returncode == 0, err
  assert len(sweep.starts()) == 3 and sweep.statuses() == ["ok"] * 3
  assert all(job["attempts"] == 1 for job in sweep.jobs())


def test_an_attempt_that_nobody_noted_down_is_waited_for_and_its_result_kept(tmp_path: pathlib.Path):
  """The sweep was killed between a submission and its note in the manifest, and has submitted the job again."""
  codes = []
  late = threading.Thread(target=lambda: codes.append(NodeJob(str(tmp_path), resumable=True, environ={})()))
  with only_writer(tmp_path):
    late.start()
    late.join(timeout=0.5)
    assert late.is_alive()
    write_result(tmp_path, JobResult(tmp_path.name, "ok", {}, {"score": 1.0}, 1.0))
  late.join(timeout=10)
  assert codes == [0]
  assert not (tmp_path / "attempts.log").exists() and not (tmp_path / "job.log").exists()
