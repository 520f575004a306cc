"""What a search varies and with what settings: Hydra's grammar read as Optuna needs it, and bad input in one line."""

import pathlib
import sys

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from wildrobot_exp import cli
from wildrobot_exp.config import search
from wildrobot_exp.config.metrics import METRICS
from wildrobot_exp.config.search_space import MOST_CELLS, Searched, corners, read_space
from wildrobot_exp.errors import UserError
from wildrobot_exp.evaluation.run_folder import summary


def read(*lines: str, params: tuple[str, ...] = ()) -> tuple[list[Searched], list[str]]:
  parser = OverridesParser.create()
  return read_space(parser.parse_overrides(list(params)), parser.parse_overrides(list(lines)))


@pytest.mark.parametrize(
  "line, expected",
  [
    ("amp.weight=interval(0.1,2)", Searched("amp.weight", "float", 0.1, 2.0)),
    ("amp.weight=interval(1,2)", Searched("amp.weight", "float", 1.0, 2.0)),  # the key decides, not how it is typed
    ("algo.epochs=interval(1,8)", Searched("algo.epochs", "int", 1, 8, 1)),
    ("algo.learning_rate=tag(log,interval(1e-4,1e-3))", Searched("algo.learning_rate", "float", 1e-4, 1e-3, log=True)),
    ("algo.epochs=tag(log,range(1,9))", Searched("algo.epochs", "int", 1, 8, 1, log=True)),
    ("num_envs=range(64,257,64)", Searched("num_envs", "int", 64, 256, 64)),
    ("algo.clip=range(0.1,0.35,0.1)", Searched("algo.clip", "float", 0.1, 0.3, 0.1)),
    ("amp/loss=choice(lsgan,wgan)", Searched("amp/loss", "choice", choices=("lsgan", "wgan"))),
    ("amp.hidden=[64,64],[128]", Searched("amp.hidden", "choice", choices=("[64,64]", "[128]"))),
    ("+reward.terms.alive.weight=interval(1,2)", Searched("+reward.terms.alive.weight", "float", 1.0, 2.0)),
  ],
)
def test_every_kind_of_range_is_read(line: str, expected: Searched):
  assert read(line) == ([expected], [])


def test_what_is_typed_wins_over_params_and_the_rest_is_fixed():
  space, fixed = read("seed=1", "amp.weight=interval(0,1)", params=("amp.weight=interval(0,9)", "algo.epochs=1,2"))
  assert [(dim.key, dim.high) for dim in space] == [("algo.epochs", None), ("amp.weight", 1.0)]
  assert fixed == ["seed=1"]
  assert read("amp.weight=0.5", "algo.epochs=1,2", params=("amp.weight=interval(0,9)",))[1] == ["amp.weight=0.5"]


def test_a_typed_value_is_short_and_never_beyond_the_ends():
  dim = Searched("amp.weight", "float", 0.1234564, 2.0)
  assert dim.override(0.71234567) == "amp.weight=0.712346"
  assert dim.override(0.1234564) == "amp.weight=0.1234564"


def test_corners_are_all_combinations_or_each_end_with_the_firsts_and_the_lasts():
  space, _ = read("amp.weight=interval(0,1)", "amp/loss=lsgan,wgan,bce")
  assert len(corners(space)) == 6
  many = [Searched(f"key{i}", "int", 0, 8, 2) for i in range(5)]
  cells = corners(many)
  assert 3**5 > len(cells) > MOST_CELLS
  for i in range(5):
    assert {cell[i] for cell in cells} == {f"key{i}=0", f"key{i}=2", f"key{i}=8"}


@pytest.mark.parametrize(
  "line, reason",
  [
    ("amp.weight=interval(2,1)", "is empty"),
    ("amp.weight=interval(1,1)", "is empty"),
    ("amp.weight=interval(0,inf)", "finite"),
    ("seed=range(3,3)", "is empty"),
    ("algo.learning_rate=tag(log,interval(0,1e-3))", "greater than 0"),
    ("amp.weight=tag(lgo,interval(1,2))", "known: log"),
    ("amp.weight=tag(log,choice(1,2))", "interval and range"),
    ("seed=tag(log,range(1,100,3))", "without a step"),
    ("algo.epochs=interval(1.5,3)", "whole number"),
    ("amp.freeze=interval(0,1)", "use amp.freeze=choice"),
    ("seed=1", "nothing to search"),
  ],
)
def test_a_range_that_is_none_is_refused(line: str, reason: str):
  with pytest.raises(UserError, match=reason):
    read(line)


def refused(monkeypatch: pytest.MonkeyPatch, capsys, *argv: str) -> str:
  monkeypatch.setattr(sys, "argv", ["run.py", "-m", "hydra/sweeper=optuna", *argv])
  assert cli.launch(lambda: pytest.fail("it started")) == 2
  out, err = capsys.readouterr()
  assert err.startswith("error: ") and err.count("\n") == 1 and not out
  assert not list(pathlib.Path.cwd().iterdir())
  return err


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
  monkeypatch.chdir(tmp_path)
  return tmp_path


MEDIAN = "hydra/sweeper/pruner=median"


@pytest.mark.parametrize(
  "argv, reason",
  [
    (["hydra/sweeper/sampler=tep"], "did you mean 'tpe'"),
    (["hydra.sweeper.sampler=random"], "write hydra/sweeper/sampler=random"),
    (["hydra.sweeper.sampler.seed=-1"], "0 or greater"),
    (["hydra.sweeper.metric=vx_eror"], "did you mean 'vx_error'"),
    (["hydra.sweeper.metric=env_steps"], "add hydra.sweeper.direction"),
    (["hydra.sweeper.direction=maximise"], "did you mean 'maximize'"),
    (["hydra.sweeper.n_trials=0"], "1 or greater"),
    (["hydra.sweeper.n_jobs=0"], "1 or greater"),
    (["hydra.sweeper.storage=sqlite:///missing/study.db"], "no folder missing"),
    (["hydra.sweeper.storage=study.db"], "sqlite:///study.db"),
    (["reward.terms.track_vx.weight=interval(1,2)"], "would not be comparable"),
    (["algo.discount=interval(0.9,1.1)"], "algo.discount=1.1 has to be"),
    (["num_envs=range(64,257,4)"], "num_envs=68 is not divisible"),
    (["amp/loss=choice(lsgan,wgna)"], "did you mean 'wgan'"),
    ([MEDIAN, "hydra.sweeper.pruner.metric=return"], "unknown hydra.sweeper.pruner.metric"),
    ([MEDIAN, "total_steps=400000"], "no evaluation before the end"),
    ([MEDIAN, "evaluation.during_training.enabled=false"], "during_training.enabled=true"),
    ([MEDIAN, "algo=choice(ppo,brax_ppo)", "~amp.weight"], "amp.weight"),
    (["hydra.sweeper.metric=worst_world_survival"], "set evaluation.worlds.enabled=true"),
  ],
)
def test_a_search_that_cannot_work_does_not_start(folder, monkeypatch, capsys, argv: list[str], reason: str):
  assert reason in refused(monkeypatch, capsys, "amp.weight=interval(0.1,2)", *argv)


def test_a_number_that_the_jobs_will_not_have_is_not_searched_for(folder, monkeypatch, capsys):
  jobs = ("algo=brax_ppo", "algo.clip=interval(0.1,0.3)", "hydra.sweeper.metric=train_return_gain")
  assert "algo=brax_ppo does not tell" in refused(monkeypatch, capsys, *jobs)


def test_brax_s_trainer_cannot_be_pruned(folder, monkeypatch, capsys):
  assert "algo=brax_ppo cannot be stopped" in refused(monkeypatch, capsys, MEDIAN, "algo=ppo,brax_ppo")


def test_without_optuna_it_is_said_what_to_install(folder, monkeypatch, capsys):
  monkeypatch.setattr(search.importlib.util, "find_spec", lambda name: None)
  assert "pip install 'wildrobot-exp[search]'" in refused(monkeypatch, capsys, "amp.weight=interval(0.1,2)")


def test_a_study_of_that_name_is_not_mixed_into_another(folder, monkeypatch, capsys):
  import optuna

  optuna.create_study(storage="sqlite:///all.db", study_name="mine")
  monkeypatch.setattr(sys, "argv", ["run.py", "-m", "hydra/sweeper=optuna", "hydra.sweeper.storage=sqlite:///all.db",
                                    "hydra.sweeper.study_name=mine", "amp.weight=interval(0.1,2)"])
  assert cli.launch(lambda: pytest.fail("it started")) == 2
  assert "has a study 'mine' already" in capsys.readouterr().err


def test_every_number_of_an_evaluation_can_be_searched_for():
  row = {"survival": 1.0, "return": 1.0}
  result = row | {
    "vx_error": 0.0,
    "stochastic": row,
    "fine_timestep": row,
    "baselines": {"zero_action": row, "random_policy": row},
    "long_walk": {"completed": 1, "rollouts": 1},
    "pushes": [{"direction": way, "force_n": 10.0, "recovered": 1.0} for way in ("lateral", "forward")],
    "worlds": [{"survival": 1.0}],
    "commands": [{"vx": 0.0, "drift_m": 0.0, "torque_mean_nm": 1.0, "power_mean_w": 1.0}],
    "gait": {"stride_frequency_hz": [1.0, 1.0], "swing_clearance_feet_m": [0.1, 0.1], "symmetry": 1.0},
    "style": {"classifier_auc": 1.0, "feature_distance": 1.0, "joint_rms_rad": 0.1},
  }
  of_training = {"train_return_gain", "env_steps", "invalid_states", "train_wall_s", "steps_per_s", "compile_s"}
  assert set(METRICS) - of_training - {"wall_s"} == set(summary(result))
