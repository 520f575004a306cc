"""Incidents: the last good steps of a robot whose state went bad, kept and read back."""

from types import SimpleNamespace

import numpy as np
import pytest

from wildrobot_exp.commands.main import main
from wildrobot_exp.errors import UserError
from wildrobot_exp.evaluation import video
from wildrobot_exp.incidents import FOLDER, MOST, Incidents, describe, incident_files, read_incident

T, N = 6, 4
BEGAN = 2  # robot 1 starts an episode at this step


def rollout(*bad: tuple[int, int], qpos: np.ndarray | None = None) -> SimpleNamespace:
  """[T, N, ...]: qpos[t, n] is 10 t + n unless given."""
  values = np.arange(T)[:, None, None] * 10.0 + np.arange(N)[:, None]
  invalid = np.zeros((T, N))
  for where in bad:
    invalid[where] = 1.0
  steps = np.tile(np.arange(T)[:, None] + 101, (1, N))
  steps[BEGAN:, 1] = np.arange(T - BEGAN) + 1
  before = SimpleNamespace(qpos=values if qpos is None else qpos, qvel=values, warmstart=values)
  return SimpleNamespace(
    invalid=invalid, before=before, action=-values, command=values[..., 0] / 100, episode_steps=steps
  )


def incidents(folder, said: list[str], robot=None, resume_step: int | None = None) -> Incidents:
  facts = {"seed": 3, "control_dt": 0.02, "model_hash": robot.model_hash if robot else "abc"}
  return Incidents(folder, facts, said.append, resume_step=resume_step)


def test_the_last_steps_of_the_robot_s_own_episode_are_kept(tmp_path):
  said: list[str] = []
  incidents(tmp_path, said).keep(rollout((4, 1), (3, 2)), env_steps=960, iteration=40)
  first, second = (read_incident(tmp_path, number) for number in (0, 1))
  assert first["qpos"][:, 0].tolist() == [2.0, 12.0, 22.0, 32.0] and first["robot"] == 2  # all the rollout
  assert second["qpos"][:, 0].tolist() == [21.0, 31.0, 41.0]  # since its episode began
  assert second["action"][:, 0].tolist() == [-21.0, -31.0, -41.0] and second["episode_steps"].tolist() == [0, 1, 2]
  assert second["env_steps"] == 960 and second["seed"] == 3 and second["model_hash"] == "abc"
  assert "robot 1 in iteration 40, 0.04 s into its episode, commanded 0.41 m/s; 3 steps" in describe(1, second)
  assert len(said) == 1 and "--incident 0 --video" in said[0]


def test_so_many_are_kept_and_no_more(tmp_path):
  said: list[str] = []
  keeper = incidents(tmp_path, said)
  everything = rollout(*np.ndindex(T, N))
  keeper.keep(everything, 1, 1)
  assert keeper.full and len(incident_files(tmp_path)) == MOST < T * N
  assert "only counted" in said[-1]
  assert incidents(tmp_path, said, resume_step=1).full  # a resumed run
  assert not incidents(tmp_path, said).full and incident_files(tmp_path) == []  # a new one


@pytest.mark.parametrize("how", ["resumed", "rolled back"])
def test_what_went_bad_beyond_the_step_gone_back_to_is_kept_once(tmp_path, how):
  keeper = incidents(tmp_path, [])
  for step in (100, 200, 300):
    keeper.keep(rollout((1, 1)), step, step // 100)
  if how == "resumed":
    keeper = incidents(tmp_path, [], resume_step=200)
  else:
    keeper.rewind(200)
  keeper.keep(rollout((1, 1)), 300, 3)
  found = [int(read_incident(tmp_path, number)["env_steps"]) for number in range(len(incident_files(tmp_path)))]
  assert found == [100, 200, 300]


def test_a_disk_that_refuses_costs_the_incident_alone(tmp_path):
  (tmp_path / FOLDER).write_text("in the way")
  said: list[str] = []
  keeper = incidents(tmp_path, said)
  keeper.keep(rollout((1, 1)), 1, 1)
  assert keeper.full and len(said) == 1 and "could not be kept" in said[0]


def test_an_incident_that_is_not_there_or_damaged_is_the_user_s_error(tmp_path):
  with pytest.raises(UserError, match="no state of this run went bad"):
    read_incident(tmp_path, 0)
  incidents(tmp_path, []).keep(rollout((1, 1)), 1, 1)
  with pytest.raises(UserError, match="there are 0 to 0"):
    read_incident(tmp_path, 1)
  path = tmp_path / FOLDER / "000.npz"
  path.write_bytes(path.read_bytes()[:300])
  with pytest.raises(UserError, match="cannot be read"):
    read_incident(tmp_path, 0)


@pytest.fixture
def run(tmp_path, robot):
  """A run folder with one incident."""
  (tmp_path / ".hydra").mkdir()
  (tmp_path / ".hydra" / "overrides.yaml").write_text("[]\n")
  qpos = np.tile(robot.home_qpos, (T, N, 1))
  incidents(tmp_path, [], robot).keep(rollout((5, 0), qpos=qpos), 960, 40)
  return tmp_path


def test_an_incident_is_played_in_slow_motion(run, monkeypatch, capsys, robot):
  drawn = {}

  def draw(path, robot, qpos, texts, **job):
    drawn.update(job, qpos=qpos, texts=texts)

  monkeypatch.setattr(video, "_render", draw)
  assert main(["play", str(run), "--incident", "0", "--video", str(run / "x.mp4")]) == 0
  assert len(drawn["qpos"]) == round(T * 0.2 * drawn["fps"]) and (drawn["qpos"] == robot.home_qpos).all()
  assert drawn["texts"][0].startswith("incident 0, 10 times slower\n2.00 s")
  assert "went bad" in drawn["texts"][-1] and "went bad" not in drawn["texts"][0]
  assert capsys.readouterr().out.splitlines()[-1] == str(run / "x.mp4")


@pytest.mark.parametrize(
  ("arguments", "reason"),
  [
    (["--incident", "7"], "there are 0 to 0"),
    (["--incident", "0", "--reference"], "leave out --reference"),
  ],
)
def test_an_incident_that_cannot_be_played_is_one_line(run, capsys, arguments, reason):
  assert main(["play", str(run), *arguments, "--video", str(run / "x.mp4")]) == 2
  error = capsys.readouterr().err
  assert reason in error and error.count("\n") == 1
