"""Videos are real files that browsers play, or a one-line reason why there are none."""

import shutil

import imageio.v3 as iio
import imageio_ffmpeg
import numpy as np
import pytest
from made_up import made_up_record

from wildrobot_exp.evaluation import video
from wildrobot_exp.evaluation.showpiece import episode_overlay


@pytest.fixture(scope="module")
def walk(robot):
  """[50, nq]: one second of gliding forward."""
  qpos = np.tile(robot.home_qpos, (50, 1))
  qpos[:, 0] = np.linspace(0, 0.5, 50)
  return qpos


def draw_or_skip(draw, *args, **kwargs):
  try:
    draw(*args, **kwargs)
  except video.RenderingUnavailable as reason:
    pytest.skip(str(reason))


@pytest.mark.filterwarnings("ignore:os.fork")  # imageio's reader forks; the product does not
def test_video_is_h264_with_every_frame_and_the_text_on_it(robot, walk, tmp_path):
  plain, titled = tmp_path / "plain.mp4", tmp_path / "titled.mp4"
  size = {"fps": 25, "width": 160, "height": 120}
  draw_or_skip(video.write_video, plain, robot, walk, 0.02, **size)
  draw_or_skip(video.write_video, titled, robot, walk, 0.02, **size, overlay=["speed"] * 50)
  meta = next(imageio_ffmpeg.read_frames(str(plain)))
  assert meta["codec"] == "h264" and meta["pix_fmt"].startswith("yuv420p")
  assert meta["source_size"] == (160, 120) and meta["fps"] == 25
  frames, with_text = iio.imread(plain), iio.imread(titled)
  assert frames.shape == with_text.shape == (25, 120, 160, 3)
  assert np.abs(frames[0].astype(int) - frames[-1]).max() > 30  # the floor moved
  difference = np.abs(frames.astype(int) - with_text).max(axis=(0, 3))
  assert difference[:20, :60].max() > 60 > difference[60:].max()


@pytest.mark.filterwarnings("ignore:os.fork")
def test_robots_side_by_side_each_have_a_column_and_a_camera(robot, walk, tmp_path):
  path = tmp_path / "both.mp4"
  standing = np.tile(robot.home_qpos, (50, 1))
  size = {"fps": 25, "width": 160, "height": 120}
  draw_or_skip(video.write_videos, path, robot, [standing, walk], 0.02, **size, overlays=[["a"] * 50, ["b"] * 50])
  frames = iio.imread(path).astype(int)
  assert frames.shape == (25, 120, 320, 3)
  moved = np.abs(frames[0] - frames[-1])
  assert moved[:, :160].max() < 30 < moved[:, 160:].max()  # only the right one's floor goes by


def test_picture_shows_the_poses_side_by_side(robot, walk, tmp_path):
  path = tmp_path / "strip.png"
  draw_or_skip(video.picture, path, robot, walk[::25], width=100, height=120)
  assert iio.imread(path).shape == (120, 200, 3)


def test_no_graphics_library_is_one_line_that_names_the_package(robot, walk, tmp_path, monkeypatch):
  monkeypatch.setattr(video, "BACKENDS", ("no-such-library",))
  with pytest.raises(video.RenderingUnavailable, match="apt-get install libegl1 libegl-mesa0$") as error:
    video.picture(tmp_path / "x.png", robot, walk[:1])
  assert "\n" not in str(error.value) and not (tmp_path / "x.png").exists()


def test_what_stood_there_stays_until_the_new_file_is_whole(tmp_path, monkeypatch):
  made, target = tmp_path / "made.mp4", tmp_path / "video.mp4"
  made.write_bytes(b"new")
  target.write_bytes(b"old")

  def half(source, partial):
    partial.write_bytes(b"n")
    raise KeyboardInterrupt

  with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
    patch.setattr(shutil, "copyfile", half)
    video._move(made, target)
  assert target.read_bytes() == b"old" and sorted(path.name for path in tmp_path.iterdir()) == ["made.mp4", "video.mp4"]
  video._move(made, target)
  assert target.read_bytes() == b"new"


def test_overlay_says_command_speed_time_and_fall(robot):
  alive = np.ones((100, 1), dtype=bool)
  alive[60:] = False
  record = made_up_record(robot, steps=100, commands=(0.25,), alive=alive, linvel=np.full((100, 1, 3), 0.2))
  lines = episode_overlay(record, 0, 0.8)
  assert lines[49] == "command 0.25 m/s\nspeed 0.20 m/s\n1.0 s"
  assert lines[-1].endswith("fallen")
