"""The wildrobot command: one line and exit code 2 for wrong input."""

import json
import os
import signal
import socket
import sys
import threading
import time
from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest
from omegaconf import OmegaConf

from wildrobot_exp import runs
from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.commands.main import main
from wildrobot_exp.commands.start import start
from wildrobot_exp.config.compose import load
from wildrobot_exp.errors import RunFailed, UserError
from wildrobot_exp.evaluation import report, run_folder, video
from wildrobot_exp.interrupts import TERMINATING, Terminated
from wildrobot_exp.run_lock import only_writer


@pytest.fixture(autouse=True)
def own_handlers():
  """A command has its own signal handlers."""
  before = {number: signal.getsignal(number) for number in TERMINATING}
  yield
  for number, handler in before.items():
    signal.signal(number, handler)


def test_the_help_names_every_command(capsys):
  with pytest.raises(SystemExit) as stop:
    main(["--help"])
  assert stop.value.code == 0
  out = capsys.readouterr().out
  assert all(name in out for name in ("eval", "report", "play", "export", "motion", "bench", "doctor"))


@pytest.mark.parametrize(
  "command",
  [
    ["report", "nowhere"],
    ["eval", "nowhere"],
    ["eval", "nowhere", "--checkpoint", "newest"],
    ["eval", "nowhere", "--out", "missing"],
    ["eval", "nowhere", "--checkpoint", "latest", "physics=mjx"],
    ["bench", "--num-envs", "100"],
    ["bench", "--num-envs", "8000000"],
    ["bench", "--seconds", "0"],
    ["bench", "--seconds", "inf"],
    ["bench", "--json", "missing/x.json"],
    ["bench", "--json", "/proc/x.json"],
    ["bench", "--json", "."],
    ["export", "nowhere"],
    ["play", "nowhere", "--video", "x.mp4"],
    ["play", "nowhere", "--video", "x.gif"],
    ["play", "nowhere", "--video", "missing/x.mp4"],
    ["play", "nowhere", "--video", "/proc/x.mp4"],
    ["play", "nowhere", "--video", "x.mp4", "--seconds", "0"],
    ["play", "nowhere"],
    ["play", "nowhere", "elsewhere"],
    ["play", "nowhere", "--reference"],
    ["play", "nowhere", "--port", "70000"],
    ["play", "nowhere", "--seconds", "nan"],
    ["play", "nowhere", "--seconds", "inf"],
    ["play", "nowhere", "--speed", "nan"],
    ["play", "nowhere", "--video", "x.mp4", "--speed", "inf"],
  ],
)
def test_wrong_input_is_one_line_and_exit_code_2(command: list[str], tmp_path, monkeypatch, capsys):
  monkeypatch.chdir(tmp_path)
  assert main(command) == 2
  captured = capsys.readouterr()
  assert captured.err.startswith("error: ") and captured.err.count("\n") == 1
  assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
  ("raised", "code", "line"),
  [
    (KeyboardInterrupt(), 130, "interrupted"),
    (Terminated(), 143, "interrupted"),
    (OSError(28, "No space left on device", "my_run/report.html"), 1,
     "error: my_run/report.html: No space left on device"),
    (PermissionError(13, "Permission denied"), 1, "error: reading or writing failed: Permission denied"),
    (RunFailed("it failed"), 1, "error: it failed"),
  ],
)
def test_signals_and_disks_end_a_command_in_one_line(raised, code: int, line: str, monkeypatch, capsys, tmp_path):
  def write_report(_):
    raise raised

  monkeypatch.setattr(report, "write_report", write_report)
  assert main(["report", str(tmp_path)]) == code
  assert capsys.readouterr().err == line + "\n"


def test_sigterm_is_noticed(monkeypatch, capsys, tmp_path):
  def write_report(_):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)

  monkeypatch.setattr(report, "write_report", write_report)
  assert main(["report", str(tmp_path)]) == 143
  assert capsys.readouterr().err == "interrupted\n"


def test_ctrl_c_during_the_imports_is_one_line_too(monkeypatch, capsys):
  class Importing:
    def __getattr__(self, name):
      raise KeyboardInterrupt

  monkeypatch.setitem(sys.modules, "wildrobot_exp.commands.main", Importing())
  assert start() == 130
  assert capsys.readouterr().err == "interrupted\n"


@pytest.fixture
def run(tmp_path):
  """A folder that a command takes for a run of the default config, before it reads the checkpoint's arrays."""
  folder = tmp_path / "my_run"
  (folder / ".hydra").mkdir(parents=True)
  (folder / ".hydra" / "overrides.yaml").write_text("- algo=ppo\n")
  config = OmegaConf.to_container(load(["algo=ppo"]), resolve=True)
  Checkpoints(folder).save(3, {"weight": np.zeros(2)}, metrics={}, config=config)
  return folder


def test_a_run_that_is_being_written_is_not_evaluated(run, capsys):
  held, over = threading.Event(), threading.Event()

  def write():
    with only_writer(run):
      held.set()
      over.wait(60)

  writer = threading.Thread(target=write)
  writer.start()
  assert held.wait(60)
  said = refused(["eval", str(run)], capsys)
  over.set()
  writer.join()
  assert f"{run} is in use by process {os.getpid()}" in said
  assert not (run / "evaluation.json").exists()


@pytest.fixture
def not_compiled(monkeypatch):
  """Whatever is refused is refused before a policy is loaded."""

  def load_run(*_, **__):
    raise AssertionError("it compiles")

  monkeypatch.setattr(runs, "load_run", load_run)


def test_a_taken_port_is_noticed_before_anything_compiles(run, not_compiled, capsys):
  pytest.importorskip("mujoco.studio.web_viewer")
  with socket.socket() as taken:
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    port = str(taken.getsockname()[1])
    said = refused(["play", str(run), "--viewer", "web", "--port", port], capsys)
  assert f"no web viewer on port {port}: Address already in use; use another --port" in said


def test_a_missing_viewer_is_noticed_before_anything_compiles(run, not_compiled, monkeypatch, capsys):
  monkeypatch.setitem(sys.modules, "wildrobot_exp.viewers.web", None)
  assert "pip install mujoco-studio" in refused(["play", str(run), "--viewer", "web"], capsys)


def test_a_missing_display_is_noticed_before_anything_compiles(run, not_compiled, monkeypatch, capsys):
  glfw = pytest.importorskip("glfw")
  monkeypatch.setattr(glfw, "init", lambda: False)
  assert "use --viewer web" in refused(["play", str(run), "--viewer", "native"], capsys)


def test_missing_graphics_are_noticed_before_any_rollout(run, not_compiled, monkeypatch, capsys):
  monkeypatch.setattr(video, "BACKENDS", ("no-such-library",))
  said = refused(["play", str(run), "--video", str(run / "x.mp4")], capsys)
  assert said.endswith(": apt-get install libegl1 libegl-mesa0\n") and not (run / "x.mp4").exists()


def test_runs_of_different_control_rates_are_noticed_before_any_rollout(run, not_compiled, tmp_path, capsys):
  other = tmp_path / "other"
  (other / ".hydra").mkdir(parents=True)
  (other / ".hydra" / "overrides.yaml").write_text("- algo=ppo\n- env.control_dt=0.01\n")
  config = OmegaConf.to_container(load(["algo=ppo", "env.control_dt=0.01", "env.timestep=0.002"]), resolve=True)
  Checkpoints(other).save(3, {"weight": np.zeros(2)}, metrics={}, config=config)
  assert "different env.control_dt" in refused(["play", str(run), str(other), "--video", str(run / "x.mp4")], capsys)


def test_a_video_lasts_one_control_step_at_least(run, capsys):
  assert main(["play", str(run), "--video", str(run / "x.mp4"), "--seconds", "0.005"]) == 2
  assert capsys.readouterr().err == "error: --seconds 0.005: use at least one control step, 0.02\n"


@pytest.mark.parametrize("elsewhere", [False, True])
def test_an_evaluation_names_its_run_wherever_it_is_called_from_and_written(run, elsewhere, tmp_path, monkeypatch):
  named = []
  found = SimpleNamespace(cfg=None, params=None, step=3, experiment=SimpleNamespace(networks=None, clips=[]))
  evaluation = SimpleNamespace(result={"commands": [], "survival": 1.0, "physics": "native", "checkpoint_step": 3})
  monkeypatch.setattr(runs, "load_run", lambda *_: found)
  monkeypatch.setattr(run_folder, "make_actor", lambda _: None)
  monkeypatch.setattr(run_folder, "Programs", lambda *_: None)
  monkeypatch.setattr(run_folder, "evaluate", lambda *_, run, **__: named.append(run) or evaluation)
  found.cfg = MagicMock()
  found.cfg.env.control_dt, found.cfg.env.timestep, found.cfg.evaluation.video.enabled = 0.02, 0.004, False
  monkeypatch.setattr(run_folder, "gait_arrays", lambda *_: {})
  monkeypatch.setattr(run_folder, "summary", lambda _: {})
  monkeypatch.setattr(run_folder, "intervals", lambda _: {})
  monkeypatch.setattr(report, "write_report", lambda _: None)
  monkeypatch.chdir(run)
  out = tmp_path / "out"
  out.mkdir()
  monkeypatch.setattr(sys, "argv", ["wildrobot", "eval", "."])
  assert main(["eval", ".", *(["--out", str(out)] if elsewhere else [])]) == 0
  assert named == ["my_run"]
  written = json.loads(((out if elsewhere else run) / "evaluation.json").read_text())
  assert written["made"]["command"] == "wildrobot eval ." and written["made"]["versions"]
  assert written["made"]["wall_s"] >= 0


def test_an_unknown_option_is_not_taken_for_an_override(capsys):
  with pytest.raises(SystemExit) as stop:
    main(["eval", "nowhere", "physics=mjx", "--chekpoint", "latest"])
  assert stop.value.code == 2 and "--chekpoint" in capsys.readouterr().err


@pytest.fixture
def gpu_run(tmp_path, monkeypatch):
  """A run that was trained on a GPU, of which a command comes to load the policy."""
  folder = tmp_path / "run"
  typed = ["hardware=gpu", "algo=ppo"]
  (folder / ".hydra").mkdir(parents=True)
  (folder / ".hydra" / "overrides.yaml").write_text("".join(f"- {line}\n" for line in typed))
  config = OmegaConf.to_container(load(typed, probe=False), resolve=True)
  Checkpoints(folder).save(3, {"weight": np.zeros(2)}, metrics={}, config=config)

  def load_run(*_, **__):
    raise UserError("the policy is loaded")

  monkeypatch.setattr(runs, "load_run", load_run)
  return folder


def refused(command: list[str], capsys) -> str:
  assert main(command) == 2
  captured = capsys.readouterr()
  assert captured.err.startswith("error: ") and captured.err.count("\n") == 1 and captured.out == ""
  return captured.err


def test_a_run_from_a_gpu_is_evaluated_without_one_as_the_refusal_says(gpu_run, monkeypatch, capsys):
  monkeypatch.setattr("glob.glob", lambda pattern: [])
  monkeypatch.delenv("JAX_PLATFORMS", raising=False)
  said = refused(["eval", str(gpu_run)], capsys)
  assert "no GPU was found" in said and said.endswith(": use hardware.platform=cpu physics=native\n")
  assert "the policy is loaded" in refused(["eval", str(gpu_run), *said.split(" use ")[1].split()], capsys)


def test_a_video_of_a_run_from_a_gpu_needs_none(gpu_run, monkeypatch, capsys):
  monkeypatch.setattr("glob.glob", lambda pattern: [])
  assert "the policy is loaded" in refused(["play", str(gpu_run), "--video", str(gpu_run / "x.mp4")], capsys)


@pytest.mark.parametrize("command", ["eval", "report"])
def test_a_run_folder_that_cannot_be_written_is_refused_at_once(gpu_run, monkeypatch, capsys, command):
  def refuse(**_):
    raise PermissionError(13, "Permission denied")

  monkeypatch.setattr("tempfile.TemporaryDirectory", refuse)
  overrides = ["hardware.platform=cpu"] if command == "eval" else []
  assert f"cannot write to {gpu_run}: Permission denied" in refused([command, str(gpu_run), *overrides], capsys)


def test_eval_refuses_another_folder_that_cannot_be_written(gpu_run, capsys):
  command = ["eval", str(gpu_run), "hardware.platform=cpu", "--out", "/proc"]
  assert "cannot write to /proc" in refused(command, capsys)
