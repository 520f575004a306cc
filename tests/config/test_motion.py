"""The section `motion`: each source takes its own keys and no others, and its clips cover the commands."""

import pytest

from wildrobot_exp.config.compose import load
from wildrobot_exp.errors import UserError
from wildrobot_exp.motions import make_gait


@pytest.fixture(scope="module")
def clips(robot, tmp_path_factory):
  """A folder with clips at 0 and 0.3 m/s, and one with 0.1 m/s alone."""
  folder = tmp_path_factory.mktemp("clips")
  for name, speeds in (("wide", (0.0, 0.3)), ("narrow", (0.1,))):
    (folder / name).mkdir()
    for speed in speeds:
      make_gait(robot, speed, 0.8, 0.03, 0.02, 0.2).save(folder / name / f"{speed}.npz")
  return folder


@pytest.mark.parametrize(
  "typed, words",
  [
    ("motion=file", "motion.path is missing: motion=file needs it, motion.path=walk.npz"),
    ("motion=file motion.path=nope.npz", "nope.npz: no such file"),
    ("motion=file motion.path=x motion.lift=0.1", "motion.lift has no meaning with motion=file"),
    ("motion=file motion.path=x motion.speeds=[0.1]", "motion.speeds has no meaning with motion=file"),
    ("motion=gait motion.amplitude=0.3", "drop it, or use motion=mocap"),
    ("motion=gait motion.path=x", "drop it, or use motion=file"),
    ("motion=mocap motion.double_support=0.3", "drop it, or use motion=gait"),
    ("motion=mocap motion.amplitude=0", "(0, 1]"),
    ("motion=mocap motion.amplitude=null", "motion.amplitude is missing"),
    ("motion.lift=null", "motion.lift is missing"),
    ("motion.name=file", "has no meaning with motion=file"),
    ("motion.mirror=maybe", "true or false"),
    ("motion.mirror=null", "true or false"),
    ("motion=moca", "did you mean 'mocap'"),
    ("motion=mocap motion.speeds=[0.1,0.2]", "widen motion.speeds"),
  ],
)
def test_bad_input_is_refused_in_one_line_with_the_fix(typed, words):
  with pytest.raises(UserError) as refusal:
    load(typed.split())
  assert words in str(refusal.value) and "\n" not in str(refusal.value)


def test_the_speeds_of_files_have_to_cover_the_commands(clips):
  assert load(["motion=file", f"motion.path={clips / 'wide'}"]).motion.speeds is None
  with pytest.raises(UserError, match="cover 0.1 to 0.1 m/s .* add clips to motion.path"):
    load(["motion=file", f"motion.path={clips / 'narrow'}"])
  assert load(["motion=file", f"motion.path={clips / 'wide'}:{clips / 'narrow'}"]).motion.mirror


def test_mirrored_clips_are_the_default_where_left_and_right_differ():
  assert not load([]).motion.mirror
  assert load(["motion=mocap"]).motion.mirror
