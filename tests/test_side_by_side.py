"""A video that compares: every run's policy from the same start, and the reference beside them."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from wildrobot_exp import side_by_side
from wildrobot_exp.config.speeds import trained_speeds
from wildrobot_exp.errors import UserError
from wildrobot_exp.motions import make_gait, to_states


@pytest.fixture(scope="module")
def clip(robot):
  return make_gait(robot, 0.2, 0.8, 0.035, 0.02, 0.2)


def fake_run(robot, clips=(), dt=0.02):
  experiment = SimpleNamespace(robot=robot, clips=list(clips), env=SimpleNamespace(dt=dt), networks=None)
  return SimpleNamespace(experiment=experiment, params=None)


def test_a_looping_clip_walks_on_over_its_seam(robot, clip):
  played = side_by_side.play_clip(fake_run(robot), clip, 100)
  assert played.shape == (100, robot.model.nq)
  np.testing.assert_allclose(played[: clip.num_frames], to_states(robot, clip)[0])
  steps = np.diff(played[:, 0])
  assert played[80, 0] - played[40, 0] == pytest.approx(0.2 * 0.8) and np.abs(np.diff(steps)).max() < 2e-3


def test_any_other_clip_stops_at_its_end(robot, clip):
  played = side_by_side.play_clip(fake_run(robot), dataclasses.replace(clip, loop=False), 100)
  np.testing.assert_array_equal(played[40:], np.tile(played[39], (60, 1)))


def test_a_run_walks_at_the_nearest_speed_it_was_trained_for_and_that_is_said(robot, clip, monkeypatch, tmp_path):
  commands, said, drawn = [], [], []

  def roll(params, start, steps, key):
    commands.append(float(start.commands[0]))
    alive, linvel = np.ones((steps, 1), bool), np.zeros((steps, 1, 3))
    qpos = np.tile(robot.home_qpos, (steps, 1, 1))
    return SimpleNamespace(qpos=qpos, linvel=linvel, alive=alive, commands=start.commands, dt=0.02)

  slow, fast = fake_run(robot, [clip]), fake_run(robot)
  slow.cfg, fast.cfg = trained_speeds([0.0, 0.2], 0.1, 0.05), trained_speeds([0.0, 0.4], 0.1, 0.05)
  env = lambda speeds, states: SimpleNamespace(dt=0.02, gait_period=0.8, speeds=speeds)
  monkeypatch.setattr(side_by_side, "make_evaluation_env", env)
  monkeypatch.setattr(side_by_side, "make_actor", lambda _: None)
  monkeypatch.setattr(side_by_side, "Roller", lambda *_: SimpleNamespace(roll=roll))
  monkeypatch.setattr(side_by_side, "make_start", lambda env, commands: SimpleNamespace(commands=commands))
  monkeypatch.setattr(side_by_side, "write_videos", lambda *given, **_: drawn.append(given))
  size = {"width": 160, "height": 120, "fps": 25}
  side_by_side.side_by_side_video(
    tmp_path / "x.mp4", [("a", slow), ("b", fast)], 0.3, 0.02, reference=True, say=said.append, **size
  )
  assert commands == pytest.approx([0.2, 0.3])
  assert said == ["a: --speed 0.3: trained for 0 and 0.05 to 0.2 m/s; begins with 0.2"]
  assert [len(column) for column in drawn[0][2]] == [1, 1, 1]


def test_runs_of_different_control_rates_do_not_share_a_video(robot, tmp_path):
  runs = [("a", fake_run(robot)), ("b", fake_run(robot, dt=0.01))]
  with pytest.raises(UserError, match="control_dt"):
    side_by_side.side_by_side_video(
      tmp_path / "x.mp4", runs, 0.2, 1.0, reference=False, width=160, height=120, fps=25
    )


def test_a_reference_that_is_not_there_is_noticed_before_anybody_walks(robot, monkeypatch, tmp_path):
  monkeypatch.setattr(side_by_side, "make_evaluation_env", None)
  with pytest.raises(UserError, match="leave out --reference"):
    side_by_side.side_by_side_video(
      tmp_path / "x.mp4", [("a", fake_run(robot))], 0.2, 1.0, reference=True, width=160, height=120, fps=25
    )
