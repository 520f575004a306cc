"""hydra/sweeper=optuna through the real command line, every job in a real process (search_fakes/sitecustomize.py)."""

import json
import pathlib
import shlex
import signal

import optuna
import pytest
import yaml

SPACE = (
  "amp.weight=interval(0.1,2)",
  "algo.learning_rate=tag(log,interval(1e-4,1e-3))",
  "algo.epochs=range(2,9,2)",
  "amp/loss=choice(lsgan,wgan)",
)
SEARCH = ("hydra/sweeper=optuna", "hydra.sweeper.metric=vx_error", "hydra.launcher.n_jobs=3")
WEIGHT = "amp.weight=interval(0.1,2)"
COMPLETE, PRUNED, FAIL, RUNNING = (optuna.trial.TrialState[name] for name in ("COMPLETE", "PRUNED", "FAIL", "RUNNING"))


@pytest.fixture
def search(sweep, monkeypatch: pytest.MonkeyPatch):
  monkeypatch.setenv("PYTHONPATH", str(pathlib.Path(__file__).with_name("search_fakes")))
  return sweep


def trials(search) -> list[optuna.trial.FrozenTrial]:
  return optuna.load_study(study_name="sweep", storage=f"sqlite:///{search.folder}/study.db").trials


def results(search) -> dict:
  return yaml.safe_load((search.folder / "optimization_results.yaml").read_text())


def test_all_kinds_are_searched_and_the_best_is_told_with_its_command(search, capsys):
  assert search.run(*SEARCH, *SPACE, "num_envs=64", "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=4") == 0
  starts = sorted(search.starts(), key=lambda start: start["job"])
  assert [start["job"] for start in starts] == [0, 1, 2, 3]
  for start, trial in zip(starts, trials(search)):
    assert 0.1 <= start["weight"] <= 2 and 1e-4 <= start["rate"] <= 1e-3
    assert start["epochs"] in (2, 4, 6, 8) and start["loss"] in ("lsgan", "wgan")
    assert start["weight"] == pytest.approx(trial.params["amp.weight"], rel=1e-5)
    assert (start["epochs"], start["loss"]) == (trial.params["algo.epochs"], trial.params["amp/loss"])
    assert trial.state == COMPLETE
  assert trials(search)[0].distributions["algo.learning_rate"].log
  assert [job["overrides"] for job in search.jobs()] == [trial.user_attrs["overrides"] for trial in trials(search)]

  found = results(search)
  errors = [(start["weight"] - 1) ** 2 + (start["loss"] != "lsgan") for start in starts]
  assert found["best_value"] == pytest.approx(min(errors)) and found["best_trial"] == errors.index(min(errors))
  assert found["best_params"]["amp.weight"] == starts[found["best_trial"]]["weight"]
  assert found["trials"] == {"complete": 4, "pruned": 0, "failed": 0}
  command = shlex.split(found["command"])
  assert command[:3] == ["python", "run.py", "num_envs=64"] and f"amp.weight={found['best_params']['amp.weight']}" in command
  assert found["command"] in capsys.readouterr().out


def test_failed_trials_are_on_record_and_the_search_goes_on(search, monkeypatch: pytest.MonkeyPatch, capsys):
  monkeypatch.setenv("FAKE_FAIL", "0")
  monkeypatch.setenv("FAKE_NAN", "1")
  assert search.run(*SEARCH, WEIGHT, "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=2") == 1
  assert [trial.state for trial in trials(search)] == [FAIL, FAIL, COMPLETE, COMPLETE]
  assert "a bug" in trials(search)[0].user_attrs["error"]
  assert "no finite vx_error" in trials(search)[1].user_attrs["error"]
  err = capsys.readouterr().err
  assert "no finite vx_error" in err and "to run what is missing" not in err
  assert results(search)["trials"] == {"complete": 2, "pruned": 0, "failed": 2}


def test_a_killed_search_goes_on_with_the_same_study(search, monkeypatch: pytest.MonkeyPatch, capsys):
  command = (*SEARCH, WEIGHT, "hydra.sweeper.n_trials=5")
  monkeypatch.setenv("FAKE_HANG", "1")
  parent = search.start(*command)
  search.wait_for(lambda: (search.folder / "study.db").exists() and search.statuses() == ["ok", "running", "ok"])
  parent.kill()
  parent.communicate(timeout=60)
  search.wait_for(lambda: not any(search.alive(job["pid"]) for job in search.jobs()))
  before = trials(search)
  assert before[1].state == RUNNING

  assert search.run(*command[:-2], "amp.weight=interval(0.1,3)", command[-1], "sweep.resume=sweep") == 2
  assert search.run(*command, "num_envs=64", "sweep.resume=sweep") == 2
  assert search.run("seed=0,1", "sweep.resume=sweep") == 2
  lines = capsys.readouterr().err.splitlines()
  assert len(lines) == 3 and "searches 'amp.weight: float from 0.1 to 2.0', this command" in lines[0]

  assert search.run(*command, "sweep.resume=sweep") == 0
  after = trials(search)
  assert [trial.state for trial in after] == [COMPLETE] * 5
  assert [trial.params for trial in after[:3]] == [trial.params for trial in before]
  assert sorted(start["job"] for start in search.starts()) == [0, 1, 1, 2, 3, 4]
  resumed = {start["job"]: start["resume"] for start in search.starts()[3:]}
  assert resumed[1] == str(search.folder / search.jobs()[1]["folder"]) and resumed[3] is None
  assert len({trial.params["amp.weight"] for trial in after}) == 5  # the seed does not begin again
  assert len((search.folder / "summary.csv").read_text().splitlines()) == 6


def test_an_interrupt_leaves_a_study_that_can_go_on(search, monkeypatch: pytest.MonkeyPatch):
  monkeypatch.setenv("FAKE_HANG", "0")
  parent = search.start(*SEARCH, WEIGHT, "hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=1")
  search.wait_for_starts(1)
  parent.send_signal(signal.SIGINT)
  out, err = parent.communicate(timeout=60)
  assert parent.returncode == 130 and "Traceback" not in err
  assert "hydra/sweeper=optuna" in err and f"sweep.resume={search.folder}" in err
  assert [trial.state for trial in trials(search)] == [RUNNING]


def test_a_job_below_the_median_is_stopped_and_that_is_no_failure(search, monkeypatch: pytest.MonkeyPatch, capfd):
  monkeypatch.setenv("FAKE_EVALUATE", "1")
  median = ("hydra/sweeper/pruner=median", "hydra.sweeper.pruner.startup_trials=1", "hydra/sweeper/sampler=random")
  numbers = ("hydra.sweeper.n_trials=6", "evaluation.during_training.every_steps=1000", "total_steps=20000")
  assert search.run(*SEARCH, WEIGHT, *median, *numbers) == 0
  found = trials(search)
  assert {trial.state for trial in found[:3]} == {COMPLETE}
  pruned = [trial for trial in found if trial.state == PRUNED]
  assert pruned
  for trial in pruned:  # vx_error is minimised and the score is not: better is lower in the study
    assert trial.intermediate_values[1000] > min(other.intermediate_values[1000] for other in found[:3])
    folder = search.folder / trial.user_attrs["folder"]
    assert json.loads((folder / "result.json").read_text())["status"] == "pruned"
    assert "is behind the median" in (folder / "job.log").read_text()
  assert list(found[0].intermediate_values) == [1000, 2000, 3000]
  assert search.statuses().count("pruned") == len(pruned) == results(search)["trials"]["pruned"]
  assert "to run what is missing" not in capfd.readouterr().err
