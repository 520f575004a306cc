"""`wildrobot motion lint` and `import`: every check printed, 2 on a refusal, nothing written then."""

import argparse
import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

from wildrobot_exp.commands import motion_import, motion_lint
from wildrobot_exp.errors import UserError
from wildrobot_exp.motions import load_clip, make_gait
from wildrobot_exp.motions.lint import CODES

sys.path.append(str(Path(__file__).parents[1] / "motions"))
from motion_files import bvh, gmr_pkl, unitree_csv  # noqa: E402


@pytest.fixture(scope="module")
def clip(robot):
  return make_gait(robot, 0.2, 0.8, 0.035, 0.02, 0.2)


@pytest.fixture(scope="module")
def names(robot):
  return ",".join(robot.joint_names)


def call(*argv):
  parser = argparse.ArgumentParser()
  commands = parser.add_subparsers(required=True)
  motion_lint.add_parser(commands)
  motion_import.add_parser(commands)
  args = parser.parse_args([str(word) for word in argv])
  return args.run(args)


def lines(capsys):
  return capsys.readouterr().out.splitlines()


def test_lint_prints_every_check_and_passes_a_good_clip(clip, tmp_path, capsys):
  clip.save(tmp_path / "a.npz")
  assert call("lint", tmp_path / "a.npz", "--survive") == 0
  printed = lines(capsys)
  assert [line.split()[0] for line in printed[:14]] == list(CODES)
  assert "10.0 s" in printed[14]


def test_lint_exits_2_on_a_refusal(clip, tmp_path, capsys):
  dataclasses.replace(clip, dof_pos=clip.dof_pos[:, ::-1]).save(tmp_path / "a.npz")
  assert call("lint", tmp_path / "a.npz") == 2
  assert any(line.startswith("joint-limit") and " refuse " in line for line in lines(capsys))


def test_lint_of_a_file_that_lacks_its_rate_says_so(robot, clip, tmp_path, names, capsys):
  path = unitree_csv(tmp_path / "a.csv", robot, clip)
  assert call("lint", path, "--joint-names", names) == 2
  printed = lines(capsys)
  assert len(printed) == 14 and sum(" refuse " in line for line in printed) == 1
  assert any(line.startswith("fps-missing") and "--fps" in line for line in printed)
  assert call("lint", path, "--joint-names", names, "--fps", 50) == 0


def test_import_writes_a_clip_and_says_source_and_licence(robot, clip, tmp_path, capsys):
  path, out = unitree_csv(tmp_path / "a.csv", robot, clip), tmp_path / "b.npz"
  listed = tmp_path / "names.txt"
  listed.write_text("\n".join(robot.joint_names) + "\n")
  said = ["--source", "walk 7 of lab X", "--licence", "CC-BY-4.0"]
  assert call("import", path, out, "--fps", 50, "--joint-names", listed, "--loop", *said) == 0
  printed = lines(capsys)
  assert {"source: walk 7 of lab X", "licence: CC-BY-4.0"} <= set(printed) and printed[-1] == str(out)
  assert sum(line.split()[0] in CODES for line in printed) == 14
  read = load_clip(out)
  assert read.loop and read.source == "walk 7 of lab X" and read.licence == "CC-BY-4.0"
  np.testing.assert_allclose(read.dof_pos, clip.dof_pos, atol=1e-6)


def test_import_writes_nothing_when_refused_unless_every_code_is_forced(robot, clip, tmp_path, names, capsys):
  slow = dataclasses.replace(clip, root_pos=clip.root_pos * [2, 1, 1] + [0, 0, -0.03])
  path, out = gmr_pkl(tmp_path / "a.pkl", robot, slow), tmp_path / "b.npz"
  command = ["import", path, out, "--joint-names", names]
  assert call(*command) == 2 and not out.exists()
  forced = next(line for line in lines(capsys) if "--force" in line).split("--force ")[1]
  assert {"foot-slip", "penetration"} <= set(forced.split(","))
  assert call(*command, "--force", "foot-slip") == 2 and not out.exists()
  assert call(*command, "--force", forced) == 0 and load_clip(out).num_frames == clip.num_frames


def test_import_of_an_unreadable_file_cannot_be_forced(robot, clip, tmp_path, names, capsys):
  path, out = unitree_csv(tmp_path / "a.csv", robot, clip), tmp_path / "b.npz"
  assert call("import", path, out, "--joint-names", names, "--force", "fps-missing") == 2
  assert not out.exists() and lines(capsys)[-1] == "nothing written"


def test_import_of_a_person_says_it_is_a_raw_retarget(robot, clip, tmp_path, capsys):
  out = tmp_path / "b.npz"
  every = ",".join(CODES)
  assert call("import", bvh(tmp_path / "a.bvh", robot, clip), out, "--loop", "--force", every, "--fps-out", 100) == 0
  assert any("raw retarget" in line for line in lines(capsys))
  assert load_clip(out).fps == 100 and load_clip(out).num_frames == 80


@pytest.mark.parametrize(
  "options, word",
  [
    (["--force", "foot-slop"], "foot-slip"),
    (["--bones", "left_hip"], "ROLE=NAME"),
    (["--scale", "0"], "--scale"),
    (["--joint-names", "missing.txt"], "missing.txt"),
    (["--joint-names", ","], "--joint-names"),
  ],
)
def test_options_that_make_no_sense_are_one_line(robot, clip, tmp_path, options, word):
  with pytest.raises(UserError, match=word):
    call("import", gmr_pkl(tmp_path / "a.pkl", robot, clip), tmp_path / "b.npz", *options)


def test_where_to_write_is_checked_first(robot, clip, tmp_path):
  path = gmr_pkl(tmp_path / "a.pkl", robot, clip)
  with pytest.raises(UserError, match="npz"):
    call("import", path, tmp_path / "b.csv")
  with pytest.raises(UserError, match="no such folder"):
    call("import", path, tmp_path / "no" / "b.npz")


def test_a_long_list_of_names_is_a_list_and_no_path(robot, clip, tmp_path, capsys):
  listed = ",".join(f"joint_{i}_of_another_robot" for i in range(29))
  assert call("lint", gmr_pkl(tmp_path / "a.pkl", robot, clip), "--joint-names", listed) == 2
  assert "29 joint names for 11" in lines(capsys)[0]
