"""`wildrobot motion show`: from a clip to a page that needs nothing else."""

import argparse
import dataclasses
import re

import numpy as np
import pytest

from wildrobot_exp.commands.motion_show import add_parser
from wildrobot_exp.errors import UserError
from wildrobot_exp.evaluation import motion_show
from wildrobot_exp.evaluation.video import RenderingUnavailable
from wildrobot_exp.motions import make_gait, to_states

EVIL = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def clip(robot):
  return make_gait(robot, 0.2, 0.8, 0.03, 0.02, 0.2)


@pytest.fixture
def no_graphics(monkeypatch):
  def fail(*args, **kwargs):
    raise RenderingUnavailable("nothing draws here: apt-get install libegl1 libegl-mesa0")

  monkeypatch.setattr(motion_show, "write_video", fail)


@pytest.fixture
def film(monkeypatch):
  """The poses that a video was asked for, without drawing them."""
  seen = {}

  def write(path, robot, qpos, control_dt, **settings):
    seen["qpos"], seen["dt"] = qpos, control_dt
    path.write_bytes(b"film")

  monkeypatch.setattr(motion_show, "write_video", write)
  return seen


def show(*argv: str) -> int:
  parser = argparse.ArgumentParser()
  add_parser(parser.add_subparsers())
  args = parser.parse_args(["show", *argv])
  return args.run(args)


def test_a_page_holds_everything_and_loads_nothing(robot, clip, tmp_path, film):
  shown = motion_show.show_clip(robot, clip, "walk", tmp_path, say=print)
  page = shown.page.read_text()
  assert shown.page == tmp_path / "walk.html" and shown.video == tmp_path / "walk.mp4"
  assert "data:video/mp4;base64," in page and page.count("<svg") == 3 + robot.num_joints
  assert clip.source in page and clip.licence in page and "0.20 m/s" in page
  addresses = re.findall(r'(?:src|href)="([^"]*)"', page)
  assert all(address.startswith(("data:", "#")) for address in addresses)
  assert all(name.replace("_", " ") in page for name in robot.joint_names)


def test_the_video_of_a_loop_walks_on(robot, clip, tmp_path, film):
  motion_show.show_clip(robot, clip, "walk", tmp_path, say=print)
  x = film["qpos"][:, 0]
  assert len(x) * film["dt"] >= 6.0
  assert x[-1] - x[0] == pytest.approx(0.2 * (len(x) - 1) * film["dt"], abs=0.02)
  assert np.abs(np.diff(x)).max() < 0.02  # no jump at the seam


def test_without_graphics_one_line_and_the_rest(robot, clip, tmp_path, no_graphics):
  said = []
  shown = motion_show.show_clip(robot, clip, "walk", tmp_path, say=said.append)
  assert said == ["No video: nothing draws here: apt-get install libegl1 libegl-mesa0"] and shown.video is None
  page = shown.page.read_text()
  assert "nothing draws here" in page and page.count("<svg") == 3 + robot.num_joints


def test_it_says_what_the_robot_cannot_do_and_what_is_unknown(robot, clip, tmp_path, no_graphics):
  far = clip.dof_pos.copy()
  far[:, clip.joint_names.index("left_knee_pitch")] += 1.2
  odd = dataclasses.replace(clip, dof_pos=far, source="", licence=EVIL, contacts=None, loop=False)
  page = motion_show.show_clip(robot, odd, "odd", tmp_path, say=print).page.read_text()
  assert "outside its limits: left knee pitch" in page and "does not name its source" in page
  assert "estimated from the foot heights" in page and "played once" in page
  assert EVIL not in page


def test_the_command_takes_a_file_or_a_motion_option(robot, clip, tmp_path, film, capsys):
  clip.save(tmp_path / "my.npz")
  assert show(str(tmp_path / "my.npz"), "--out", str(tmp_path / "new" / "folder")) == 0
  assert (tmp_path / "new" / "folder" / "my.html").exists()
  np.testing.assert_allclose(film["qpos"][: clip.num_frames], to_states(robot, clip)[0])
  assert show("gait", "--speed", "0.21", "--out", str(tmp_path)) == 0
  assert (tmp_path / "gait-0.2.html").exists()
  assert "the nearest clip to 0.21 m/s is the one of 0.2 m/s" in capsys.readouterr().out


@pytest.mark.parametrize(
  ("argv", "message"),
  [
    (["gate"], "gait"),
    (["no/such.npz"], "no such file"),
    (["no/such.npz", "--speed", "0.1"], "leave it out"),
    (["gait", "--speed", "3"], "0 to 0.3 m/s"),
  ],
)
def test_wrong_input_is_one_line(argv, message, tmp_path, film):
  with pytest.raises(UserError, match=message) as error:
    show(*argv, "--out", str(tmp_path / "out"))
  assert "\n" not in str(error.value)
  assert not (tmp_path / "out").exists()
