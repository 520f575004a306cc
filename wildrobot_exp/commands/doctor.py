"""Is this machine ready? One line per check, with what to do where the answer is no; then how fast it is."""

import argparse
import importlib.metadata
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from wildrobot_exp.commands.doctor_speed import BATCHES, Rate, speed, stepper
from wildrobot_exp.config.compose import load
from wildrobot_exp.config.devices import JAX_ERRORS, check_devices, probe_devices, set_platform
from wildrobot_exp.config.explain import one_line
from wildrobot_exp.errors import UserError
from wildrobot_exp.interrupts import held, raise_held
from wildrobot_exp.versions import machine_facts, package_versions

LEAST_DISK_GB = 1.0
LEAST_MEMORY_GB = 2.0  # a run of the defaults takes about half of it
STANDING = (0.4, 0.6)  # m, height of the base
OPTIONAL = {"onnx": "export", "onnxruntime": "export", "optuna": "search", "submitit": "slurm", "ray": "ray"}


class NotReady(Exception):
  """A check failed; the message is one line with what to do."""


def add_parser(commands: argparse._SubParsersAction) -> None:
  """Register the command."""
  parser = commands.add_parser("doctor", help="is this machine ready? Non-zero exit if not")
  parser.add_argument("--hardware", choices=("cpu", "gpu"), default="cpu", help="what it has to be ready for (cpu)")
  parser.add_argument("--quick", action="store_true", help="leave out the throughput, which takes most of a minute")
  parser.set_defaults(run=doctor)


def doctor(args: argparse.Namespace) -> int:
  """Refuse hardware that is not there; otherwise check everything."""
  cfg = load([f"hardware={args.hardware}"], probe=False)
  probe_devices(cfg)
  set_platform(cfg, mjx=not args.quick)  # before JAX is imported

  from wildrobot_exp.compilation_cache import use_compilation_cache
  from wildrobot_exp.physics import quiet_mjx as _quiet_mjx  # noqa: F401  before Brax imports mujoco.mjx, aloud

  use_compilation_cache()
  with held(saves=False):  # JAX calls back into Python
    return 0 if examine(args.hardware, args.quick) else 1


def examine(hardware: str, quick: bool = False) -> bool:
  """Print every check's verdict; True if what training needs is there (video and wandb are not needed)."""
  rates: list[Rate] = []
  checks: list[tuple[str, bool, Callable[[], str]]] = [
    ("versions", True, _versions),
    ("hardware", True, lambda: _hardware(hardware)),
    ("arrays", True, _arrays),
    ("jit", True, _jit),
    ("native physics", True, lambda: _physics("native")),
    ("brax", True, _brax),
    ("memory", True, lambda: _memory(hardware)),
    ("rendering", False, _rendering),
    ("tensorboard", True, _tensorboard),
    ("wandb", False, _wandb),
    ("disk", True, _disk),
  ]
  if quick and hardware == "gpu":
    checks.append(("mjx physics", True, lambda: _physics("mjx")))
  if not quick:
    for engine, batches in BATCHES[hardware].items():
      needed = engine == ("mjx" if hardware == "gpu" else "native")
      checks.append((f"{engine} speed", needed, lambda e=engine, b=batches: speed(e, b, rates)))
  ready = True
  for name, needed, check in checks:
    raise_held()
    try:
      verdict, mark = check(), "ok"
    except (NotReady, UserError, ImportError, *JAX_ERRORS) as error:
      verdict, mark = one_line(error) or "JAX has no such device", "NO" if needed else "no"
      ready = ready and not needed
    print(f"{mark:3} {name:15} {verdict}", flush=True)
  print(f"--  {'optional':15} {_optional()}")
  if rates:
    print(f"\n{'engine':8} {'robots':>7} {'control steps/s':>16} {'first call s':>13}")
    for row in rates:
      print(f"{row.engine:8} {row.robots:7,} {row.steps_per_s:16,.0f} {row.first_call_s:13.1f}")
  print("ready" if ready else "not ready: see the lines marked NO")
  return ready


def _versions() -> str:
  if not (3, 11) <= sys.version_info[:2] < (3, 14):
    raise NotReady(f"Python {sys.version.split()[0]}: use 3.11, 3.12 or 3.13")
  return ", ".join(f"{name} {version}" for name, version in package_versions().items())


def _hardware(hardware: str) -> str:
  import jax

  check_devices(load([f"hardware={hardware}"], probe=False))

  facts = machine_facts()
  return f"JAX on {jax.default_backend()}: {jax.devices()[0]}; {facts['cpus']} CPUs, {facts['cpu']}"


def _arrays() -> str:
  """A matrix product and a sum against NumPy."""
  import jax.numpy as jnp
  import numpy as np

  matrix = np.random.default_rng(0).normal(size=(256, 256)).astype(np.float32)
  error = float(np.max(np.abs(np.asarray(jnp.asarray(matrix) @ jnp.asarray(matrix).T) - matrix @ matrix.T)))
  scale = float(np.max(np.abs(matrix @ matrix.T)))
  if not error < 0.01 * scale:
    raise NotReady(f"a matrix product is off by {error:.2g} of {scale:.2g}: reinstall jax and jaxlib")
  return f"a 256 x 256 product agrees with NumPy to {error / scale:.0e}"


def _jit() -> str:
  """A chain of small operations, one by one and compiled."""
  import jax
  import jax.numpy as jnp

  def chain(x: jax.Array) -> jax.Array:
    for _ in range(50):
      x = jnp.tanh(x) + 0.1 * x
    return x

  values, compiled = jnp.ones(1000), jax.jit(chain)
  slow, fast = (_seconds(function, values) for function in (chain, compiled))
  if not fast < slow:
    raise NotReady(f"a compiled function is no faster ({slow * 1e3:.2f} ms, compiled {fast * 1e3:.2f} ms)")
  return f"100 small operations in {slow * 1e3:.2f} ms, compiled in {fast * 1e3:.2f} ms: {slow / fast:.0f} times faster"


def _seconds(function: Callable[[Any], Any], argument: Any, calls: int = 5) -> float:
  """The fastest of some calls, after one that does not count."""
  import jax

  times = []
  for _ in range(calls + 1):
    started = time.monotonic()
    jax.block_until_ready(function(argument))
    times.append(time.monotonic() - started)
  return min(times[1:])


def _physics(engine: str) -> str:
  """Stand at home for a second."""
  step, states = stepper(engine, 4)
  for _ in range(50):
    states = step(states)
  height = float(states.qpos[0, 2])
  if not STANDING[0] < height < STANDING[1]:
    raise NotReady(f"the robot does not stand: its base is at {height:.2f} m")
  return f"the robot stands for a second, its base at {height:.2f} m"


def _brax() -> str:
  """The env under Brax's own wrappers for training."""
  import jax
  import jax.numpy as jnp

  from wildrobot_exp.evaluation.starts import make_evaluation_env

  env = make_evaluation_env(load(["physics=native"], probe=False), states=1)
  from brax.envs.wrappers import training

  wrapped = training.wrap(env, episode_length=2)
  state = jax.jit(wrapped.reset)(jax.random.split(jax.random.PRNGKey(0), 2))
  step = jax.jit(wrapped.step)
  for _ in range(2):
    state = step(state, jnp.zeros((2, env.action_size)))
  if not (state.done == 1.0).all() or not bool(jnp.isfinite(state.reward).all()):
    raise NotReady(f"Brax {importlib.metadata.version('brax')} does not end our episodes: pip install 'brax>=0.14.2'")
  return f"brax {importlib.metadata.version('brax')}'s training wrappers reset, step and end our episodes"


def _memory(hardware: str) -> str:
  if hardware == "gpu":
    import jax

    limit = (jax.devices()[0].memory_stats() or {}).get("bytes_limit")
    return f"{limit / 1e9:.1f} GB of the GPU for JAX" if limit else "the GPU does not say how much JAX may use"
  try:
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    free = int(lines["MemAvailable"].split()[0]) * 1024 / 1e9
  except (OSError, KeyError):
    return "this system does not say how much is free"
  if free < LEAST_MEMORY_GB:
    raise NotReady(f"{free:.1f} GB free: a run needs up to {LEAST_MEMORY_GB:.0f} GB; end something, or lower num_envs")
  return f"{free:.1f} GB free"


def _optional() -> str:
  found, missing = [], []
  for name, extra in OPTIONAL.items():
    try:
      found.append(f"{name} {importlib.metadata.version(name)}")
    except importlib.metadata.PackageNotFoundError:
      missing.append(f"{name} is not installed (pip install -e '.[{extra}]')")
  return "; ".join([", ".join(found), *missing] if found else missing)


def _rendering() -> str:
  from wildrobot_exp.evaluation.video import RenderingUnavailable, check_rendering
  from wildrobot_exp.robots import load_robot

  try:
    check_rendering(load_robot())
  except RenderingUnavailable as reason:
    raise NotReady(f"no videos: {reason}") from reason
  return "headless pictures work"


def _tensorboard() -> str:
  """Write a curve and read it back."""
  from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

  from wildrobot_exp.tracking.tensorboard_events import TensorBoardEvents

  version = importlib.metadata.version("tensorboard")
  with TemporaryDirectory() as folder:
    events = TensorBoardEvents(Path(folder), {})
    events.log(1, {"doctor": 2.0})
    events.close(0)
    curve = EventAccumulator(folder).Reload().Scalars("doctor")
  if [(point.step, point.value) for point in curve] != [(1, 2.0)]:
    raise NotReady(f"tensorboard {version} does not read what was logged: pip install tensorboard tensorboardX")
  return f"tensorboard {version} reads what is logged"


def _wandb() -> str:
  import wandb

  return f"wandb {wandb.__version__}; offline unless logger.wandb.mode=online"


def _disk() -> str:
  free = shutil.disk_usage(Path.cwd()).free / 1e9
  if free < LEAST_DISK_GB:
    raise NotReady(f"{free:.1f} GB free here: a run needs up to {LEAST_DISK_GB:.0f} GB")
  return f"{free:.0f} GB free here"
