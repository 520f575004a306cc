"""hydra/sweeper=optuna through the real command line; the jobs are toys (search_fakes/sitecustomize.py)."""

import html
import importlib.util
import json
import pathlib
import shlex
import signal
import sys

import optuna
import pytest
import yaml
from omegaconf import OmegaConf

from wildrobot_exp.config.search_space import Searched
from wildrobot_exp.sweeps.search_record import SearchRecord
from wildrobot_exp.sweeps.study import SearchStudy

SPACE = (
  "amp.weight=interval(0.1,2)",
  "algo.learning_rate=tag(log,interval(1e-4,1e-3))",
  "algo.epochs=range(2,9,2)",
  "amp/loss=choice(lsgan,wgan)",
)
SEARCH = ("hydra/sweeper=optuna", "hydra.sweeper.metric=vx_error")
FAKES = pathlib.Path(__file__).with_name("search_fakes")
WEIGHT = "amp.weight=interval(0.1,2)"
COMPLETE, PRUNED, FAIL, RUNNING = (optuna.trial.TrialState[name] for name in ("COMPLETE", "PRUNED", "FAIL", "RUNNING"))


@pytest.fixture
def search(sweep, monkeypatch: pytest.MonkeyPatch):
  """A sweep whose jobs are toys, each in a process of its own."""
  monkeypatch.setenv("PYTHONPATH", str(FAKES))
  return sweep


@pytest.fixture
def quick_search(search, monkeypatch: pytest.MonkeyPatch):
  """The same with hydra/launcher=basic: all jobs in this process."""
  spec = importlib.util.spec_from_file_location("search_toy", FAKES / "sitecustomize.py")
  toy = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(toy)
  monkeypatch.setitem(sys.modules, "wildrobot_exp.experiment", toy)
  monkeypatch.setattr("wildrobot_exp.job.check_devices", lambda config: None)
  return search


def trials(search) -> list[optuna.trial.FrozenTrial]:
  return optuna.load_study(study_name="sweep", storage=f"sqlite:///{search.folder}/study.db").trials


def results(search) -> dict:
  return yaml.safe_load((search.folder / "optimization_results.yaml").read_text())


def test_all_kinds_are_searched_and_the_best_is_told_with_its_command(quick_search, capsys):
  search = quick_search
  assert search.run(*SEARCH, *SPACE, "num_envs=64", "hydra.sweeper.n_trials=4", "hydra/launcher=basic") == 0
  starts = search.starts()
  assert [start["job"] for start in starts] == [0, 1, 2, 3]
  for start, trial in zip(starts, trials(search)):
    assert 0.1 <= start["weight"] <= 2 and 1e-4 <= start["rate"] <= 1e-3
    assert start["epochs"] in (2, 4, 6, 8) and start["loss"] in ("lsgan", "wgan")
    assert start["weight"] == pytest.approx(trial.params["amp.weight"], rel=1e-5)
    assert (start["epochs"], start["loss"]) == (trial.params["algo.epochs"], trial.params["amp/loss"])
    assert trial.state == COMPLETE
  assert trials(search)[0].distributions["algo.learning_rate"].log
  found = results(search)
  errors = [(start["weight"] - 1) ** 2 + (start["loss"] != "lsgan") for start in starts]
  assert found["best_value"] == pytest.approx(min(errors)) and found["best_trial"] == errors.index(min(errors))
  assert found["best_params"]["amp.weight"] == starts[found["best_trial"]]["weight"]
  assert found["trials"] == {"complete": 4, "pruned": 0, "failed": 0}
  command = shlex.split(found["command"])
  assert command[:3] == ["python", "run.py", "num_envs=64"]
  assert f"amp.weight={found['best_params']['amp.weight']}" in command
  assert found["command"] in capsys.readouterr().out
  best = (search.folder / "report.html").read_text().partition('<section id="best">')[2]
  assert f"<h3>{found['best_folder']}</h3>" in best and html.escape(found["command"]) in best


def test_a_search_that_an_experiment_file_made_is_repeated_by_one_run(quick_search, monkeypatch):
  own = quick_search.folder.parent / "mine" / "experiment" / "own.yaml"
  own.parent.mkdir(parents=True)
  own.write_text("# @package _global_\nhydra:\n  mode: MULTIRUN\n")
  typed = (*SEARCH, WEIGHT, "hydra/launcher=basic", "hydra.sweeper.n_trials=1", "hydra.sweep.dir=sweep")
  assert quick_search.run_as("--config-dir", str(own.parents[1]), "experiment=own", *typed) == 0
  command = shlex.split(results(quick_search)["command"])
  assert command[-1] == "hydra.mode=RUN" and command[2:4] == ["--config-dir", str(own.parents[1])]


@pytest.mark.parametrize("sampler", [{"name": "random", "seed": 3}, {"name": "tpe", "seed": 3, "startup_trials": 10}])
def test_a_trial_s_values_hang_on_its_number_and_not_on_who_is_asked_with_it(tmp_path: pathlib.Path, sampler: dict):
  def values(name: str, batches: list[int]) -> list[list[str]]:
    (tmp_path / name).mkdir()
    record = SearchRecord(name, None, "vx_error", "minimize", [], [], "")
    sweeper = OmegaConf.create({"sampler": sampler, "pruner": {"name": "none"}})
    space = [Searched("amp.weight", "float", 0.1, 2.0), Searched("algo.clip", "float", 0.1, 0.3)]
    study = SearchStudy(tmp_path / name, record, space, [], sweeper)
    found = []
    for size in batches:
      found += [study.overrides(trial) for trial in [study.ask() for _ in range(size)]]
    return found

  alone = values("alone", [1, 1, 1, 1])
  assert alone == values("together", [4]) == values("some", [1, 3])
  assert len({line for lines in alone for line in lines}) == 8


def test_failed_trials_are_on_record_and_the_search_goes_on(quick_search, monkeypatch: pytest.MonkeyPatch, capsys):
  search = quick_search
  monkeypatch.setenv("FAKE_FAIL", "0")
  monkeypatch.setenv("FAKE_NAN", "1")
  basic = ("hydra/launcher=basic", "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=2")
  assert search.run(*SEARCH, WEIGHT, *basic) == 1
  assert [trial.state for trial in trials(search)] == [FAIL, FAIL, COMPLETE, COMPLETE]
  assert "a bug" in trials(search)[0].user_attrs["error"]
  assert "no finite vx_error" in trials(search)[1].user_attrs["error"]
  assert "no finite vx_error" in capsys.readouterr().err
  assert results(search)["trials"] == {"complete": 2, "pruned": 0, "failed": 2}


def test_a_killed_search_goes_on_with_the_same_study(search, monkeypatch: pytest.MonkeyPatch, capsys):
  settings = (*SEARCH, "hydra.launcher.n_jobs=2", "hydra.sweeper.n_trials=3")
  command = (*settings, WEIGHT)
  monkeypatch.setenv("FAKE_FAIL", "0")
  monkeypatch.setenv("FAKE_HANG", "1")
  parent = search.start(*command)
  manifest = search.folder / "manifest.json"
  search.wait_for(lambda: manifest.exists() and search.statuses() == ["failed", "running"])
  search.wait_for(lambda: any(search.folder.glob("1_*/checkpoints/100")))
  parent.kill()
  parent.communicate(timeout=60)
  search.wait_for(lambda: not any(search.alive(job["pid"]) for job in search.jobs()))
  before = trials(search)
  assert [trial.state for trial in before] == [RUNNING, RUNNING]
  monkeypatch.delenv("FAKE_FAIL")

  assert search.run(*settings, "amp.weight=interval(0.1,3)", "sweep.resume=sweep") == 2
  assert search.run(*command, "num_envs=64", "sweep.resume=sweep") == 2
  assert search.run("seed=0,1", "sweep.resume=sweep") == 2
  lines = capsys.readouterr().err.splitlines()
  assert len(lines) == 3 and "searches 'amp.weight: float from 0.1 to 2.0', this command" in lines[0]

  assert search.run(*command, "sweep.resume=sweep") == 0
  after = trials(search)
  assert [trial.state for trial in after] == [COMPLETE] * 3
  assert [trial.params for trial in after[:2]] == [trial.params for trial in before]
  resumed = {start["job"]: start["resume"] for start in search.starts()[2:]}
  assert resumed == {0: None, 1: str(search.folder / search.jobs()[1]["folder"]), 2: None}
  assert len({trial.params["amp.weight"] for trial in after}) == 3  # the seed does not begin again
  assert [job["overrides"] for job in search.jobs()] == [trial.user_attrs["overrides"] for trial in after]

  assert search.run(*command, "sweep.resume=sweep") == 0
  assert len(search.starts()) == 5 and len(trials(search)) == 3


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
  monkeypatch.setenv("FAKE_BEHIND", "2")
  median = ("hydra/sweeper/pruner=median", "hydra.sweeper.pruner.startup_trials=1", "hydra/sweeper/sampler=random")
  numbers = ("hydra.sweeper.n_trials=3", "evaluation.during_training.every_steps=1000", "total_steps=20000")
  assert search.run(*SEARCH, WEIGHT, *median, *numbers, "hydra.launcher.n_jobs=2") == 0
  first, second, behind = trials(search)
  assert [first.state, second.state, behind.state] == [COMPLETE, COMPLETE, PRUNED]
  assert list(first.intermediate_values) == [1000, 2000, 3000]
  # vx_error is minimised, the score is the better the higher: in the study less is better for both
  assert behind.intermediate_values[1000] > first.intermediate_values[1000] > 0
  folder = search.folder / behind.user_attrs["folder"]
  assert json.loads((folder / "result.json").read_text())["status"] == "pruned"
  assert "is behind the median" in (folder / "job.log").read_text()
  assert search.statuses() == ["ok", "ok", "pruned"]
  assert results(search)["trials"] == {"complete": 2, "pruned": 1, "failed": 0}
  assert "to run what is missing" not in capfd.readouterr().err
