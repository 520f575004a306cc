"""Clips: a file is data, joints go by name, velocities come from positions."""

import dataclasses
import pickle

import numpy as np
import pytest

from wildrobot_exp.errors import UserError
from wildrobot_exp.motions import Clip, load_clip, to_states
from wildrobot_exp.robots import load_robot

FRAMES = 20


@pytest.fixture(scope="module")
def robot():
  return load_robot()


@pytest.fixture
def clip(robot):
  """The base walks and nods, every joint swings a little: all smooth and periodic."""
  phase = 2 * np.pi * np.arange(FRAMES) / FRAMES
  home = robot.home_qpos
  root_pos = np.tile(home[:3], (FRAMES, 1))
  root_pos[:, 0] = 0.2 * np.arange(FRAMES) / 50
  pitch = 0.1 * np.sin(phase)
  zero = np.zeros(FRAMES)
  return Clip(
    fps=50.0,
    joint_names=robot.joint_names,
    dof_pos=home[robot.joint_qpos] + 0.05 * np.sin(phase[:, None] + np.arange(robot.num_joints)),
    root_pos=root_pos,
    root_quat_wxyz=np.stack([np.cos(pitch / 2), zero, np.sin(pitch / 2), zero], axis=-1),
    speed=0.2,
    loop=True,
    contacts=np.ones((FRAMES, 2), dtype=bool),
    source="made for a test",
    licence="none",
  )


def write(path, **fields):
  with open(path, "wb") as file:
    np.savez(file, **fields)
  return path


def fields_of(clip):
  return {
    "schema": 1,
    "fps": clip.fps,
    "joint_names": np.array(clip.joint_names),
    "dof_pos": clip.dof_pos,
    "root_pos": clip.root_pos,
    "root_quat_wxyz": clip.root_quat_wxyz,
  }


def test_what_is_saved_is_what_is_loaded(clip, tmp_path):
  clip.save(tmp_path / "a.npz")
  loaded = load_clip(tmp_path / "a.npz")
  for field in dataclasses.fields(Clip):
    np.testing.assert_array_equal(getattr(loaded, field.name), getattr(clip, field.name), err_msg=field.name)


def test_a_file_holds_no_pickles_and_the_promised_arrays(clip, tmp_path):
  clip.save(tmp_path / "a.npz")
  with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
    arrays = {name: archive[name] for name in archive.files}
  assert {"schema", "fps", "joint_names", "dof_pos", "root_pos", "root_quat_wxyz"} <= set(arrays)


def test_unknown_contacts_stay_unknown(clip, tmp_path):
  dataclasses.replace(clip, contacts=None).save(tmp_path / "a.npz")
  assert load_clip(tmp_path / "a.npz").contacts is None


def test_a_minimal_file_of_another_program_gets_its_speed_measured(clip, tmp_path):
  loaded = load_clip(write(tmp_path / "a.npz", **fields_of(clip)))
  assert not loaded.loop and loaded.contacts is None
  assert loaded.speed == pytest.approx(0.2)


@pytest.mark.parametrize("name", ["fps", "joint_names", "root_quat_wxyz"])
def test_a_missing_array_is_named(clip, tmp_path, name):
  fields = fields_of(clip)
  del fields[name]
  with pytest.raises(UserError, match=name):
    load_clip(write(tmp_path / "a.npz", **fields))


@pytest.mark.parametrize(
  "name, value, word",
  [
    ("schema", 99, "schema 99"),
    ("fps", 0.0, "fps"),
    ("fps", "fast", "wrong type"),
    ("dof_pos", np.zeros((FRAMES, 3)), "dof_pos"),
    ("dof_pos", np.full((FRAMES, 11), np.nan), "NaN"),
    ("root_pos", np.zeros(FRAMES), "root_pos"),
    ("root_quat_wxyz", np.ones((FRAMES, 4)), "length 1"),
    ("joint_names", np.array("waist_yaw"), "joint_names"),
  ],
)
def test_a_wrong_array_is_refused_with_its_name(clip, tmp_path, name, value, word):
  with pytest.raises(UserError, match=word) as error:
    load_clip(write(tmp_path / "a.npz", **(fields_of(clip) | {name: value})))
  assert "a.npz" in str(error.value) and "\n" not in str(error.value)


class Bomb:
  """Creates a file when unpickled."""

  def __init__(self, path):
    self.path = path

  def __reduce__(self):
    return (open, (str(self.path), "w"))


@pytest.mark.parametrize("form", ["object array in npz", "bare pickle", "object npy"])
def test_a_pickle_is_refused_and_never_run(clip, tmp_path, form):
  bomb, path = Bomb(tmp_path / "exploded"), tmp_path / "evil.npz"
  array = np.array([bomb, bomb], dtype=object)
  if form == "object array in npz":
    write(path, **(fields_of(clip) | {"extra": array}))
  elif form == "bare pickle":
    path.write_bytes(pickle.dumps(bomb))
  else:
    with open(path, "wb") as file:
      np.save(file, array)
  with pytest.raises(UserError, match="pickle"):
    load_clip(path)
  assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("content", [b"", b"fps,joint\n1,2\n", b"PK\x03\x04 not really a zip"])
def test_a_foreign_file_is_refused(tmp_path, content):
  path = tmp_path / "a.npz"
  path.write_bytes(content)
  with pytest.raises(UserError, match="a.npz"):
    load_clip(path)


def test_a_truncated_file_is_refused(clip, tmp_path):
  clip.save(tmp_path / "a.npz")
  content = (tmp_path / "a.npz").read_bytes()
  (tmp_path / "a.npz").write_bytes(content[: len(content) // 2])
  with pytest.raises(UserError):
    load_clip(tmp_path / "a.npz")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
  with pytest.raises(UserError, match="no such file"):
    load_clip(tmp_path / "none.npz")
  with pytest.raises(UserError, match="cannot be read"):
    load_clip(tmp_path)


def test_joints_are_matched_by_name_not_by_order(robot, clip):
  order = np.random.default_rng(0).permutation(robot.num_joints)
  shuffled = dataclasses.replace(
    clip, joint_names=tuple(clip.joint_names[i] for i in order), dof_pos=clip.dof_pos[:, order]
  )
  for expected, got in zip(to_states(robot, clip), to_states(robot, shuffled), strict=True):
    np.testing.assert_array_equal(got, expected)


def test_wrong_joint_names_are_refused(robot, clip):
  names = clip.joint_names
  with pytest.raises(UserError, match="did you mean 'waist_yaw'"):
    to_states(robot, dataclasses.replace(clip, joint_names=(*names[:-1], "waist_jaw")))
  with pytest.raises(UserError, match="lacks joints waist_yaw"):
    to_states(robot, dataclasses.replace(clip, joint_names=names[:-1], dof_pos=clip.dof_pos[:, :-1]))
  with pytest.raises(UserError, match="2 times"):
    to_states(robot, dataclasses.replace(clip, joint_names=(*names[:-1], names[0])))


def test_velocities_are_those_of_the_positions_through_the_seam(robot, clip):
  _, qvel = to_states(robot, clip)
  phase = 2 * np.pi * np.arange(FRAMES) / FRAMES
  rate = 2 * np.pi * 50 / FRAMES
  shrink = np.sin(2 * np.pi / FRAMES) / (2 * np.pi / FRAMES)  # of a central difference of a sine
  joint_vel = 0.05 * rate * shrink * np.cos(phase[:, None] + np.arange(robot.num_joints))
  np.testing.assert_allclose(qvel[:, robot.joint_qvel], joint_vel, atol=1e-9)
  np.testing.assert_allclose(qvel[:, :3], np.tile([0.2, 0, 0], (FRAMES, 1)), atol=1e-9)
  np.testing.assert_allclose(qvel[:, 4], 0.1 * rate * shrink * np.cos(phase), atol=1e-9)


def test_without_a_loop_the_ends_have_one_sided_velocities(robot, clip):
  _, qvel = to_states(robot, dataclasses.replace(clip, loop=False))
  np.testing.assert_allclose(qvel[:, 0], 0.2, atol=1e-9)
  first = (clip.dof_pos[1] - clip.dof_pos[0]) * clip.fps
  np.testing.assert_allclose(qvel[0, robot.joint_qvel], first, atol=1e-9)
