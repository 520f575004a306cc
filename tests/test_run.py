"""run.py as a user meets it: exit codes, one line of error, what is printed last, what is left on disk."""

import importlib.util
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import time
import types
from collections.abc import Callable

import absl.logging
import numpy as np
import pytest
from hydra._internal.utils import get_args_parser
from omegaconf import OmegaConf

from wildrobot_exp import cli, outcome
from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.config.compose import compose
from wildrobot_exp.config.folders import check_folder
from wildrobot_exp.config.identity import config_hash
from wildrobot_exp.errors import RunFailed, UserError
from wildrobot_exp.interrupts import Terminated
from wildrobot_exp.run_config import run_config
from wildrobot_exp.sweeps.record import job_command, planned_jobs

RUN_PY = pathlib.Path(__file__).resolve().parents[1] / "run.py"
START_LIMIT_S = 5.0
BASIC = "hydra/launcher=basic"  # all jobs of a sweep in this process


def process(cwd: pathlib.Path, *argv: str) -> tuple[subprocess.CompletedProcess, float]:
  started = time.monotonic()
  done = subprocess.run([sys.executable, RUN_PY, *argv], cwd=cwd, capture_output=True, text=True, timeout=60)
  return done, time.monotonic() - started


@pytest.mark.parametrize(
  "argv", [["algo=pp"], ["-m", "amp.weight=0.1,0.5", "num_envs=100"], ["hydra.run.dir=/dev/null/x"]]
)
def test_bad_input_ends_at_once_with_one_line_and_leaves_nothing(tmp_path: pathlib.Path, argv: list[str]):
  done, seconds = process(tmp_path, *argv)
  assert done.returncode == 2
  assert done.stdout == ""
  assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
  assert seconds < START_LIMIT_S
  assert list(tmp_path.iterdir()) == []


def test_bad_input_is_answered_without_importing_jax(tmp_path: pathlib.Path):
  code = (
    f"import runpy, sys; sys.argv = ['run.py', 'num_envs=100']\n"
    f"try: runpy.run_path({str(RUN_PY)!r}, run_name='__main__')\n"
    "except SystemExit as end: print(end.code, sorted({'jax', 'mujoco', 'flax'} & set(sys.modules)))"
  )
  done = subprocess.run(
    [sys.executable, "-c", code],
    cwd=tmp_path,
    capture_output=True,
    text=True,
    timeout=60,
    env={**os.environ, "PYTHONPATH": str(RUN_PY.parent)},
  )
  assert done.stdout == "2 []\n"


def test_help_lists_groups_and_examples(tmp_path: pathlib.Path):
  done, _ = process(tmp_path, "--help")
  assert done.returncode == 0
  assert "algo: brax_ppo, ppo, ppo_amp" in done.stdout
  assert "python run.py -m amp.weight" in done.stdout
  assert list(tmp_path.iterdir()) == []


def test_cfg_shows_the_composed_config_from_any_folder(tmp_path: pathlib.Path):
  done, _ = process(tmp_path, "--cfg", "job", "algo=ppo", "seed=7")
  assert done.returncode == 0
  assert done.stdout.startswith("seed: 7\n")
  assert list(tmp_path.iterdir()) == []


def test_tab_completion_knows_the_options(tmp_path: pathlib.Path):
  env = {**os.environ, "COMP_LINE": "python run.py algo=ppo", "COMP_POINT": "22"}
  command = [sys.executable, RUN_PY, "-sc", "query=bash"]
  done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)
  assert done.stdout.split() == ["algo=ppo", "algo=ppo_amp"]
  assert "@hydra.main" in RUN_PY.read_text()  # the completion script looks for it


def test_flags_may_stand_before_or_after_the_overrides(launch):
  pathlib.Path("own").mkdir()
  for argv in (["--config-dir", "own", "seed=4"], ["seed=4", "--config-dir", "own"], ["--config-dir", "own"]):
    assert launch(lambda cfg, run_dir: {}, *argv) == 0


def test_ctrl_c_during_the_imports_is_no_traceback(tmp_path: pathlib.Path):
  code = (
    f"import os, runpy, signal, sys; sys.argv = ['run.py', 'dry_run=true']\n"
    "class Interrupted:\n"
    "  def find_spec(self, name, *more):\n"
    "    if name == 'hydra': os.kill(os.getpid(), signal.SIGINT)\n"
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "sys.meta_path.insert(0, Interrupted())\n"
    f"runpy.run_path({str(RUN_PY)!r}, run_name='__main__')"
  )
  done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
  assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_dry_run_prints_the_plan_and_writes_nothing(tmp_path: pathlib.Path):
  done, seconds = process(tmp_path, "dry_run=true", "experiment=verify")
  assert done.returncode == 0
  assert "64 robots x 20 steps x 47 iterations = 60160 env steps" in done.stdout
  assert seconds < START_LIMIT_S
  assert list(tmp_path.iterdir()) == []


@pytest.fixture
def launch(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
  """launch(run_job, *argv) -> exit code: the real entry in this process, with another experiment."""
  spec = importlib.util.spec_from_file_location("run", RUN_PY)
  run = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(run)
  monkeypatch.chdir(tmp_path)
  monkeypatch.setattr("wildrobot_exp.job.check_devices", lambda config: None)
  monkeypatch.setenv("JAX_PLATFORMS", "cpu")
  # Hydra's logging setup closes all handlers, and absl's would close the stream pytest captures with.
  monkeypatch.setattr(absl.logging.get_absl_handler().python_handler, "stream", sys.__stderr__)
  handler = signal.getsignal(signal.SIGTERM)

  def call(run_job: Callable, *argv: str) -> int:
    monkeypatch.setitem(sys.modules, "wildrobot_exp.experiment", types.SimpleNamespace(run_job=run_job))
    monkeypatch.setattr(sys, "argv", ["run.py", *argv])
    try:
      return cli.launch(run.main)
    except SystemExit as end:
      return end.code

  yield call
  signal.signal(signal.SIGTERM, handler)


def test_a_run_gets_its_checked_config_and_prints_its_folder_last(launch, capsys):
  seen = []

  def run_job(cfg, run_dir):
    seen.append((cfg.algo.clip, cfg.amp["weight"], cfg.num_envs, run_dir))
    return {"survival": 1.0}

  assert launch(run_job, "algo.clip=0.3", "hydra.run.dir=here") == 0
  folder = pathlib.Path("here").absolute()
  assert seen == [(0.3, 1.0, 256, folder)]
  assert capsys.readouterr().out.splitlines()[-1] == str(folder)
  assert (folder / ".hydra" / "overrides.yaml").read_text() == "- algo.clip=0.3\n"


def test_runs_go_to_outputs_by_date_and_time(launch):
  folders = []
  assert launch(lambda cfg, run_dir: folders.append(run_dir) or {}, "algo=ppo") == 0
  assert folders[0].is_relative_to(pathlib.Path("outputs").absolute())
  assert len(folders[0].relative_to(pathlib.Path("outputs").absolute()).parts) == 2


def test_the_plan_names_the_folder_that_is_used(launch, capsys):
  assert launch(lambda cfg, run_dir: {}, "algo=ppo", "hydra.run.dir=runs/${now:%S-%f}") == 0
  lines = capsys.readouterr().out.splitlines()
  announced = next(line.rpartition(" ")[2] for line in lines if "run folder" in line)
  assert lines[-1] == str(pathlib.Path(announced).absolute())
  assert len(list(pathlib.Path("runs").iterdir())) == 1


def test_of_two_runs_in_one_second_each_gets_its_folder(launch, capsys):
  name = "hydra.run.dir=runs/${now:%Y}"

  def first(cfg, run_dir):
    written = {path: path.read_bytes() for path in (run_dir / ".hydra").iterdir()}
    code = (
      f"import sys, types; sys.argv = ['run.py', 'seed=2', {name!r}]\n"
      "sys.modules['wildrobot_exp.experiment'] = types.SimpleNamespace(run_job=lambda cfg, run_dir: {})\n"
      "import runpy, wildrobot_exp.job\n"
      "wildrobot_exp.job.check_devices = lambda config: None\n"
      f"runpy.run_path({str(RUN_PY)!r}, run_name='__main__')"
    )
    env = {**os.environ, "PYTHONPATH": str(RUN_PY.parent)}
    second = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60)
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout.splitlines()[-1] == f"{run_dir}_2"
    assert written == {path: path.read_bytes() for path in (run_dir / ".hydra").iterdir()}
    return {}

  assert launch(first, "seed=1", name) == 0
  assert launch(lambda cfg, run_dir: {}, "seed=3", name) == 0  # the first one is over
  assert sorted(path.name[4:] for path in pathlib.Path("runs").iterdir()) == ["", "_2", "_3"]


def test_a_resumed_run_that_is_refused_late_leaves_what_was_written_of_it(launch):
  def run_job(cfg, run_dir):
    Checkpoints(run_dir).save(64, {"w": np.ones(3)}, metrics={}, config=OmegaConf.to_container(cfg))
    return {}

  assert launch(run_job, "hydra.run.dir=here") == 0
  written = {path: path.read_bytes() for path in pathlib.Path("here/.hydra").iterdir()}
  assert launch(failing(UserError("no")), "resume=here", "total_steps=9000") == 2
  assert written == {path: path.read_bytes() for path in pathlib.Path("here/.hydra").iterdir()}


def failing(error: BaseException) -> Callable:
  def run_job(cfg, run_dir):
    raise error

  return run_job


@pytest.mark.parametrize(
  "error, code",
  [
    (UserError("clip.npz is not there"), 2),
    (RunFailed("diverged,\nlast checkpoint kept"), 1),
    (KeyboardInterrupt(), 130),
    (Terminated(), 143),
  ],
)
def test_how_a_run_ended_is_its_exit_code_and_one_line(launch, capsys, error: BaseException, code: int):
  assert launch(failing(error), "hydra.run.dir=here") == code
  err = capsys.readouterr().err
  assert err.count("\n") == 1
  assert err.startswith("interrupted" if code > 128 else "error: ")


def test_an_unexpected_error_leaves_its_traceback_in_the_run_folder(launch, capsys):
  assert launch(failing(ZeroDivisionError("a bug")), "hydra.run.dir=here") == 1
  err = capsys.readouterr().err
  assert err.startswith("error: ZeroDivisionError: a bug") and err.count("\n") == 1
  log = pathlib.Path("here/error.log").read_text()
  assert str(pathlib.Path("here/error.log").absolute()) in err
  assert "Traceback" in log and "ZeroDivisionError: a bug" in log


@pytest.mark.parametrize(
  "algo, error, words",
  [
    ("ppo", ValueError("a bug"), "saved up to step 64, what came after it is lost; to go on: python run.py resume="),
    ("brax_ppo", KeyboardInterrupt(), "trained and saved up to step 64: wildrobot eval "),
  ],
)
def test_a_run_that_is_cut_short_says_what_is_saved_and_what_to_type(launch, capsys, algo, error, words):
  def run_job(cfg, run_dir):
    Checkpoints(run_dir).save(64, {"w": np.ones(3)}, metrics={}, config=OmegaConf.to_container(cfg))
    raise error

  launch(run_job, f"algo={algo}", "hydra.run.dir=here")
  assert f"{words}{pathlib.Path('here').absolute()}" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [[], ["-m", "seed=0", BASIC, "hydra.sweep.dir=here", "hydra.sweep.subdir=job"]])
def test_a_full_disk_leaves_the_verdict_in_one_line(launch, capsys, monkeypatch, argv: list[str]):
  def refuse(*args, **kwargs):
    raise OSError(28, "No space left on device")

  def run_job(cfg, run_dir):
    monkeypatch.setattr(outcome.pathlib.Path, "write_text", refuse)
    raise ZeroDivisionError("a bug")

  assert launch(run_job, *(argv or ["hydra.run.dir=here"])) == 1
  err = capsys.readouterr().err
  assert "ZeroDivisionError: a bug (its traceback could not be written: No space left on device; nothing was" in err
  assert "Traceback" not in err


def test_a_real_sigterm_arrives_as_terminated(launch):
  def run_job(cfg, run_dir):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)

  assert launch(run_job, "hydra.run.dir=here") == 143


@pytest.mark.parametrize(
  "gate, code", [("{min:0.9}", 0), ("{min:0.96}", 1), ("{max:0.9}", 1), ("{min:0.9,max:1.0}", 0)]
)
def test_a_missed_gate_fails_the_run(launch, gate: str, code: int):
  assert launch(lambda cfg, run_dir: {"survival": 0.95}, f"+gates.survival={gate}") == code


def test_a_gate_on_a_number_that_is_not_there_fails_the_run(launch, capsys):
  assert launch(lambda cfg, run_dir: {}, "+gates.survival.min=0") == 1
  assert "survival is missing" in capsys.readouterr().err


def test_a_run_whose_config_has_changed_is_refused_before_anything_is_written(launch, capsys):
  def run_job(cfg, run_dir):
    config = OmegaConf.to_container(cfg) | {"resume": None}
    config["algo"]["clip"] = 0.35 if cfg.resume is None else cfg.algo.clip  # what conf/ said then
    Checkpoints(run_dir).save(64, {"w": np.ones(3)}, metrics={}, config=config)
    return {}

  assert launch(run_job, "seed=3", "hydra.run.dir=here") == 0
  written = pathlib.Path("here/.hydra/config.yaml").read_bytes()
  capsys.readouterr()
  assert launch(run_job, "resume=here") == 2
  out, err = capsys.readouterr()
  assert out == "" and err.count("\n") == 1 and "algo.clip was 0.35, is " in err
  assert "resume_allow=[algo.clip]" in err
  assert pathlib.Path("here/.hydra/config.yaml").read_bytes() == written
  assert launch(run_job, "resume=here", "resume_allow=[algo.clip]") == 0
  assert launch(run_job, "resume=here") == 0  # the newest checkpoint has it


def test_a_run_with_options_of_its_own_goes_on_and_is_read_back(launch, capsys):
  def run_job(cfg, run_dir):
    Checkpoints(run_dir).save(64, {"w": np.ones(3)}, metrics={}, config=OmegaConf.to_container(cfg))
    return {}

  own = pathlib.Path("own/experiment/mine.yaml")
  own.parent.mkdir(parents=True)
  own.write_text("# @package _global_\nseed: 17\n")
  assert launch(run_job, "--config-dir", "own", "experiment=mine", "hydra.run.dir=here") == 0
  assert run_config(pathlib.Path("here"), ["physics=mjx"]).seed == 17
  capsys.readouterr()
  assert launch(run_job, "resume=here") == 2
  assert f"was started with --config-dir {own.absolute().parents[1]}: give it again" in capsys.readouterr().err
  assert launch(run_job, "--config-dir", "own", "resume=here") == 0
  own.write_text("# @package _global_\nseed: 18\n")
  assert launch(run_job, "--config-dir", "own", "resume=here") == 2
  assert "seed was 17, is 18" in capsys.readouterr().err


def test_no_run_to_resume_is_a_new_run(launch):
  seen = []
  assert launch(lambda cfg, run_dir: seen.append(cfg.resume) or {}, "resume=null") == 0
  assert seen == [None]


def test_a_second_run_into_the_same_folder_is_refused(launch, capsys):
  assert launch(lambda cfg, run_dir: {}, "hydra.run.dir=here") == 0
  assert launch(lambda cfg, run_dir: {}, "hydra.run.dir=here") == 2
  assert "already holds a run" in capsys.readouterr().err


def test_a_failing_job_keeps_the_others_and_fails_the_sweep(launch, capsys):
  def run_job(cfg, run_dir):
    if cfg.seed == 1:
      raise ValueError("only this one")
    return {"survival": cfg.seed / 4, "checkpoint": "best", "error": float("nan")}

  assert launch(run_job, "-m", "seed=0,1,2", "hydra.sweep.dir=sweep", BASIC) == 1
  results = [json.loads((p / "result.json").read_text()) for p in sorted(pathlib.Path("sweep").glob("*_*"))]
  assert [r["status"] for r in results] == ["ok", "failed", "ok"]
  assert [r["overrides"] for r in results] == [{"seed": "0"}, {"seed": "1"}, {"seed": "2"}]
  assert results[2]["numbers"] == {"survival": 0.5, "error": None}
  assert all(r["wall_s"] >= 0 for r in results)
  assert "only this one" in pathlib.Path("sweep/1_seed-1/error.log").read_text()
  assert len(pathlib.Path("sweep/summary.csv").read_text().splitlines()) == 4
  out, err = capsys.readouterr()
  lines = out.splitlines()
  folder = lines.index(str(pathlib.Path("sweep").absolute()))
  assert "survival" in "".join(lines[folder:]) and "failed" in "".join(lines[folder:])
  assert err.startswith("error: 1_seed-1: ValueError: only this one")


def test_a_job_that_misses_a_gate_is_failed_with_its_numbers(launch, capsys):
  argv = ["-m", "seed=0,1", "+gates.survival.min=0.9", "hydra.sweep.dir=sweep", BASIC]
  assert launch(lambda cfg, run_dir: {"survival": 0.5 + 0.5 * cfg.seed}, *argv) == 1
  results = [json.loads(path.read_text()) for path in sorted(pathlib.Path("sweep").glob("*/result.json"))]
  assert [(r["status"], r["numbers"]) for r in results] == [("failed", {"survival": 0.5}), ("ok", {"survival": 1.0})]
  assert "survival=0.5 is below 0.9" in results[0]["error"]
  page = pathlib.Path("sweep/report.html").read_text()
  assert "survival=0.5 is below 0.9" in page and "50%" in page


@pytest.mark.parametrize("argv", [["-m", "amp.weight=0.1,0.5", "seed=3"], ["experiment=amp_weight_sweep", "seed=3"]])
def test_the_command_of_a_sweep_s_job_is_its_experiment_alone(launch, argv: list[str]):
  argv = [*argv, "hydra.sweep.dir=sweep", BASIC]
  whole = compose(get_args_parser().parse_args(argv))
  assert launch(lambda cfg, run_dir: {}, *argv) == 0
  assert planned_jobs(pathlib.Path("sweep")) == [cell.overrides for cell in whole.cells]
  for cell in whole.cells:
    python, script, *arguments = shlex.split(job_command(pathlib.Path(cell.folder)))
    alone = compose(get_args_parser().parse_args(arguments))
    assert (python, script, alone.multirun) == ("python", "run.py", False)
    assert config_hash(alone.cells[0].config) == config_hash(cell.config)


def test_a_sweep_without_failures_exits_with_zero(launch):
  assert launch(lambda cfg, run_dir: {"survival": 1.0}, "-m", "seed=0,1", BASIC) == 0


def test_an_interrupted_sweep_still_shows_what_it_has(launch, capsys):
  def run_job(cfg, run_dir):
    if cfg.seed == 1:
      raise Terminated
    return {}

  assert launch(run_job, "-m", "seed=0,1,2", "hydra.sweep.dir=sweep", BASIC) == 143
  rows = pathlib.Path("sweep/summary.csv").read_text().splitlines()
  assert [row.split(",")[1] for row in rows] == ["status", "ok", "interrupted", "waiting"]
  assert "interrupted" in capsys.readouterr().out


def test_a_sweep_of_dry_runs_prints_every_plan(launch, capsys, tmp_path: pathlib.Path):
  assert launch(failing(ValueError()), "-m", "num_envs=64,128", "dry_run=true") == 0
  out = capsys.readouterr().out
  assert "64 robots" in out and "128 robots" in out
  assert list(tmp_path.iterdir()) == []


def test_a_read_only_place_is_refused_before_the_run(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
  def refuse(*args, **kwargs):
    raise PermissionError(13, "Permission denied")

  monkeypatch.setattr("tempfile.mkdtemp", refuse)
  with pytest.raises(UserError, match="Permission denied; choose another folder with hydra.run.dir="):
    check_folder(str(tmp_path / "a" / "b"), multirun=False)
