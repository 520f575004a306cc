"""sweep.resume: what is finished stays, what is half done goes on, what is missing starts, and nothing else."""

import json
import signal

import pytest

from wildrobot_exp.commands.main import main
from wildrobot_exp.errors import UserError
from wildrobot_exp.sweeps.launcher import ProcessLauncher


def snapshot(sweep) -> dict[str, bytes]:
  return {str(path): path.read_bytes() for path in sorted(sweep.folder.rglob("*")) if path.is_file()}


def test_after_a_kill_of_the_sweep_only_what_is_missing_runs(sweep):
  jobs = ("seed=0,1,2,3,4", "hydra.launcher.n_jobs=2")
  sweep.plan(_1="fail", _2="hang", _3="hang")
  parent = sweep.start(*jobs)
  sweep.wait_for_starts(4)
  (sweep.folder / "2_seed-2" / "checkpoints" / "100").mkdir(parents=True)
  (sweep.folder / "3_seed-3" / "metrics.csv").write_text("half a row")
  parent.kill()
  parent.communicate(timeout=60)
  assert sweep.statuses() == ["ok", "failed", "running", "running", "waiting"]
  sweep.wait_for(lambda: not any(sweep.alive(start["pid"]) for start in sweep.starts()))

  sweep.plan()
  assert sweep.run(*jobs, "hydra.sweep.dir=sweep", "sweep.resume=sweep") == 0
  assert sweep.statuses() == ["ok"] * 5
  assert [job["attempts"] for job in sweep.jobs()] == [1, 2, 2, 2, 1]
  resumed = {start["seed"]: start["resume"] for start in sweep.starts()[4:]}
  assert resumed == {1: None, 2: str(sweep.folder / "2_seed-2"), 3: None, 4: None}
  assert not (sweep.folder / "3_seed-3" / "metrics.csv").exists()  # of an attempt without a checkpoint
  assert len((sweep.folder / "summary.csv").read_text().splitlines()) == 6

  assert sweep.run("sweep.resume=sweep", *jobs) == 0
  assert len(sweep.starts()) == 8


@pytest.fixture
def done(sweep):
  """A finished sweep over seed=0,1."""
  assert sweep.run("seed=0,1") == 0
  return sweep


def refused(sweep, capsys, *argv: str) -> str:
  """The one line with which a command is refused; nothing was written."""
  before = snapshot(sweep)
  capsys.readouterr()
  assert sweep.run(*argv) == 2
  out, err = capsys.readouterr()
  assert err.startswith("error: ") and err.count("\n") == 1 and out == ""
  assert snapshot(sweep) == before
  return err


def test_another_sweep_than_the_one_in_the_folder_is_refused(done, capsys):
  assert "python run.py -m seed=0,1" in refused(done, capsys, "seed=0,2", "sweep.resume=sweep")
  assert "job 1" in refused(done, capsys, "seed=0,2", "sweep.resume=sweep")
  assert "(seed=1) is none of this command line's" in refused(done, capsys, "seed=0", "sweep.resume=sweep")
  assert "job 0" in refused(done, capsys, "seed=0,1", "num_envs=64", "sweep.resume=sweep")
  assert "is not a sweep" in refused(done, capsys, "seed=0,1", "sweep.resume=.")
  assert "hydra/launcher=processes" in refused(done, capsys, "seed=0,1", "sweep.resume=sweep", "hydra/launcher=basic")
  assert "already holds a sweep" in refused(done, capsys, "seed=0,1")

  path = done.folder / "manifest.json"
  content = json.loads(path.read_text())
  content["jobs"][1]["config_hash"] = "of another conf"
  path.write_text(json.dumps(content))
  assert "conf/ has changed" in refused(done, capsys, "seed=0,1", "sweep.resume=sweep")
  path.write_text("half")
  assert "cannot be read" in refused(done, capsys, "seed=0,1", "sweep.resume=sweep")


def test_a_sweep_that_became_longer_is_known_by_its_new_command(done, capsys):
  done.plan(_2="fail")
  assert done.run("seed=0,1,2", "sweep.resume=sweep") == 1
  assert "to run what is missing: python run.py -m seed=0,1,2 sweep.resume=" in capsys.readouterr().err
  assert json.loads((done.folder / "manifest.json").read_text())["command"] == ["-m", "seed=0,1,2"]
  assert done.statuses() == ["ok", "ok", "failed"] and len(done.starts()) == 3


def test_a_seed_more_keeps_the_jobs_that_are_there_wherever_it_is_typed(sweep, capsys):
  assert sweep.run("amp.weight=0.1,0.5", "seed=0,1") == 0
  before = sweep.jobs()
  results = {job["folder"]: (sweep.folder / job["folder"] / "result.json").read_bytes() for job in before}
  assert sweep.run("seed=0,1,2", "amp.weight=0.1,0.5", "sweep.resume=sweep") == 0
  assert [job["overrides"] for job in sweep.jobs()[4:]] == [["seed=2", "amp.weight=0.1"], ["seed=2", "amp.weight=0.5"]]
  assert sweep.jobs()[:4] == before and sweep.statuses() == ["ok"] * 6
  assert {name: (sweep.folder / name / "result.json").read_bytes() for name in results} == results
  assert [start["seed"] for start in sweep.starts()] == [0, 1, 0, 1, 2, 2]
  folders = ["4_amp.weight-0.1__seed-2", "5_amp.weight-0.5__seed-2"]
  assert [job["folder"] for job in sweep.jobs()[4:]] == folders
  assert len((sweep.folder / "summary.csv").read_text().splitlines()) == 7
  assert "job 1 " in refused(sweep, capsys, "seed=0,2", "amp.weight=0.1,0.5", "sweep.resume=sweep")


@pytest.mark.parametrize("search", [(), ("hydra/sweeper=optuna", "hydra.sweeper.n_trials=2")], ids=["grid", "search"])
def test_a_sweep_that_was_killed_before_its_first_job_can_go_on(sweep, monkeypatch, capsys, search):
  jobs = ("amp.weight=interval(0.1,2)" if search else "seed=0,1", *search)

  def killed(self, *args, **kwargs):
    raise KeyboardInterrupt

  with monkeypatch.context() as patch:
    patch.setattr("hydra.core.plugins.Plugins.instantiate_launcher", killed)
    assert sweep.run(*jobs) == 130
  assert sweep.jobs() == [] if search else sweep.statuses() == ["waiting", "waiting"]
  capsys.readouterr()
  assert sweep.run(*jobs) == 2 and "already holds a sweep" in capsys.readouterr().err
  assert sweep.run(*jobs, "sweep.resume=sweep") == 0
  assert sweep.statuses() == ["ok", "ok"] and len(sweep.starts()) == 2


def test_what_a_search_left_that_never_began_does_not_make_a_grid_one(sweep, capsys):
  sweep.folder.mkdir()
  (sweep.folder / "search.json").write_text("{}")
  sweep.plan(_1="fail")
  assert sweep.run("seed=0,1") == 1 and not (sweep.folder / "search.json").exists()
  assert "to run what is missing" in capsys.readouterr().err


def test_a_result_that_a_power_cut_damaged_is_missing_and_made_again(done, capsys):
  (done.folder / "1_seed-1" / "result.json").write_text("")
  assert main(["report", str(done.folder)]) == 0
  assert "result.json cannot be read" in capsys.readouterr().out
  assert done.run("seed=0,1", "sweep.resume=sweep") == 0
  assert done.statuses() == ["ok", "ok"] and [job["attempts"] for job in done.jobs()] == [1, 2]


def test_where_there_is_no_place_for_the_jobs_it_is_one_line_and_the_sweep_can_go_on(sweep, monkeypatch, capsys):
  def nowhere(self, folder):
    raise UserError("nobody answers")

  monkeypatch.setattr(ProcessLauncher, "_place", nowhere)
  with pytest.raises(SystemExit) as end:
    sweep.run("seed=0,1")
  error, hint = capsys.readouterr().err.splitlines()
  assert end.value.code == 2 and error == "error: nobody answers"
  assert hint == f"to run what is missing: python run.py -m seed=0,1 sweep.resume={sweep.folder}"
  assert sweep.statuses() == ["waiting", "waiting"]


def test_a_second_sweep_at_the_same_time_is_refused(sweep, capsys):
  sweep.plan(_0="hang")
  parent = sweep.start("seed=0,1")
  sweep.wait_for_starts(1)
  assert sweep.run("seed=0,1") == 2
  assert sweep.run("seed=0,1", "sweep.resume=sweep") == 2
  assert f"in use by process {parent.pid}" in capsys.readouterr().err
  parent.send_signal(signal.SIGTERM)
  parent.communicate(timeout=60)
  assert parent.returncode == 143
  assert sweep.statuses() == ["interrupted", "waiting"]
