"""The documentation is true: its commands are accepted, its links lead somewhere, its examples run."""

import os
import re
import shlex
import subprocess
import sys

import pytest
from docs_commands import COMMANDS, INLINE_COMMANDS, PAGES, ROOT, check_command, extended_tree, page_text

from wildrobot_exp.config.compose import load
from wildrobot_exp.errors import UserError
from wildrobot_exp.evaluation.starts import make_evaluation_env

ALL = COMMANDS + INLINE_COMMANDS


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """A folder with what placeholders stand for: a run and a motion file."""
  folder = tmp_path_factory.mktemp("docs")
  for run in ("outputs/DATE/TIME", "multirun/DATE/TIME", "RUN", "PPO_RUN", "AMP_RUN"):
    (folder / run / ".hydra").mkdir(parents=True)
    (folder / run / ".hydra" / "overrides.yaml").write_text("- algo=ppo\n")
    (folder / run / "checkpoints").mkdir()
  return folder


@pytest.mark.parametrize(("page", "command"), ALL, ids=[f"{page}: {command[:60]}" for page, command in ALL])
def test_every_command_is_accepted(page, command, place, monkeypatch):
  monkeypatch.chdir(place)
  monkeypatch.setattr("wildrobot_exp.config.composed.probe_devices", lambda config: None)  # hardware=gpu,
  monkeypatch.setattr("wildrobot_exp.config.compose.check_launcher", lambda config: None)  # SLURM, Ray: are not here
  check_command(page, command)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_can_be_pasted_into_a_shell(page):
  for command in [command for where, command in ALL if where == page]:
    said = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True)
    assert said.returncode == 0, f"{command}: {said.stderr}"


def test_there_are_commands_on_every_page_that_should_have_some():
  assert {"README.md", "docs/install.md", "docs/first-run.md", "docs/extend.md"} <= {page for page, _ in COMMANDS}
  assert len(COMMANDS) > 40 and len(INLINE_COMMANDS) > 30


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_lead_somewhere(page):
  targets = re.findall(r"\]\(([^)\s]+)\)", page_text(page))
  missing = [
    target
    for target in targets
    if not target.startswith(("http", "#")) and not ((ROOT / page).parent / target.partition("#")[0]).exists()
  ]
  assert missing == []


def test_the_index_names_every_page():
  index = page_text("docs/README.md")
  pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
  assert [name for name in sorted(pages) if f"]({name})" not in index] == []


def test_the_answer_shown_for_a_wrong_key_is_the_one_given():
  shown = re.search(r"\$ python run\.py (\S+)\nerror: (.+)", page_text("README.md"))
  with pytest.raises(UserError) as answer:
    load([shown[1]])
  assert str(answer.value) == shown[2]


def test_troubleshooting_quotes_what_the_code_prints():
  sources = "\n".join(path.read_text() for path in (ROOT / "wildrobot_exp").rglob("*.py"))
  sources = re.sub(r'"\s*\n\s*f?"', "", sources)  # a text over several lines
  table = page_text("docs/troubleshooting.md").partition("| the line says |")[2].partition("\n\n")[0]
  quoted = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
  assert len(quoted) > 10
  assert [text for text in quoted if text not in sources] == []


STEPPED = """
import sys
import jax, jax.numpy as jnp
from wildrobot_exp.config.compose import load
from wildrobot_exp.evaluation.starts import make_evaluation_env
for overrides in {commands!r}:
  load(overrides)
cfg = load(["algo=ppo", *{commands!r}[0], *{commands!r}[2]])
env = make_evaluation_env(cfg, states=1)
state = env.start(jax.tree.map(lambda x: x[0], env.bank.states), jax.random.PRNGKey(0), jnp.zeros(()), jnp.zeros(()))
state = env.step(state, jnp.ones(env.action_size))
print(float(state.metrics["reward/waist_speed"]) < 0, env.observation_size["privileged_state"])
"""


def test_the_examples_of_extending_work(tmp_path):
  scripts = extended_tree(tmp_path)
  assert scripts == ["march.py", "check_model.py"]

  environment = os.environ | {"PYTHONPATH": str(tmp_path), "JAX_PLATFORMS": "cpu"}

  def run(*command: str) -> str:
    done = subprocess.run([sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout

  run("march.py")
  model = (ROOT / "wildrobot_exp/robots/wildrobot.xml").read_text()
  (tmp_path / "candidate.xml").write_text(model.replace('name="gyro"', 'name="rates"'))
  assert run("check_model.py", "candidate.xml") == "missing: sensor gyro\n"
  assert run("check_model.py", "wildrobot_exp/robots/wildrobot.xml") == ""
  lines = [shlex.split(line) for page, line in COMMANDS if page == "docs/extend.md"]
  commands = [words[2:] for words in lines if words[:2] == ["python", "run.py"]]
  assert len(commands) == 4
  task, with_more = load(["algo=ppo"]), 3  # root_angvel is three numbers
  sizes = make_evaluation_env(task, states=1).observation_size
  printed = run("-c", STEPPED.format(commands=commands)).splitlines()[-1].split()
  assert printed == ["True", str(sizes["privileged_state"] + with_more)]
