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


def write_versions(
  path: Path, *, overrides: Sequence[str], facts: dict[str, Any], command: Sequence[str] | None = None
) -> None:
  """Write versions.json: the command, the overrides, versions, machine, and further `facts` of the run.

  Args:
    path: the file.
    overrides: as typed.
    facts: more to write down.
    command: what Python was given to run; None: what this process was.
  """
  content = {
    "command": shlex.join(["python", *(sys.argv if command is None else command)]),
    "overrides": list(overrides),
    "git_commit": git_commit(),
    "versions": package_versions(),
    "machine": machine_facts(),
    **facts,
  }
  path.write_text(json.dumps(content, indent=2) + "\n")


def _git(folder: Path, *args: str) -> str:
  return subprocess.run(["git", "-C", str(folder), *args], capture_output=True, text=True, check=True).stdout.strip()


def _cpu_name() -> str:
  try:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
  except OSError:
    return platform.processor()
  return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())
