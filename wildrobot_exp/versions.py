"""versions.json: what is needed to repeat a run."""

import importlib.metadata
import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wildrobot_exp.json_files import write_json

PACKAGES = (
  "wildrobot-exp jax jaxlib flax optax brax mujoco mujoco-mjx hydra-core omegaconf orbax-checkpoint numpy wandb"
).split()


def package_versions() -> dict[str, str]:
  """Installed versions of the packages that matter; those that are not installed are left out."""
  versions = {"python": platform.python_version()}
  for name in PACKAGES:
    try:
      versions[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
      continue
  return versions


def machine_facts() -> dict[str, Any]:
  """What the numbers of a run depend on besides its code."""
  return {"system": platform.system(), "machine": platform.machine(), "cpu": _cpu_name(), "cpus": os.cpu_count()}


def git_commit() -> str | None:
  """The commit of the checkout the package runs from, "+dirty" if it has changes; None outside of git."""
  here = Path(__file__).parent
  try:
    commit = _git(here, "rev-parse", "HEAD")
    return commit + ("+dirty" if _git(here, "status", "--porcelain", "--untracked-files=no") else "")
  except (OSError, subprocess.CalledProcessError):
    return None


def provenance(command: str) -> dict[str, Any]:
  """The command, the commit, versions and machine."""
  return {
    "command": command,
    "git_commit": git_commit(),
    "versions": package_versions(),
    "machine": machine_facts(),
  }


def write_versions(
  path: Path,
  *,
  overrides: Sequence[str],
  facts: dict[str, Any],
  command: Sequence[str] | None = None,
  resumed: tuple[int, dict[str, Any]] | None = None,
) -> None:
  """Write versions.json: the command, the overrides, versions, machine, and further `facts` of the run.

  Of a resumed run all but the facts stay what they were at its first start, and every later one adds an entry to
  `resumed`: the step it went on from, and its command, commit, versions and machine.

  Args:
    path: the file.
    overrides: as typed.
    facts: more to write down.
    command: what Python was given to run; None: what this process was.
    resumed: the step a resumed run goes on from, and what `read_versions` gave before; None: a new run.
  """
  content = provenance(shlex.join(["python", *(_typed() if command is None else command)]))
  content["overrides"] = list(overrides)
  if resumed is not None:
    step, first = resumed
    start = {"step": step} | {key: value for key, value in content.items() if key != "overrides"}
    content |= {key: first[key] for key in content if key in first}
    earlier = first.get("resumed")
    content["resumed"] = [*(earlier if isinstance(earlier, list) else []), start]
  write_json(path, content | facts)


def read_versions(path: Path) -> dict[str, Any]:
  """What versions.json says; {} if it is missing or cannot be read."""
  try:
    content = json.loads(path.read_text())
  except (OSError, ValueError, RecursionError):
    return {}
  return content if isinstance(content, dict) else {}


def other_versions(first: dict[str, Any]) -> str:
  """What is installed now and was another version then, `jax 0.4 is 0.5`; empty if nothing is, or it was not noted."""
  then = first.get("versions")
  now = package_versions()
  if not isinstance(then, dict):
    return ""
  names = [name for name in then if then[name] != now.get(name)]
  return ", ".join(f"{name} {then[name]} is {now.get(name, 'gone')}" for name in names)


def _typed() -> list[str]:
  """This process's command line as it was typed: sys.argv has been expanded since, for a run that goes on."""
  given, script = sys.orig_argv, sys.argv[0]
  return given[given.index(script) :] if script in given else sys.argv


def _git(folder: Path, *args: str) -> str:
  return subprocess.run(["git", "-C", str(folder), *args], capture_output=True, text=True, check=True).stdout.strip()


def _cpu_name() -> str:
  try:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
  except OSError:
    return platform.processor()
  return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())
