"""hydra/launcher=vmap: jobs that fit into one program share a process; folder, result and verdict stay their own."""

import os
import signal
import time

import pytest

from wildrobot_exp import cpus

VMAP = "hydra/launcher=vmap"


def pids(sweep) -> list[int]:
  return [start["pid"] for start in sweep.starts()]


def test_jobs_that_differ_in_traced_numbers_share_a_process_and_others_get_their_own(sweep, capsys):
  assert sweep.run(VMAP, "seed=0,1", "num_envs=64,128", "algo=ppo", "hydra.launcher.memory_gb=2") == 0
  assert sweep.statuses() == ["ok"] * 4
  first, second, third, fourth = pids(sweep)  # 64 robots: jobs 0 and 2; 128: jobs 1 and 3
  assert first == second != third == fourth
  assert [start["seed"] for start in sweep.starts()] == [0, 1, 0, 1]
  assert [job["attempts"] for job in sweep.jobs()] == [1] * 4
  folder = sweep.folder / "0_algo-ppo__num_envs-64__seed-0"
  assert (folder / "job.log").read_text() == "sweep: seed 0 of 2, 2.0 GB\n"
  assert (folder / "result.json").exists() and (folder / ".hydra" / "config.yaml").exists()
  assert (sweep.folder / "together_0.log").read_text() == "working on seed 0\nworking on seed 1\n"
  assert "missing" not in capsys.readouterr().err


def test_a_job_without_company_is_a_process_as_ever(sweep):
  assert sweep.run(VMAP, "seed=0", "num_envs=64,128") == 0
  assert len(set(pids(sweep))) == 2 and not list(sweep.folder.glob("together_*"))


@pytest.mark.parametrize("plan", [{"_2": "wait"}, {"_LINGER": "3"}], ids=["others still train", "it ends slowly"])
def test_a_run_that_fails_fails_alone_and_is_tried_again_alone_once_its_group_has_left_the_folders(sweep, plan):
  sweep.plan(_0="fail", **plan)
  parent = sweep.start(VMAP, "seed=0,1,2", "hydra.launcher.retries=1")
  sweep.wait_for(lambda: (sweep.folder / "manifest.json").exists() and sweep.statuses()[0] == "failed")
  time.sleep(0.5)  # it was tried again at once
  assert sweep.jobs()[0]["attempts"] == 1 and "a bug" in sweep.jobs()[0]["error"]
  (sweep.folder / "go").touch()
  parent.communicate(timeout=60)
  assert parent.returncode == 1 and sweep.statuses() == ["failed", "ok", "ok"]
  assert [job["attempts"] for job in sweep.jobs()] == [2, 1, 1]
  assert "a bug" in sweep.jobs()[0]["error"]
  together, again = pids(sweep)[:3], pids(sweep)[3]
  assert len(set(together)) == 1 and again not in together


def test_the_jobs_of_a_dead_group_are_tried_again_as_jobs_alone_are(sweep):
  sweep.plan(_0="die-once")
  assert sweep.run(VMAP, "seed=0,1,2", "hydra.launcher.retries=1", "hydra.launcher.n_jobs=2") == 0
  assert [job["attempts"] for job in sweep.jobs()] == [2, 2, 2]
  again = sweep.starts()[1:]  # the group died with its first job
  assert sorted(start["cpus"] for start in again[:2]) == sorted([cpus.share(0, 2), cpus.share(1, 2)])


def test_a_job_whose_folder_cannot_be_made_does_not_keep_the_others(sweep):
  sweep.folder.mkdir()
  (sweep.folder / "2_seed-2").write_text("in the way")
  assert sweep.run(VMAP, "seed=0,1,2") == 1
  assert sweep.statuses() == ["ok", "ok", "failed"]
  assert "cannot be started" in sweep.jobs()[2]["error"]


def test_a_group_that_cannot_be_started_is_called_off(sweep):
  (sweep.folder / "together_0.log").mkdir(parents=True)
  assert sweep.run(VMAP, "seed=0,1") == 1
  assert sweep.statuses() == ["failed", "failed"] and not sweep.starts()
  assert all("Is a directory" in job["error"] for job in sweep.jobs())


def test_a_group_stopped_by_somebody_else_has_failed(sweep):
  sweep.plan(_0="hang-once")
  parent = sweep.start(VMAP, "seed=0,1", "hydra.launcher.retries=1")
  sweep.wait_for_starts(1)
  os.kill(pids(sweep)[0], signal.SIGTERM)
  _, err = parent.communicate(timeout=60)
  assert parent.returncode == 0 and sweep.statuses() == ["ok", "ok"]
  assert "a signal that the sweep had not sent" in err


def test_a_killed_group_names_the_killer_keeps_what_was_done_and_goes_on(sweep):
  sweep.plan(_1="die")
  assert sweep.run(VMAP, "seed=0,1,2") == 1
  assert sweep.statuses() == ["ok", "failed", "failed"]
  assert "SIGKILL" in sweep.jobs()[2]["error"] and "working on seed 1" in sweep.jobs()[2]["error"]
  assert [job["attempts"] for job in sweep.jobs()] == [1, 1, 1]
  sweep.plan()
  assert sweep.run(VMAP, "seed=0,1,2", "sweep.resume=sweep") == 0
  assert sweep.statuses() == ["ok"] * 3
  resumed = {start["seed"]: start["resume"] for start in sweep.starts()[2:]}
  assert resumed == {1: str(sweep.folder / "1_seed-1"), 2: None}  # from its checkpoint; from the start


def test_an_interrupt_reaches_the_group_once_and_its_jobs_can_go_on(sweep):
  sweep.plan(_1="hang")
  parent = sweep.start(VMAP, "seed=0,1,2")
  sweep.wait_for_starts(2)
  parent.send_signal(signal.SIGINT)
  _, err = parent.communicate(timeout=60)
  assert parent.returncode == 130
  assert sweep.statuses() == ["ok", "interrupted", "interrupted"]
  assert f"sweep.resume={sweep.folder}" in err


def test_a_group_beyond_its_time_is_stopped(sweep):
  sweep.plan(_1="hang")
  assert sweep.run(VMAP, "seed=0,1", "hydra.launcher.timeout_minutes=0.15") == 1
  assert sweep.statuses() == ["ok", "timeout"]


def test_a_missed_gate_costs_the_verdict_and_not_the_numbers(sweep):
  assert sweep.run(VMAP, "seed=0,1", "+gates.return.min=1") == 1
  assert sweep.statuses() == ["failed", "ok"]
  assert "return=0 is below 1" in sweep.jobs()[0]["error"]
  assert '"return": 0.0' in next(sweep.folder.glob("0_*")).joinpath("result.json").read_text()


def test_settings_out_of_range_are_refused(sweep, capsys):
  assert sweep.run(VMAP, "seed=0,1", "hydra.launcher.memory_gb=0") == 2
  assert "memory_gb=0" in capsys.readouterr().err and not sweep.folder.exists()
