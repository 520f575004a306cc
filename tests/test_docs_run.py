"""Every command of README.md and docs/, in a block or in the text, is run at a budget of seconds, in a folder like a
reader's. What cannot run here is named below with the reason."""

import contextlib
import importlib.util
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import jax
import numpy as np
import pytest
from docs_commands import (
  COMMANDS,
  COMPOSED_ELSEWHERE,
  INLINE_COMMANDS,
  ROOT,
  alternatives,
  extended_tree,
  with_help,
  words_of,
)
from killed_runs import QUICK_COMPILE
from slurm_stand_in import install_slurm

from wildrobot_exp.incidents import FOLDER
from wildrobot_exp.motions.clip import load_clip
from wildrobot_exp.robots import load_robot

pytestmark = pytest.mark.slow

SHORT = (
  "num_envs=64 total_steps=2560 algo.horizon=10 algo.minibatches=2 algo.policy_hidden=[16] algo.value_hidden=[16]"
  " evaluation.episodes=7 evaluation.episode_seconds=1.0 evaluation.pushes.trials=2"
  " evaluation.during_training.every_steps=1280 evaluation.during_training.episodes=7 evaluation.long_walk.rollouts=2"
  " evaluation.long_walk.distance_m=0.05 evaluation.video.seconds=0.2 checkpoints.every_steps=1280"
  " motion.speeds=[0.0,0.3]"
).split()
SHORTER = [  # the run of the fixture is evaluated in full
  *SHORT,
  *(f"evaluation.{part}.enabled=false" for part in ("pushes", "long_walk", "video")),
]
ITS_OWN_BUDGET = ("experiment=verify", "dry_run=true", "--help")
NOT_RUN = {  # first word, or all of it: why
  "make": "these tests run inside `make test-slow`, which has just done what `make .venv` does",
  "pip": "downloads gigabytes",
  "apt-get": "installs, and needs root",
  "source": "the shell's own; PATH is set as it would",
  "ssh": "needs another machine",
  "wandb": "needs an account",
  "ray": "starts a cluster",
  "optuna-dashboard": "serves until it is stopped: tests/sweeps/test_search_dashboard.py opens a study in it",
  "python -m wildrobot_exp.sweeps.child FOLDER": "what a sweep runs on a node: tests/sweeps do",
}
BENCHMARKS = {  # what makes them short
  "benchmarks/startup.py": SHORT,
  "benchmarks/sweep_launchers.py": [*SHORT, "amp.weight=0.5", "seed=0,1"],
  "benchmarks/launcher_overhead.py": ["1"],
}
PATIENCE_S = 900.0
NO_GPU = not any(device.platform == "gpu" for device in jax.devices())


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> dict[str, str]:
  """The commands' own: this Python as `python`, the tools beside it, and a SLURM."""
  bin_folder = tmp_path_factory.mktemp("bin")
  for name, what in (("python", ""), ("wildrobot", "-m wildrobot_exp.commands.start")):
    (bin_folder / name).write_text(f'#!/bin/sh\nexec {sys.executable} {what} "$@"\n')
    (bin_folder / name).chmod(0o755)
  slurm = install_slurm(tmp_path_factory.mktemp("cluster") / "slurm")
  path = f"{bin_folder}{os.pathsep}{pathlib.Path(sys.executable).parent}{os.pathsep}{slurm['PATH']}"
  kept = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
  return {**kept, **slurm, **QUICK_COMPILE, "PATH": path, "PYTHONPATH": str(ROOT), "WANDB_MODE": "offline"}


@pytest.fixture(scope="module")
def place(environment, tmp_path_factory) -> pathlib.Path:
  """A folder with what the commands' placeholders stand for: runs, a sweep, an export and motion files."""
  folder = tmp_path_factory.mktemp("reader")
  shutil.copy(ROOT / "run.py", folder)

  def first(*words: str) -> None:
    done = execute([*words], folder, environment)
    assert done.returncode == 0, done.stderr[-3000:]

  first("python", "run.py", *SHORT, "hydra.run.dir=RUN")
  shutil.copytree(folder / "RUN", folder / "outputs/DATE/TIME")
  (sweep,) = shortened("python run.py -m amp.weight=0.1,0.5,1.0 seed=0,1")
  first(*sweep, "hydra.sweep.dir=multirun/DATE/TIME", "hydra/launcher=vmap")
  links = {"SWEEP": "multirun/DATE/TIME", "PPO_RUN": "RUN", "AMP_RUN": "RUN", "EXPORT": "RUN/export"}
  for name, target in [*links.items(), ("benchmarks", ROOT / "benchmarks")]:
    (folder / name).symlink_to(target)
  first("wildrobot", "export", "RUN")
  first("wildrobot", "motion", "generate", "clip.npz", "--speed", "0.2")
  clip = load_clip(folder / "clip.npz")
  xyzw = np.roll(clip.root_quat_wxyz, -1, axis=1)
  np.savetxt(folder / "theirs.csv", np.hstack([clip.root_pos, xyzw, clip.dof_pos]), delimiter=",")
  (folder / "names.txt").write_text("\n".join(clip.joint_names) + "\n")
  keep_incident(folder / "RUN")
  (folder / "DIR").mkdir()
  return folder


@pytest.fixture(scope="module")
def extended_place(environment, tmp_path_factory) -> pathlib.Path:
  """The project with the examples of docs/extend.md in it."""
  folder = tmp_path_factory.mktemp("extended")
  extended_tree(folder)
  done = execute(["python", "march.py"], folder, {**environment, "PYTHONPATH": str(folder)})
  assert done.returncode == 0, done.stderr
  return folder


def keep_incident(run: pathlib.Path) -> None:
  """A robot whose state went bad at once."""
  robot = load_robot()
  (run / FOLDER).mkdir()
  steps = {"qpos": robot.home_qpos[None], "episode_steps": np.zeros(1), "command": np.zeros(1)}
  facts = {"robot": 0, "iteration": 1, "control_dt": robot.control_dt, "model_hash": robot.model_hash}
  np.savez(run / FOLDER / "000.npz", **steps, **facts)


def execute(words: list[str], folder: pathlib.Path, environment: dict[str, str]) -> subprocess.CompletedProcess:
  """Run it to its end; what takes too long is killed with all that it has started."""
  pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
  started = subprocess.Popen(words, cwd=folder, env=environment, text=True, start_new_session=True, **pipes)
  try:
    out, err = started.communicate(timeout=PATIENCE_S)
  except subprocess.TimeoutExpired:
    os.killpg(started.pid, signal.SIGKILL)
    raise
  return subprocess.CompletedProcess(words, started.returncode, out, err)


def shortened(command: str) -> list[list[str]]:
  """The same commands, with less to do; several where a|b stands."""
  words = words_of(command)
  if words[:2] == ["python", "run.py"] and not set(words) & set(ITS_OWN_BUDGET):
    words = [smaller(word) for word in words if word != "..."]
    if "resume=outputs/DATE/TIME" in words:
      words += ["total_steps=3840"]  # its end was reached: more is asked for
    else:
      given = {word.partition("=")[0] for word in words} | ({"motion.speeds"} if "motion=file" in words else set())
      words += [word for word in SHORTER if word.partition("=")[0] not in given]
  if words[:2] == ["wildrobot", "play"] and "--incident" not in words:
    words += ["--seconds", "0.5"]
  if words[:2] == ["wildrobot", "bench"]:
    words += ["--seconds", "0.5", "--num-envs", "16", *([] if "--json" in words else ["--no-mjx"])]
  if words[0] == "wildrobot":
    words = ["wildrobot", *with_help(["num_envs" if word == "KEY" else word for word in words[1:]])]
  if words[0] == "python":
    words += BENCHMARKS.get(words[1], [])
  if "--port" in words:
    words[words.index("--port") + 1] = str(free_port())
  return alternatives(words) if words[0] == "wildrobot" else [words]


def smaller(word: str) -> str:
  """Fewer values, seeds, trials and machines, and a folder that may be written."""
  for pattern, instead in (
    (r"^([\w.]+=[\w.]+),[\w.,]+,([\w.]+)$", r"\1,\2"),
    (r"^seed=range\(\d+\)$", "seed=range(2)"),
    (r"^(amp\.weight=range\(0\.5),2,0\.5\)$", r"\1,1.5,0.5)"),
    (r"n_trials=\d+$", "n_trials=3"),
    (r"^(hydra\.sweep\.dir)=/shared", r"\1=shared"),
    (r"\.num_cpus=2$", ".num_cpus=1"),
  ):
    word = re.sub(pattern, instead, word)
  return word


def free_port() -> int:
  with contextlib.closing(socket.socket()) as probe:
    probe.bind(("127.0.0.1", 0))
    return probe.getsockname()[1]


def missing(words: list[str]) -> str | None:
  """What this machine lacks for the command, in words that its refusal says."""
  if "hydra/launcher=ray" in words and importlib.util.find_spec("ray") is None:
    return "the package ray"
  if NO_GPU and "gpu" in " ".join(words).replace("gpus_per_node", ""):
    return "GPU"
  return "Ray" if "hydra.launcher.address=auto" in words else None


def once() -> list[tuple[str, str]]:
  """Every command with the first page that has it: what stands on two pages in the same way is run once."""
  found: dict[tuple[bool, str], str] = {}
  for page, command in COMMANDS + INLINE_COMMANDS:
    found.setdefault((page in COMPOSED_ELSEWHERE, command), page)
  return [(page, command) for (_, command), page in found.items()]


def serves(words: list[str], folder: pathlib.Path, environment: dict[str, str]) -> None:
  """A server answers, and ends when it is interrupted."""
  port = free_port()
  server = subprocess.Popen([*words, "--port", str(port)], cwd=folder, env=environment, stderr=subprocess.PIPE)
  until = time.monotonic() + 60
  page = None
  while page is None and time.monotonic() < until:
    with contextlib.suppress(OSError):
      page = urllib.request.urlopen(f"http://127.0.0.1:{port}").read()
    time.sleep(0.2)
  server.send_signal(signal.SIGTERM)
  server.wait(60)
  assert page is not None and b"TensorBoard" in page


@pytest.mark.parametrize(("page", "command"), once(), ids=[f"{page}: {command[:60]}" for page, command in once()])
def test_it_does_what_the_page_says(page, command, place, extended_place, environment):
  for listed in {command, command.split()[0]} & NOT_RUN.keys():
    pytest.skip(NOT_RUN[listed])
  folder = place
  if page in COMPOSED_ELSEWHERE:
    folder, environment = extended_place, {**environment, "PYTHONPATH": str(extended_place)}
  if command.startswith("tensorboard"):
    serves(command.split(), folder, environment)
    return
  if "experiment=verify" in command or "wildrobot doctor" in command:  # they look at the machine's speed
    environment = {name: value for name, value in environment.items() if name not in QUICK_COMPILE}
  for words in shortened(command):
    done = execute(words, folder, environment)
    lacking = missing(words)
    if lacking is None:
      assert done.returncode == 0, f"{' '.join(words)}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    else:
      assert done.returncode in (1, 2) and lacking in done.stdout + done.stderr
      assert "Traceback" not in done.stderr
