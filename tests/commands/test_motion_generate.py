"""`wildrobot motion generate`: what is asked for lands in the file; what cannot be done, nowhere."""

import argparse

import pytest

from wildrobot_exp.commands.motion_generate import add_parser
from wildrobot_exp.errors import UserError
from wildrobot_exp.motions import load_clip


def generate(*argv: str) -> int:
  parser = argparse.ArgumentParser()
  add_parser(parser.add_subparsers(required=True))
  args = parser.parse_args(["generate", *argv])
  return args.run(args)


@pytest.mark.parametrize(
  "flags, loop, frames",
  [
    ([], True, 40),
    (["--stride-seconds", "0.84", "--lift", "0.025"], True, 42),
    (["--start"], False, 111),
    (["--stop"], False, 111),
    (["--turn", "-0.2"], False, 81),
  ],
)
def test_a_clip_is_written(tmp_path, capsys, flags, loop, frames):
  path = tmp_path / "walk.npz"
  assert generate(str(path), "--speed", "0.2", *flags) == 0
  clip = load_clip(path)
  assert (clip.loop, clip.num_frames, clip.speed, clip.fps) == (loop, frames, 0.2, 50.0)
  assert str(path) in capsys.readouterr().out


@pytest.mark.parametrize(
  "argv, words",
  [
    (["walk.npy", "--speed", "0.2"], "ending .npz"),
    (["nowhere/walk.npz", "--speed", "0.2"], "nowhere: no such folder"),
    (["walk.npz", "--speed", "2"], "2 m/s"),
    (["walk.npz", "--speed", "0.2", "--turn", "2"], "no hip yaw"),
  ],
)
def test_what_cannot_be_done_writes_nothing(tmp_path, monkeypatch, argv, words):
  monkeypatch.chdir(tmp_path)
  with pytest.raises(UserError, match=words):
    generate(*argv)
  assert not list(tmp_path.iterdir())


def test_a_start_cannot_be_a_stop(capsys):
  with pytest.raises(SystemExit):
    generate("walk.npz", "--speed", "0.2", "--start", "--stop")
  assert "not allowed with" in capsys.readouterr().err
