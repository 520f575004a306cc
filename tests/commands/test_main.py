"""The wildrobot command: one line and exit code 2 for wrong input, a verdict per check from the doctor."""

import pytest

from wildrobot_exp.commands import doctor
from wildrobot_exp.commands.main import main
from wildrobot_exp.config.compose import load
from wildrobot_exp.errors import UserError


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
    ["export", "nowhere"],
    ["play", "nowhere", "--video", "x.mp4"],
    ["play", "nowhere", "--video", "x.gif"],
    ["play", "nowhere", "--video", "missing/x.mp4"],
    ["play", "nowhere", "--video", "x.mp4", "--seconds", "0"],
  ],
)
def test_wrong_input_is_one_line_and_exit_code_2(command: list[str], tmp_path, monkeypatch, capsys):
  monkeypatch.chdir(tmp_path)
  assert main(command) == 2
  captured = capsys.readouterr()
  assert captured.err.startswith("error: ") and captured.err.count("\n") == 1
  assert list(tmp_path.iterdir()) == []


def test_an_unknown_option_is_not_taken_for_an_override(capsys):
  with pytest.raises(SystemExit) as stop:
    main(["eval", "nowhere", "physics=mjx", "--chekpoint", "latest"])
  assert stop.value.code == 2 and "--chekpoint" in capsys.readouterr().err


def fail() -> str:
  raise doctor.NotReady("broken: mend it")


def test_the_doctor_says_no_where_something_needed_is_missing(monkeypatch, capsys):
  for name in ("_versions", "_rendering", "_wandb", "_disk"):
    monkeypatch.setattr(doctor, name, lambda: "fine")
  monkeypatch.setattr(doctor, "_physics", lambda engine: "fine")
  monkeypatch.setattr(doctor, "_hardware", lambda hardware: fail())
  assert not doctor.examine("cpu")
  out = capsys.readouterr().out
  assert "NO  hardware        broken: mend it" in out and "not ready" in out


def test_a_machine_without_rendering_is_ready_all_the_same(monkeypatch, capsys):
  for name in ("_versions", "_wandb", "_disk"):
    monkeypatch.setattr(doctor, name, lambda: "fine")
  monkeypatch.setattr(doctor, "_physics", lambda engine: "fine")
  monkeypatch.setattr(doctor, "_hardware", lambda hardware: "fine")
  monkeypatch.setattr(doctor, "_rendering", fail)
  assert doctor.examine("cpu")
  assert "no  rendering       broken: mend it" in capsys.readouterr().out


def test_the_doctor_steps_the_native_engine_and_finds_the_robot_standing():
  assert "control steps/s" in doctor._physics("native")


def test_a_gpu_that_is_not_there_is_the_doctor_s_no(monkeypatch):
  monkeypatch.setattr("glob.glob", lambda pattern: [])
  monkeypatch.delenv("JAX_PLATFORMS", raising=False)
  with pytest.raises(UserError, match="no GPU was found"):
    doctor._hardware("gpu")
  assert load(["hardware=gpu"], probe=False).hardware.platform == "gpu"
