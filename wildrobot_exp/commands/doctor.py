"""Is this machine ready? One line per check, with what to do where the answer is no."""

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from wildrobot_exp.config.compose import load
from wildrobot_exp.config.devices import probe_devices
from wildrobot_exp.errors import UserError
from wildrobot_exp.versions import machine_facts, package_versions

LEAST_DISK_GB = 1.0
ROBOTS = 64


class NotReady(Exception):
  """A check failed; the message is one line with what to do."""


def examine(hardware: str) -> bool:
  """Print every check's verdict; True if what training needs is there (video and wandb are not needed)."""
  checks: list[tuple[str, bool, Callable[[], str]]] = [
    ("versions", True, _versions),
    ("hardware", True, lambda: _hardware(hardware)),
    ("native physics", True, lambda: _physics("native")),
    ("mjx physics", hardware == "gpu", lambda: _physics("mjx")),
    ("rendering", False, _rendering),
    ("wandb", False, _wandb),
    ("disk", True, _disk),
  ]
  ready = True
  for name, needed, check in checks:
    try:
      verdict, mark = check(), "ok"
    except (NotReady, UserError, ImportError) as error:
      verdict, mark = str(error), "NO" if needed else "no"
      ready = ready and not needed
    print(f"{mark:3} {name:15} {verdict}", flush=True)
  print("ready" if ready else "not ready: see the lines marked NO")
  return ready


def _versions() -> str:
  if not (3, 11) <= sys.version_info[:2] < (3, 14):
    raise NotReady(f"Python {sys.version.split()[0]}: use 3.11, 3.12 or 3.13")
  return ", ".join(f"{name} {version}" for name, version in package_versions().items())


def _hardware(hardware: str) -> str:
  probe_devices(load([f"hardware={hardware}"], probe=False))
  import jax

  if jax.default_backend() != hardware:
    raise NotReady(f"JAX runs on {jax.default_backend()}, not on {hardware}: see docs of jax for the {hardware} wheel")
  facts = machine_facts()
  return f"JAX on {jax.default_backend()}: {jax.devices()[0]}; {facts['cpus']} CPUs, {facts['cpu']}"


def _physics(engine: str) -> str:
  """Stand at home for a while and say how fast that went."""
  import jax
  import jax.numpy as jnp

  from wildrobot_exp.physics import make_physics
  from wildrobot_exp.physics.native import state_bank
  from wildrobot_exp.robots import load_robot

  robot = load_robot()
  physics = make_physics(engine, robot)
  bank = state_bank(robot, robot.home_qpos[None], jnp.zeros((1, robot.model.nv)))
  states = jax.tree.map(lambda x: jnp.repeat(x, ROBOTS, axis=0), bank)
  targets = jnp.tile(jnp.asarray(robot.home_ctrl, jnp.float32), (ROBOTS, 1))
  step = jax.jit(jax.vmap(physics.step))
  still = jnp.zeros((ROBOTS, 3))
  started = time.monotonic()
  states = jax.block_until_ready(step(states, targets, still))
  compiled = time.monotonic()
  count = 0
  while time.monotonic() - compiled < 1.0:
    states = jax.block_until_ready(step(states, targets, still))
    count += ROBOTS
  rate = count / (time.monotonic() - compiled)
  height = float(states.qpos[0, 2])
  if not 0.4 < height < 0.6:
    raise NotReady(f"the robot does not stand: its base is at {height:.2f} m")
  return f"{rate:,.0f} control steps/s of {ROBOTS} robots, first call {compiled - started:.1f} s"


def _rendering() -> str:
  from wildrobot_exp.evaluation.video import RenderingUnavailable, picture
  from wildrobot_exp.robots import load_robot

  robot = load_robot()
  with TemporaryDirectory() as folder:
    try:
      picture(Path(folder) / "home.png", robot, robot.home_qpos[None])
    except RenderingUnavailable as reason:
      raise NotReady(f"no videos: {reason}") from reason
  return "headless pictures work"


def _wandb() -> str:
  import wandb

  return f"wandb {wandb.__version__}; offline unless logger.wandb.mode=online"


def _disk() -> str:
  free = shutil.disk_usage(Path.cwd()).free / 1e9
  if free < LEAST_DISK_GB:
    raise NotReady(f"{free:.1f} GB free here: a run needs up to {LEAST_DISK_GB:.0f} GB")
  return f"{free:.0f} GB free here"
