"""A pickle is read as arrays alone: nothing in it is run."""

import os
import pickle

import numpy as np
import pytest
from motion_files import gmr_fields, gmr_pkl, save_npz

from wildrobot_exp.errors import UserError
from wildrobot_exp.motions import make_gait
from wildrobot_exp.motions.formats import Refused, read_motion


@pytest.fixture(scope="module")
def clip(robot):
  return make_gait(robot, 0.2, 0.8, 0.035, 0.02, 0.2)


class Touches:
  """Its pickle calls a function when read."""

  def __init__(self, call, *args):
    self.reduced = (call, args)

  def __reduce__(self):
    return self.reduced


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_of_arrays_is_read(robot, clip, tmp_path, protocol):
  path = gmr_pkl(tmp_path / "a.pkl", robot, clip, protocol)
  reading = read_motion(path, robot=robot, joint_names=robot.joint_names)
  np.testing.assert_array_equal(reading.clip.dof_pos, clip.dof_pos)
  assert reading.pickled


def test_numpy_1_pickles_are_read(robot, clip, tmp_path):
  path = gmr_pkl(tmp_path / "a.pkl", robot, clip, protocol=2)
  path.write_bytes(path.read_bytes().replace(b"numpy._core.", b"numpy.core."))
  assert read_motion(path, robot=robot, joint_names=robot.joint_names).clip.num_frames == clip.num_frames


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("inside_npy", [False, True])
def test_a_hostile_pickle_is_refused_and_nothing_runs(robot, clip, tmp_path, protocol, inside_npy):
  mark = tmp_path / "touched"
  content = gmr_fields(clip) | {"extra": Touches(os.system, f"touch {mark}"), "more": Touches(open, str(mark), "w")}
  path = tmp_path / ("a.npy" if inside_npy else "a.pkl")
  if inside_npy:
    np.save(path, np.array(content, dtype=object), allow_pickle=True)
  else:
    path.write_bytes(pickle.dumps(content, protocol=protocol))
  with pytest.raises(Refused, match="no code") as refused:
    read_motion(path, robot=robot, joint_names=robot.joint_names)
  assert refused.value.code == "pickle" and not mark.exists()


@pytest.mark.parametrize(
  "code",
  [
    b"cbuiltins\neval\n(S'1'\ntR.",
    b"cnumpy\nload\n(S'x'\ntR.",
    b"cnumpy._core.multiarray\n_reconstruct\n(dS'x'\nI1\nsb.",  # changes what it calls
    b"c_codecs\nencode\n(S'x'\nS'zlib'\ntR.",
    b"cwildrobot_exp.motions.formats.pickles\nos\n.",
  ],
)
def test_only_numpys_constructors_are_found(robot, tmp_path, code):
  path = tmp_path / "a.pkl"
  path.write_bytes(code)
  with pytest.raises(Refused, match="pickle"):
    read_motion(path, robot=robot)


def test_a_pickled_array_in_an_npz_is_refused(robot, clip, tmp_path):
  path = save_npz(tmp_path / "a.npz", dof_pos=np.array([Touches(print)], dtype=object))
  with pytest.raises(Refused) as refused:
    read_motion(path, robot=robot)
  assert refused.value.code == "pickle"


def test_a_pickle_of_something_else_is_no_motion(robot, tmp_path):
  (tmp_path / "a.pkl").write_bytes(pickle.dumps([1, 2]))
  with pytest.raises(UserError, match="dictionary"):
    read_motion(tmp_path / "a.pkl", robot=robot)
  (tmp_path / "b.pkl").write_bytes(pickle.dumps({"poses": np.zeros(3)}))
  with pytest.raises(UserError, match="poses"):
    read_motion(tmp_path / "b.pkl", robot=robot)
