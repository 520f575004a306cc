"""resume=RUN: the run's own overrides come back, and only what may change changes."""

import pathlib

import pytest
import yaml
from hydra._internal.utils import get_args_parser

from wildrobot_exp.config.compose import compose
from wildrobot_exp.config.resume import (
  expand_resume,
  in_sweep_folder,
  recorded_config_dir,
  resume_command,
  split_sweep_resume,
)
from wildrobot_exp.errors import UserError

ALONE = "hydra.mode=RUN"


@pytest.fixture
def run(tmp_path: pathlib.Path) -> pathlib.Path:
  folder = tmp_path / "a run"
  (folder / ".hydra").mkdir(parents=True)
  (folder / ".hydra" / "overrides.yaml").write_text("- seed=3\n- algo=ppo\n")
  (folder / "checkpoints" / "1280").mkdir(parents=True)
  return folder


def test_a_job_of_a_sweep_that_an_experiment_file_made_goes_on_as_one_run(run: pathlib.Path, monkeypatch):
  (run / ".hydra" / "overrides.yaml").write_text("- experiment=amp_weight_sweep\n- amp.weight=0.5\n")
  monkeypatch.chdir(run.parent)
  arguments = expand_resume([f"resume={run}"])
  composed = compose(get_args_parser().parse_args(arguments))
  assert not composed.multirun and composed.folder == str(run)
  assert composed.cells[0].config.amp.weight == 0.5


def test_other_command_lines_pass_unchanged():
  assert expand_resume(["seed=1", "-m", "amp.weight=0,1"]) == ["seed=1", "-m", "amp.weight=0,1"]


def test_a_run_goes_on_with_its_own_overrides_in_its_own_folder(run: pathlib.Path):
  expanded = expand_resume([f"resume={run}", "total_steps=99"])
  assert expanded == ["seed=3", "algo=ppo", "total_steps=99", f"resume='{run}'", f"hydra.run.dir='{run}'", ALONE]


def test_a_second_resume_equals_the_first(run: pathlib.Path):
  (run / ".hydra" / "overrides.yaml").write_text(f"- seed=3\n- resume='{run}'\n")
  assert expand_resume([f"resume={run}"]) == ["seed=3", f"resume='{run}'", f"hydra.run.dir='{run}'", ALONE]


@pytest.mark.parametrize("key", ["seed=4", "algo.clip=0.1", "+num_envs=8", "hydra.run.dir=x"])
def test_what_would_make_it_another_run_is_refused_by_name(run: pathlib.Path, key: str):
  with pytest.raises(UserError, match=f"would change {key.lstrip('+').split('=')[0]}"):
    expand_resume([f"resume={run}", key])


def test_what_the_run_was_started_with_is_no_change(run: pathlib.Path):
  assert "seed=3" in expand_resume([f"resume={run}", "seed=3"])


def test_a_change_is_made_if_it_is_allowed_by_name(run: pathlib.Path):
  typed = ["algo.clip=0.1", "algo.entropy=0.0", "resume_allow=[algo.clip, algo.entropy]"]
  assert expand_resume([f"resume={run}", *typed])[2:5] == typed
  with pytest.raises(UserError, match=r"would change algo.entropy: .*resume_allow=\[algo.entropy\]"):
    expand_resume([f"resume={run}", *typed[:2], "resume_allow=[algo.clip]"])


def test_a_permission_is_not_inherited(run: pathlib.Path):
  (run / ".hydra" / "overrides.yaml").write_text("- algo.clip=0.1\n- resume_allow=[algo.clip]\n")
  with pytest.raises(UserError, match="would change algo.clip"):
    expand_resume([f"resume={run}", "algo.clip=0.2"])


@pytest.fixture
def own_options(run: pathlib.Path) -> pathlib.Path:
  """The run, as Hydra writes it down when it was started with --config-dir."""
  sources = [{"path": "/a/conf", "schema": "file", "provider": "main"}]
  sources += [{"path": "/my options", "schema": "file", "provider": "command-line"}]
  written = {"hydra": {"runtime": {"config_sources": sources}}}
  (run / ".hydra" / "hydra.yaml").write_text(yaml.safe_dump(written))
  return run


def test_a_config_dir_is_not_followed_unasked(own_options: pathlib.Path):
  with pytest.raises(UserError, match="--config-dir '/my options' 'resume="):
    expand_resume([f"resume={own_options}"])


@pytest.mark.parametrize("flag", [["--config-dir", "/my options"], ["-cd", "/my options"], ["-cd=/my options"]])
def test_a_config_dir_that_is_given_again_comes_first(own_options: pathlib.Path, flag: list[str]):
  expanded = expand_resume(["total_steps=99", *flag, f"resume={own_options}"])
  assert expanded[: len(flag)] == flag and expanded[len(flag) :][:3] == ["seed=3", "algo=ppo", "total_steps=99"]


SOMETHING_ELSE = ["!!python/object/apply:os.abort []", "hydra: 3", "[", "hydra: {runtime: {config_sources: x}}"]


@pytest.mark.parametrize("text", SOMETHING_ELSE)
def test_a_hydra_file_that_is_something_else_names_no_config_dir(run: pathlib.Path, text: str):
  (run / ".hydra" / "hydra.yaml").write_text(text)
  assert recorded_config_dir(run) is None
  assert expand_resume([f"resume={run}"])


def test_a_sweep_cannot_be_resumed_this_way(run: pathlib.Path):
  with pytest.raises(UserError, match="leave out -m"):
    expand_resume(["-m", f"resume={run}"])


def test_a_folder_without_a_run_is_refused(tmp_path: pathlib.Path):
  with pytest.raises(UserError, match="not a run folder"):
    expand_resume([f"resume={tmp_path}"])


def test_a_run_without_a_checkpoint_is_refused(run: pathlib.Path):
  (run / "checkpoints" / "1280").rmdir()
  with pytest.raises(UserError, match="before its first checkpoint"):
    expand_resume([f"resume={run}"])


def test_the_command_to_go_on_can_be_pasted(run: pathlib.Path):
  assert resume_command(run) == f"python run.py 'resume={run}'"


def test_a_sweep_goes_on_in_its_own_folder():
  typed = ["-m", "seed=0,1", "hydra.sweep.dir=elsewhere", "sweep.resume=a b"]
  assert split_sweep_resume(typed) == (["-m", "seed=0,1", "hydra.sweep.dir='a b'"], pathlib.Path("a b"))
  assert split_sweep_resume(typed[:3]) == (typed[:3], None)
  assert split_sweep_resume(["-m", "sweep.resume=null"])[1] is None


def test_the_folder_of_a_sweep_stays_among_the_overrides():
  assert in_sweep_folder(["seed=0,1", "-m"], "here") == ["seed=0,1", "hydra.sweep.dir='here'", "-m"]
  assert in_sweep_folder(["-m"], "here") == ["-m", "hydra.sweep.dir='here'"]
