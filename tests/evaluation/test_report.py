"""The report is one page from the files of a run folder: complete, honest about gaps, and on its own."""

import json
import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import yaml
from fake_run import CONFIG, JOINTS, fake_gait, make_run

from wildrobot_exp.errors import UserError
from wildrobot_exp.evaluation.report import write_report
from wildrobot_exp.evaluation.report.page import MAX_VIDEO_BYTES, _reference_hz
from wildrobot_exp.evaluation.report.run_files import read_run

SECTIONS = ["video", "goals", "evaluation", "learning", "gait", "amp", "rewards", "config", "command"]
EVIL = "<script>alert('x')</script>"
TWO_STRIDES = np.tile(np.arange(40) % 20 < 12, (2, 1)).T  # contacts of a clip that was taken for one stride


@pytest.fixture
def run(tmp_path: Path) -> Path:
  return make_run(tmp_path / "run")


@pytest.fixture(scope="module")
def full_page(tmp_path_factory) -> str:
  return write_report(make_run(tmp_path_factory.mktemp("full") / "run")).read_text()


def edit(path: Path, **changes) -> None:
  """Set keys of a JSON file; None removes one."""
  content = json.loads(path.read_text()) | changes
  path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def text_of(page: str, section: str) -> str:
  """What a reader sees of a section, tags and figures left out."""
  part = re.search(rf'<section id="{section}">.*?</section>', page, re.DOTALL).group()
  part = re.sub(r"<svg.*?</svg>", "", part, flags=re.DOTALL)
  return " ".join(re.sub(r"<[^>]*>", " ", part).split())


def figures_in(page: str, section: str) -> int:
  return re.search(rf'<section id="{section}">.*?</section>', page, re.DOTALL).group().count("<svg")


class Loads(HTMLParser):
  """Collects everything a page would fetch or lead to, and complains about tags that do not match."""

  def __init__(self):
    super().__init__()
    self.addresses, self.open = [], []

  def handle_starttag(self, tag, attrs):
    names = ("src", "href", "xlink:href", "action", "poster", "data", "srcset")
    self.addresses += [value for name, value in attrs if name in names]
    if tag not in ("meta", "link", "br"):
      self.open.append(tag)

  def handle_endtag(self, tag):
    assert self.open.pop() == tag


def test_every_section_is_there_in_order(full_page):
  assert re.findall(r'<section id="(\w+)">', full_page) == SECTIONS
  assert 'class="missing"' not in full_page.replace(
    '<p class="missing">Never measured in this run: eval/vx_error.</p>', ""
  )
  assert figures_in(full_page, "evaluation") == 1
  assert figures_in(full_page, "learning") >= 6
  assert figures_in(full_page, "gait") == 3 + 2 + len(JOINTS) + 2 * (1 + 3)  # torque and power: all, 2 pairs, waist
  assert figures_in(full_page, "amp") == 5
  assert figures_in(full_page, "rewards") == 2


def test_style_is_shown_with_what_gives_the_policy_away(full_page):
  text = text_of(full_page, "evaluation")
  assert "Classifier AUC 0.5: cannot be told apart, 1: always 0.70" in text
  assert "Joints off over the stride rad 0.071" in text
  assert "feet pos 0.66, joint pos 0.64, root height 0.58" in text and "gravity 0.50" not in text
  assert "left knee pitch joint pos 0.59, left z feet pos 0.47" in text


def test_the_first_lines_say_what_was_asked_and_what_came_out(full_page):
  head = re.search(r"<header.*?</header>", full_page, re.DOTALL).group()
  assert "<h1>Walks, but is not there yet: top speed</h1>" in head
  assert (
    "walk forward at 0 to 0.3 m/s, PPO + AMP (weight 0.5, imitating gait), 4 M steps with 256 robots" in head
  )
  assert "native physics, seed 0." in head
  assert (
    "100% of 64 episodes of 10 s without a fall, speed off by 0.031 m/s on average, 12 of 14 goals met (1 not judged)"
    in head
  )
  assert "in 4 min 35 s" in head


def test_numbers_stand_beside_goals_and_baselines(full_page):
  goals = text_of(full_page, "goals")
  assert "Stride frequency within 20% of the reference, 1.25 Hz 1.13 Hz ✓" in goals
  assert "Swing clearance at least 15 mm, both feet 27 | 26 mm right | left ✓" in goals
  assert "Long walk all walk 50 m without a fall 20 of 20 95% interval 84–100% ✓" in goals
  assert "Drift at command 0 at most 10 cm 4.1 cm ✓" in goals
  assert "Power under 30 W at every speed 6 W mean, at the most costly speed ✓" in goals
  assert "Push recovery at least 60% of 10 N lateral pushes 61% 95% interval 51–70% ✓" in goals
  assert "Changed worlds at least 90% survival in each 100% all 1, 95% interval 94–100%, speed off by up" in goals
  assert "Other engine at most 5 points of survival lost 98.4% mjx, 95% interval 92–100% ✓" in goals
  assert "Top speed follows 0.8 m/s without a fall 0.30 m/s of 0.3 m/s asked ✗" in goals
  evaluation = text_of(full_page, "evaluation")
  assert "Zero action 0% 0.160 1.20" in evaluation
  assert "10 N lateral, 0.2 s 100 61% (51–70%)" in evaluation
  assert "10 N forward, 0.2 s 100 0% (0–4%)" in evaluation
  assert "as trained 100% (94–100%) 0.031 friction x 0.5 100% (94–100%) 0.033 engine mjx 98.4%" in evaluation
  assert "Random policy 0% – 0.40" in evaluation


def test_a_number_that_rounds_to_zero_has_no_sign(run):
  commands = json.loads((run / "evaluation.json").read_text())["commands"]
  commands[0] |= {"vx_mean": -0.0002, "distance_m": -0.001}
  edit(run / "evaluation.json", commands=commands)
  assert "0.00 0.000 0.020 100% 0.00" in text_of(write_report(run).read_text(), "evaluation")


def test_an_evaluation_from_before_pushes_worlds_and_intervals_still_has_its_report(run):
  old = json.loads((run / "evaluation.json").read_text())
  for key in ("worlds", "pushes", "survival_ci", "fine_timestep"):
    del old[key]
  del old["long_walk"]["completed_ci"]
  (run / "evaluation.json").write_text(json.dumps(old))
  page = write_report(run).read_text()
  assert "<h1>Walks, but is not there yet: top speed</h1>" in page
  assert "Not in evaluation.json, so not shown: pushes, worlds." in text_of(page, "evaluation")
  goals = text_of(page, "goals")
  assert "not measured: wildrobot eval RUN evaluation.worlds.enabled=true ?" in goals
  assert "as trained" not in page and "None" not in goals


def test_a_resumed_run_shows_the_first_command_and_where_it_went_on(run):
  resumed = [{"step": 64000, "command": "python run.py resume=R total_steps=128000"}, "damaged"]
  edit(run / "versions.json", resumed=resumed)
  command = text_of(write_report(run).read_text(), "command")
  assert "python run.py seed=0" in command
  assert "Resumed at step 64000: python run.py resume=R total_steps=128000" in command


def test_command_versions_and_config_are_on_the_page(full_page):
  assert "python run.py seed=0" in text_of(full_page, "command")
  config = text_of(full_page, "config")
  assert "jax 0.10.2" in config and "a small one" in config
  assert "physics: native" in config, "references are resolved"


def test_the_page_needs_nothing_but_itself(full_page):
  parser = Loads()
  parser.feed(full_page)
  assert not parser.open
  outside = [address for address in parser.addresses if not address.startswith(("#", "data:"))]
  assert outside == []
  assert not re.search(r"url\((?!#)|@import|https?:|<script|<iframe", full_page)


def test_the_page_is_small_and_quick(run):
  started = time.perf_counter()
  page = write_report(run)
  assert time.perf_counter() - started < 10
  assert page == run / "report.html"
  assert page.stat().st_size < 3_000_000


def test_figures_keep_their_ids_apart(full_page):
  clips = re.findall(r'<clipPath id="(\w+)"', full_page)
  assert len(clips) == len(set(clips)) > 20


def test_a_video_that_would_break_the_size_limit_is_named_instead(run):
  with (run / "video.mp4").open("wb") as file:
    file.truncate(MAX_VIDEO_BYTES + 1)
  page = write_report(run)
  assert page.stat().st_size < 3_000_000
  assert "too big to embed" in text_of(page.read_text(), "video")
  assert MAX_VIDEO_BYTES * 4 / 3 + 2e6 < 25e6


def test_missing_blocks_are_said_not_faked(run):
  edit(run / "evaluation.json", baselines=None, long_walk=None, gait=None, pushes=None, commands=None)
  page = write_report(run).read_text()
  evaluation = text_of(page, "evaluation")
  assert "Not in evaluation.json, so not shown: commands, baselines, long_walk, gait, pushes." in evaluation
  assert "Zero action" not in evaluation
  goals = text_of(page, "goals")
  assert goals.count("not measured ?") == 9
  assert "<h1>Moves as commanded, but its gait was not judged</h1>" in page
  assert "3 of 14 goals met (11 not judged)" in page


def test_an_evaluation_made_afterwards_says_how(run):
  versions = {"python": "3.11.9", "jax": "0.11"}  # jax has changed since
  made = {"command": "wildrobot eval RUN physics=mjx", "git_commit": "feedbee", "versions": versions}
  edit(run / "evaluation.json", made=made, physics="mjx")
  page = write_report(run).read_text()
  assert "Its evaluation, made afterwards: wildrobot eval RUN physics=mjx , commit feedbee, with jax 0.11" in text_of(
    page, "command"
  )
  assert "speed off by 0.031 m/s on average, in mjx physics" in page


@pytest.mark.parametrize(("step", "shown"), [(3_500_000, True), (3_000_000, False)])
def test_an_export_is_judged_where_it_is_of_the_evaluated_checkpoint(run, step, shown):
  contract = {"checkpoint_step": step, "parity": {"max_abs_error": 1e-6}, "latency": {"median_ms": 0.009}}
  (run / "export").mkdir()
  (run / "export" / "policy.json").write_text(json.dumps(contract | {"closed_loop": {"passed": True}}))
  goals = text_of(write_report(run).read_text(), "goals")
  assert ("1.0e-06, 0.009 ms walks alike ✓" in goals) is shown


def test_a_run_evaluated_before_torque_was_kept_still_has_its_gait(run):
  gait = {key: value for key, value in fake_gait().items() if key not in ("torque", "joint_vel")}
  np.savez(run / "gait.npz", **gait)
  page = write_report(run).read_text()
  assert figures_in(page, "gait") == 3 + 2 + len(JOINTS)
  assert "No torque and power: no foot made a whole stride, or gait.npz is of an older" in text_of(page, "gait")


def forget_the_reference(run: Path) -> None:
  """Of the gait in evaluation.json."""
  gait = json.loads((run / "evaluation.json").read_text())["gait"]
  edit(run / "evaluation.json", gait={key: value for key, value in gait.items() if key != "reference"})


def without_reference(**changes) -> dict:
  kept = {key: value for key, value in fake_gait().items() if not key.startswith(("reference", "stride"))}
  return kept | changes


@pytest.mark.parametrize(
  ("gait", "said"),
  [
    (without_reference(no_reference=np.array("The clip has no whole stride.")), "The clip has no whole stride."),
    (fake_gait() | {"reference_contacts": TWO_STRIDES}, "There is no reference stride beside it."),
  ],
)
def test_a_reference_that_is_no_stride_is_not_drawn_and_gives_no_frequency(run, gait, said):
  np.savez(run / "gait.npz", **gait)
  forget_the_reference(run)
  page = write_report(run).read_text()
  assert said in text_of(page, "gait") and "dashed: the reference" not in text_of(page, "gait")
  assert "1.13 Hz no reference to compare with" in text_of(page, "goals")


def test_the_reference_s_frequency_is_measured_on_its_stride(run):
  assert _reference_hz(read_run(run)) == 1.25  # beside the robot's
  gait = json.loads((run / "evaluation.json").read_text())["gait"]
  edit(run / "evaluation.json", gait=gait | {"reference": {"stride_frequency_hz": [0.0, 0.0]}})
  assert _reference_hz(read_run(run)) is None  # a clip that stands
  forget_the_reference(run)
  np.savez(run / "gait.npz", **fake_gait() | {"stride_seconds": np.array(0.84)})
  assert _reference_hz(read_run(run)) == pytest.approx(1 / 0.84)
  np.savez(run / "gait.npz", **without_reference())
  assert _reference_hz(read_run(run)) is None  # motion.stride_seconds says what was wanted, not what a clip does


@pytest.mark.parametrize(
  ("name", "section", "said"),
  [
    ("video.mp4", "video", "video.mp4 is not in the run folder"),
    ("evaluation.json", "evaluation", "evaluation.json is not in the run folder"),
    ("metrics.csv", "learning", "metrics.csv is not in the run folder"),
    ("metrics.csv", "amp", "no amp/ columns"),
    ("metrics.csv", "rewards", "no reward/ columns"),
    ("gait.npz", "gait", "gait.npz is not in the run folder"),
    (".hydra/config.yaml", "config", ".hydra/config.yaml is not in the run folder"),
    ("versions.json", "command", "versions.json is not in the run folder"),
  ],
)
def test_a_missing_file_is_said(run, name, section, said):
  (run / name).unlink()
  assert said in text_of(write_report(run).read_text(), section)


def test_a_run_that_was_only_started_still_gets_its_page(tmp_path):
  (tmp_path / "metrics.csv").write_text("step,train/return\n5120,\n")
  page = write_report(tmp_path).read_text()
  assert "<h1>Not evaluated</h1>" in page
  assert "Never measured in this run: train/return" in text_of(page, "learning")


@pytest.mark.parametrize("absent", [None, "???"])  # ??? is what Hydra writes
def test_a_run_without_amp_is_not_called_incomplete(run, absent):
  (run / ".hydra" / "config.yaml").write_text(yaml.safe_dump(CONFIG | {"amp": absent, "algo": {"name": "ppo"}}))
  rows = (run / "metrics.csv").read_text().replace("amp/", "gone/")
  (run / "metrics.csv").write_text(rows)
  assert "trained without AMP" in text_of(write_report(run).read_text(), "amp")


def test_text_of_the_user_is_escaped_everywhere(run):
  edit(
    run / "versions.json", command=f"python run.py {EVIL}", overrides=[EVIL], run=EVIL, versions={EVIL: EVIL}
  )
  edit(run / "evaluation.json", physics=EVIL, style={"reference": EVIL}, baselines={EVIL: {"survival": 0.5}})
  config = CONFIG | {"motion": {"name": EVIL}, "physics": EVIL, "seed": EVIL}
  (run / ".hydra" / "config.yaml").write_text(yaml.safe_dump(config))
  rows = (
    (run / "metrics.csv")
    .read_text()
    .replace("reward/torque", f"reward/{EVIL}")
    .replace("train/value_loss", EVIL)
  )
  (run / "metrics.csv").write_text(rows)
  gait = fake_gait() | {"joint_names": np.array([EVIL, *JOINTS[1:]])}
  np.savez(run / "gait.npz", **gait)
  page = write_report(run).read_text()
  assert "<script" not in page.lower()
  assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
  ("name", "content", "said"),
  [
    ("evaluation.json", "{", "not valid JSON"),
    ("evaluation.json", "[1]", "JSON object"),
    ("metrics.csv", "step,train/return\n1,much\n", "'train/return'"),
    (".hydra/config.yaml", "a: [", "cannot be read"),
    ("gait.npz", "no zip", "cannot be read"),
    ("gait.npz", "", "cannot be read"),
    ("metrics.csv", b"step,train/return\n1,\xff\xfe\n", "not text"),
    (".hydra/config.yaml", b"seed: \xff\n", "cannot be read"),
  ],
)
def test_a_damaged_file_is_named_in_one_line(run, name, content, said):
  (run / name).write_bytes(content if isinstance(content, bytes) else content.encode())
  with pytest.raises(UserError, match=re.escape(said)) as error:
    write_report(run)
  assert name in str(error.value) and "\n" not in str(error.value)
  assert not (run / "report.html").exists()


def test_a_folder_that_is_no_run_is_refused(tmp_path):
  with pytest.raises(UserError, match="not a run folder"):
    write_report(tmp_path)
  with pytest.raises(UserError, match="no such run folder"):
    write_report(tmp_path / "nowhere")


def test_a_report_does_not_import_jax():
  code = "import sys, wildrobot_exp.evaluation.report; sys.exit('jax' in sys.modules)"
  subprocess.run([sys.executable, "-c", code], check=True)
