"""The wildrobot command: one line and exit code 2 for wrong input."""

import pytest

from wildrobot_exp.commands.main import main


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
    ["play", "nowhere"],
    ["play", "nowhere", "elsewhere"],
    ["play", "nowhere", "--reference"],
    ["play", "nowhere", "--port", "70000"],
    ["play", "nowhere", "--seconds", "nan"],
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
