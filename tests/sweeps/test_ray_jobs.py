"""A sweep through Ray: another place for the same jobs."""

import pathlib
import signal

import pytest

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.slow  # Ray takes seconds to start
RAY = ("hydra/launcher=ray", "hydra.launcher.num_cpus=0.5")


@pytest.fixture(autouse=True)
def no_ray_is_left():
  """Of this process: the next test's would find it."""
  yield
  ray.shutdown()


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


def test_a_search_goes_on_from_batch_to_batch(sweep):
  pytest.importorskip("optuna")
  sweep.patch.setenv("PYTHONPATH", str(pathlib.Path(__file__).with_name("search_fakes")))
  search = ("hydra/sweeper=optuna", "hydra.sweeper.metric=vx_error", "amp.weight=interval(0.1,2)")
  parent = sweep.start(*RAY, *search, "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=1")
  out, err = parent.communicate(timeout=150)
  assert parent.returncode == 0, err
  assert sweep.statuses() == ["ok"] * 3 and len(sweep.starts()) == 3


def test_where_no_ray_answers_it_is_one_line_and_the_sweep_can_go_on(sweep):
  parent = sweep.start(*RAY, "seed=0", "hydra.launcher.address=auto")
  out, err = parent.communicate(timeout=150)
  assert parent.returncode == 2, err
  error, hint = err.splitlines()
  assert error.startswith("error: hydra.launcher.address=auto: no Ray answers there")
  assert hint.startswith("to run what is missing: python run.py -m hydra/launcher=ray ")
  assert sweep.run("seed=0", "sweep.resume=sweep") == 0 and sweep.statuses() == ["ok"]


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
