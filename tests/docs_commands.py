"""Commands and code blocks of README.md and docs/, and how each kind of command is checked."""

import importlib.util
import re
import shlex
import shutil
from pathlib import Path

from hydra._internal.utils import get_args_parser

from wildrobot_exp.commands import main as wildrobot
from wildrobot_exp.config.compose import CONF_DIR, compose

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
OPTIONAL = re.compile(r"\[([^\]]*)\]")  # [--all], [RUN ...]

INLINE = ("python", "wildrobot", "tensorboard", "make", "pip", "apt-get", "ssh", "wandb", "ray", "optuna-dashboard")
NEEDS_ARGUMENTS = ("eval", "report", "play", "export", "inspect")  # of wildrobot: named alone it is a mention

NOT_TRIED = {  # first word of a command that is not this project's: why it is not checked
  "source": "the shell's own",
  "pip": "installs",
  "apt-get": "installs",
  "tensorboard": "serves until it is stopped",
  "ssh": "another machine",
  "wandb": "wandb's own",
  "ray": "Ray's own",
  "optuna-dashboard": "serves until it is stopped",
}
COMPOSED_ELSEWHERE = {"docs/extend.md"}  # its terms exist only once its examples are in place: test_docs does both


def page_text(page: str) -> str:
  return (ROOT / page).read_text()


def python_blocks(page: str) -> list[tuple[str, str]]:
  """(title, code) of every fenced Python block."""
  prefix = "python title="
  return [(language.removeprefix(prefix), code) for language, code in _blocks(page) if language.startswith(prefix)]


def extended_tree(folder: Path) -> list[str]:
  """Copy run.py and what it needs, with docs/extend.md's examples in place; the names of those that are scripts."""
  for name in ("wildrobot_exp", "conf", "hydra_plugins"):
    shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
  shutil.copy(ROOT / "run.py", folder)
  scripts = []
  for title, code in python_blocks("docs/extend.md"):
    target = folder / title
    if title.startswith("wildrobot_exp/"):
      target.write_text(target.read_text() + "\n\n" + code)
    else:
      target.write_text(code)
      scripts.append(title)
  return scripts


def _blocks(page: str) -> list[tuple[str, str]]:
  """(language, content) of every fenced block."""
  return re.findall(r"^```([^\n]*)\n(.*?)^```$", page_text(page), re.MULTILINE | re.DOTALL)


def commands_of(page: str) -> list[str]:
  """Commands of the fenced blocks without a language, comments and line continuations taken out."""
  found = []
  for block in (content for language, content in _blocks(page) if not language):
    lines = [re.sub(r"\s+#.*", "", line) for line in block.replace("\\\n", " ").splitlines()]
    found += [line.strip() for line in lines if line.strip() and not line.startswith(("$", "error:", " "))]
  return found


def inline_commands_of(page: str) -> list[str]:
  """Commands in the running text and in tables."""
  text = re.sub(r"^```.*?^```$", "", page_text(page), flags=re.MULTILINE | re.DOTALL)
  return [" ".join(found.split()) for found in re.findall(rf"`((?:{'|'.join(INLINE)}) [^`]+)`", text)]


COMMANDS = [(page, command) for page in PAGES for command in commands_of(page)]
INLINE_COMMANDS = [
  (page, command)
  for page in PAGES
  for command in dict.fromkeys(inline_commands_of(page))
  if (page, command) not in COMMANDS
]


def check_command(page: str, command: str) -> None:
  """Raise or fail if the command would not be taken as it stands, with what is in [brackets]."""
  words = words_of(command)
  if words[:2] == ["python", "run.py"]:
    if page not in COMPOSED_ELSEWHERE:
      _check_run([word for word in words[2:] if word != "..."])
  elif words[0] == "wildrobot":
    for each in alternatives(words[1:]):
      _check_wildrobot(each)
  elif words[0] == "make":
    targets = [word for word in words[1:] if "=" not in word]
    assert set(targets) <= set(re.findall(r"^([.\w-]+):", page_text("Makefile"), re.MULTILINE))
  elif words[:2] == ["python", "-m"]:
    assert importlib.util.find_spec(words[2]) is not None
  elif words[0] == "python":
    script = "examples/run_policy.py" if words[1].endswith("export/run_policy.py") else words[1]
    assert (ROOT / script).is_file()
  else:
    assert words[0] in NOT_TRIED, f"{command}: neither ours nor listed with a reason"


def words_of(command: str) -> list[str]:
  """The command's words, with what is in [brackets]."""
  return shlex.split(OPTIONAL.sub(_chosen, command) if command.startswith("wildrobot") else command)


def _chosen(optional: re.Match) -> str:
  """`[--out DIR]` with its first choice; nothing for `[RUN ...]`."""
  return "" if "..." in optional[1] else re.sub(r"\|\S+", "", optional[1])


def _check_run(words: list[str]) -> None:
  if words == ["--help"]:
    return
  kept = [_shortened(word) for word in words if not word.startswith(("resume=", "sweep.resume="))]
  composed = compose(get_args_parser().parse_args(kept), CONF_DIR)
  assert composed.cells


def _shortened(word: str) -> str:
  """A swept key with its last value alone: composing takes a quarter of a second a job."""
  word = re.sub(r"=range\(.*?(\d+)\)$", r"=\1", word) if word.startswith("seed=") else word
  return re.sub(r"^([\w.]+)=[\w.,]+,([\w.]+)$", r"\1=\2", word)


def alternatives(words: list[str]) -> list[list[str]]:
  """`motion generate|lint` is two commands."""
  for place, word in enumerate(words):
    if "|" in word:
      return [[*words[:place], choice, *words[place + 1 :]] for choice in word.split("|")]
  return [words]


def with_help(words: list[str]) -> list[str]:
  """The words of wildrobot; a command that stands there without its arguments asks for its help."""
  alone = len(words) == 1 and words[0] in NEEDS_ARGUMENTS or len(words) == 2 and words[0] == "motion"
  return [*words, "--help"] if alone else words


def _check_wildrobot(words: list[str]) -> None:
  try:
    wildrobot._parse(with_help(words))
  except SystemExit as stop:
    assert stop.code == 0, f"wildrobot {' '.join(words)} is not understood"
