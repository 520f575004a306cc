"""Is the chosen hardware there? First by a cheap look, later by asking JAX."""

import glob
import importlib.metadata
import os
import shutil
import sys

from wildrobot_exp.config.schema import Config
from wildrobot_exp.errors import UserError

GPU_BACKENDS = {"cuda", "gpu", "rocm"}
JAX_ERRORS = (RuntimeError, AssertionError)  # a device that fails; JAX_PLATFORMS names one that JAX has no plugin for
ANY_MACHINE = ("hardware.platform=cpu", "physics=native")  # for a trained policy: its networks stay what they are


def probe_devices(cfg: Config, instead: str = "hardware=cpu") -> None:
  """Refuse hardware=gpu where no GPU can be used, and what JAX_PLATFORMS forbids. Does not import JAX.

  Args:
    cfg: a config.
    instead: what the message offers to do without a GPU.

  Raises:
    UserError: says what was looked for and found.
  """
  forced = os.environ.get("JAX_PLATFORMS", "")
  if cfg.hardware.platform != "gpu":
    if forced and cfg.hardware.platform not in forced.split(","):
      raise UserError(f"hardware={cfg.hardware.name} but JAX_PLATFORMS={forced}: unset it")
    return
  if forced and not GPU_BACKENDS & set(forced.split(",")):
    raise UserError(f"hardware={cfg.hardware.name} but JAX_PLATFORMS={forced}: unset it, or use {instead}")
  if not (glob.glob("/dev/nvidia[0-9]*") or glob.glob("/dev/dxg") or glob.glob("/dev/kfd")):
    tool = "is" if shutil.which("nvidia-smi") else "is not"
    raise UserError(
      f"hardware={cfg.hardware.name} but no GPU was found (no /dev/nvidia*, nvidia-smi {tool} on the PATH):"
      f" use {instead}"
    )
  if not list(importlib.metadata.entry_points(group="jax_plugins")):
    raise UserError(
      f"hardware={cfg.hardware.name}: a GPU is there but JAX has no GPU plugin:"
      f" pip install 'jax[cuda12]', or use {instead}"
    )


def mjx_cpu_flags() -> str:
  """XLA_FLAGS for MJX on a CPU: with jaxlib 0.10.2's default scheduler a training epoch can wait for ever."""
  return f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_enable_concurrency_optimized_scheduler=false".strip()


def set_platform(cfg: Config, *, mjx: bool = False) -> None:
  """Choose JAX's platform through the environment, before JAX is imported. An earlier choice is kept.

  Args:
    cfg: the config of what the process does.
    mjx: it steps MJX, whatever the config says.
  """
  if cfg.hardware.platform == "cpu" and "jax" not in sys.modules:
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    # programs run in the calling thread: what JAX advises beside host callbacks, and nothing here overlaps
    os.environ.setdefault("JAX_CPU_ENABLE_ASYNC_DISPATCH", "false")
    if mjx or uses_mjx(cfg):
      os.environ["XLA_FLAGS"] = mjx_cpu_flags()


def uses_mjx(cfg: Config) -> bool:
  """Whether a run of this config steps MJX: to train, or in the evaluation's other engine."""
  worlds = cfg.evaluation.worlds
  return cfg.physics == "mjx" or (worlds.enabled and worlds.sim2sim)


def check_devices(cfg: Config) -> None:
  """Ask JAX which backend it runs on. Imports JAX.

  Raises:
    UserError: it is not the one of `hardware`, or JAX cannot start the one it was told to.
  """
  import jax

  try:
    found = jax.default_backend()
  except JAX_ERRORS as error:
    forced = os.environ.get("JAX_PLATFORMS")
    told = f" with JAX_PLATFORMS={forced}" if forced else ""
    reason = " ".join(str(error).split()) or "it has no such device"
    raise UserError(f"JAX cannot start{told} ({reason}): unset JAX_PLATFORMS, or repair the driver") from error
  if found != cfg.hardware.platform:
    devices = ", ".join(str(d) for d in jax.devices())
    raise UserError(
      f"hardware={cfg.hardware.name} needs JAX on {cfg.hardware.platform} but it runs on {found} ({devices}):"
      f" use hardware={found}, or set JAX_PLATFORMS before the start"
    )
