"""A sweep through Ray: another place for the same jobs."""

import signal

import pytest

pytest.importorskip("ray")
pytestmark = pytest.mark.slow  # Ray takes seconds to start
RAY = ("hydra/launcher=ray", "hydra.launcher.num_cpus=0.5")


def test_the_same_manifest_and_table_as_in_processes(sweep, capsys):
  sweep.plan(_1="die-once", _2="fail")
  assert sweep.run(*RAY, "seed=0,1,2", "hydra.launcher.retries=1") == 1
  assert sweep.statuses() == ["ok", "ok", "failed"]
  assert [job["attempts"] for job in sweep.jobs()] == [1, 2, 2]
  resumed = [start["resume"] for start in sweep.starts() if start["seed"] == 1]
  assert resumed == [None, str(sweep.folder / "1_seed-1")]
  assert "ValueError: a bug" in (sweep.folder / "summary.csv").read_text()
  assert "2_seed-2: ValueError: a bug" in capsys.readouterr().err


def test_an_interrupt_and_a_time_limit_let_the_jobs_save(sweep):
  sweep.plan(_0="hang", _1="hang")
  parent = sweep.start(*RAY, "seed=0,1", "hydra.launcher.n_jobs=1", "hydra.launcher.timeout_minutes=0.25")
  sweep.wait_for_starts(2)
  parent.send_signal(signal.SIGINT)
  out, err = parent.communicate(timeout=150)
  assert parent.returncode == 130, err
  assert sweep.statuses()[0] == "timeout" and sweep.statuses()[1] in ("interrupted", "timeout")
  for name in ("0_seed-0", "1_seed-1"):
    assert (sweep.folder / name / "checkpoints" / "200").is_dir()


def test_after_a_kill_of_the_sweep_its_jobs_end_and_are_resumed(sweep):
  sweep.plan(_0="hang-once")
  parent = sweep.start(*RAY, "seed=0")
  sweep.wait_for_starts(1)
  parent.kill()
  parent.wait()
  sweep.wait_for(lambda: not sweep.alive(sweep.starts()[0]["pid"]))
  (sweep.folder / "0_seed-0" / "checkpoints" / "100").mkdir(parents=True)
  assert sweep.run(*RAY, "sweep.resume=sweep", "seed=0") == 0
  assert [start["resume"] for start in sweep.starts()] == [None, str(sweep.folder / "0_seed-0")]
