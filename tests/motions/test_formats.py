"""Motion files of other projects: every format arrives by joint name, and what a file does not say is asked for."""

import numpy as np
import pytest
from motion_files import ROBOT_FORMATS, gmr_pkl, holosoma_npz, mjlab_npz, own, save_npz, unitree_csv, xyzw

from wildrobot_exp.errors import UserError
from wildrobot_exp.motions import make_gait, to_states
from wildrobot_exp.motions.formats import Refused, read_motion


@pytest.fixture(scope="module")
def clip(robot):
  return make_gait(robot, 0.2, 0.8, 0.035, 0.02, 0.2)


def said(robot, needs):
  answers = {"fps": 50.0, "joint_names": robot.joint_names}
  return {name: answers[name] for name in needs}


@pytest.mark.parametrize("name", ROBOT_FORMATS)
def test_every_robot_format_gives_the_same_poses(robot, clip, tmp_path, name):
  write, needs = ROBOT_FORMATS[name]
  reading = read_motion(write(tmp_path / name, robot, clip), robot=robot, **said(robot, needs))
  np.testing.assert_allclose(to_states(robot, reading.clip)[0], to_states(robot, clip)[0], atol=1e-6)
  assert reading.clip.fps == 50


@pytest.mark.parametrize("name", [name for name, (_, needs) in ROBOT_FORMATS.items() if "joint_names" in needs])
def test_a_silent_joint_order_is_refused_with_what_is_needed(robot, clip, tmp_path, name):
  path = ROBOT_FORMATS[name][0](tmp_path / name, robot, clip)
  with pytest.raises(Refused, match="--joint-names.*11.*right_hip_pitch") as refused:
    read_motion(path, robot=robot, fps=50)
  assert refused.value.code == "joint-names"


def test_joints_go_by_name_in_any_order(robot, clip, tmp_path):
  order = np.random.default_rng(0).permutation(robot.num_joints)
  names = [f"{robot.joint_names[i]}_joint" for i in order]  # as other projects spell them
  fields = {"fps": 50, "root_pos": clip.root_pos, "root_rot": xyzw(clip.root_quat_wxyz)}
  path = save_npz(tmp_path / "a.npz", dof_pos=clip.dof_pos[:, order], joint_names=np.array(names), **fields)
  read = read_motion(path, robot=robot).clip
  np.testing.assert_array_equal(to_states(robot, read)[0], to_states(robot, clip)[0])


def test_a_missing_rate_is_refused(robot, clip, tmp_path):
  with pytest.raises(Refused, match="--fps") as refused:
    read_motion(unitree_csv(tmp_path / "a.csv", robot, clip), robot=robot, joint_names=robot.joint_names)
  assert refused.value.code == "fps-missing"


def test_the_users_rate_replaces_the_files(robot, clip, tmp_path):
  assert read_motion(own(tmp_path / "a.npz", robot, clip), robot=robot, fps=25).clip.seconds == pytest.approx(1.6)


def test_stored_velocities_are_not_believed(robot, clip, tmp_path):
  read = read_motion(mjlab_npz(tmp_path / "a.npz", robot, clip), robot=robot, joint_names=robot.joint_names).clip
  assert np.abs(to_states(robot, read)[1]).max() < 9.0


def test_joints_the_robot_lacks_are_refused_by_name_or_dropped(robot, clip, tmp_path):
  names = [*robot.joint_names, "left_elbow"]
  more = np.column_stack([clip.dof_pos, np.zeros(clip.num_frames)])
  path = save_npz(tmp_path / "a.npz", fps=50, dof_pos=more, root_pos=clip.root_pos, root_rot=xyzw(clip.root_quat_wxyz))
  with pytest.raises(Refused, match="left_elbow"):
    read_motion(path, robot=robot, joint_names=names)
  read = read_motion(path, robot=robot, joint_names=names, drop=["left_elbow"]).clip
  assert read.joint_names == robot.joint_names
  with pytest.raises(UserError, match="left_elbow"):
    read_motion(path, robot=robot, joint_names=names, drop=["left_elbo"])


@pytest.mark.parametrize(
  "names, word",
  [(lambda n: n[:-1], "one for each"), (lambda n: (*n[:-1], n[0]), "more than once"), (lambda n: ("x", *n[1:]), "x;")],
)
def test_names_that_do_not_fit_are_refused(robot, clip, tmp_path, names, word):
  with pytest.raises(Refused, match=word):
    read_motion(gmr_pkl(tmp_path / "a.pkl", robot, clip), robot=robot, joint_names=names(robot.joint_names))


def test_a_csv_header_names_the_joints(robot, clip, tmp_path):
  path = unitree_csv(tmp_path / "a.csv", robot, clip)
  header = ",".join(["x", "y", "z", "qx", "qy", "qz", "qw", *robot.joint_names])
  path.write_text(f"{header}\n{path.read_text()}")
  assert read_motion(path, robot=robot, fps=50).clip.joint_names == robot.joint_names


def test_both_quaternion_orders_are_tried(robot, clip, tmp_path):
  """[1, 0, 0, 0] read with w last is upside down; [0, 0, 0, 1] read with w first walks backwards."""
  path = holosoma_npz(tmp_path / "a.npz", robot, clip)
  assert read_motion(path, robot=robot).attitude.up > 0.99
  assert read_motion(path, robot=robot, quat_order="xyzw").attitude.up < -0.99
  path = gmr_pkl(tmp_path / "a.pkl", robot, clip)
  read = read_motion(path, robot=robot, joint_names=robot.joint_names, quat_order="wxyz")
  assert read.attitude.forward < -0.1 and read.other_attitude.forward > 0.1


@pytest.mark.parametrize(
  "name, content",
  [
    ("a.csv", "1,2,3\n"),
    ("a.csv", "1,2,3,0,0,0,1,0\n1,2,3,0,0\n"),
    ("a.npz", b"PK\x03\x04 cut off"),
    ("a.npy", b"\x93NUMPY cut off"),
    ("a.pkl", b"\x80\x04 cut off"),
    ("a.txt", '{"Frames": [[1, 2]]}'),
    ("a.txt", "{}"),
    ("a.bvh", "HIERARCHY\nROOT Hips {"),
    ("a.bvh", "HIERARCHY\nROOT Hips { OFFSET 0 0 0 CHANNELS 1 Xposition }\nMOTION\nFrames: 1\n1 2\n"),
    ("a.fbx", b"Kaydara"),
    ("a.csv", ""),
  ],
)
def test_a_broken_file_is_one_line_with_its_name(robot, tmp_path, name, content):
  path = tmp_path / name
  path.write_bytes(content if isinstance(content, bytes) else content.encode())
  with pytest.raises(UserError, match=name) as error:
    read_motion(path, robot=robot, fps=50, joint_names=robot.joint_names)
  assert "\n" not in str(error.value)


def test_no_such_file(robot, tmp_path):
  with pytest.raises(UserError, match="nothing.npz"):
    read_motion(tmp_path / "nothing.npz", robot=robot)


@pytest.mark.parametrize("bad", [{"root_pos": np.zeros((3, 3))}, {"root_rot": np.zeros((40, 4))}, {"fps": -5}])
def test_arrays_that_do_not_fit_are_named(robot, clip, tmp_path, bad):
  fields = {"fps": 50, "dof_pos": clip.dof_pos, "root_pos": clip.root_pos, "root_rot": xyzw(clip.root_quat_wxyz)}
  with pytest.raises(UserError, match="root|second"):
    read_motion(save_npz(tmp_path / "a.npz", **fields | bad), robot=robot, joint_names=robot.joint_names)
