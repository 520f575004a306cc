"""Settings of sweeps: the section `sweep`, and hydra.launcher of our launchers; `processes` is the default."""

import dataclasses
import importlib.util
import math
import re
import shutil
import typing
from typing import Any

from hydra.conf import HydraConf
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from wildrobot_exp.errors import UserError, unknown_name

PROCESSES = "processes"
SUBMITIT_LOCAL = "submitit_local"
SUBMITIT_SLURM = "submitit_slurm"
RAY = "ray"
VMAP = "vmap"
PLUGINS = "hydra_plugins.wildrobot"  # Hydra instantiates plugins of this namespace only
TARGET = f"{PLUGINS}.ProcessLauncher"
SUBMITIT_LOCAL_TARGET = f"{PLUGINS}.SubmititLocalLauncher"
SUBMITIT_SLURM_TARGET = f"{PLUGINS}.SubmititSlurmLauncher"
RAY_TARGET = f"{PLUGINS}.RayLauncher"
VMAP_TARGET = f"{PLUGINS}.VmapLauncher"
SHORTEST_SLURM_MINUTES = 3  # SLURM's notice comes 90 s before the end


@dataclasses.dataclass
class SweepConfig:
  resume: str | None


@dataclasses.dataclass
class ProcessesConf:
  """hydra.launcher.

  Attributes:
    n_jobs: jobs side by side; they share the CPUs, and a GPU's memory.
    timeout_minutes: of one attempt at a job; it is told to save, then killed. None: no limit.
    retries: attempts after the first for a job that failed or was killed; from its last checkpoint.
  """

  n_jobs: int = 1
  timeout_minutes: float | None = None
  retries: int = 0
  _target_: str = TARGET


@dataclasses.dataclass
class SubmititLocalConf:
  """hydra.launcher of submitit_local: SLURM's manners on this machine, to try a sweep before it goes to a cluster.

  Attributes:
    n_jobs, retries: as in ProcessesConf; the jobs share the CPUs freely.
    timeout_minutes: of one start of a job; it is told to save half a minute to 90 s before, and requeued.
    max_num_timeout: how often a job that ran out of time is requeued.
    cpus_per_task: threads of each job; None: all.
    gpus_per_node: that many GPUs of this machine, the first ones, are visible to every job.
    setup: shell commands before each job.
  """

  n_jobs: int = 1
  timeout_minutes: float | None = None
  retries: int = 0
  max_num_timeout: int = 3
  cpus_per_task: int | None = None
  gpus_per_node: int = 0
  setup: list[str] = dataclasses.field(default_factory=list)
  _target_: str = SUBMITIT_LOCAL_TARGET


@dataclasses.dataclass
class SubmititSlurmConf:
  """hydra.launcher of submitit_slurm.

  Attributes:
    n_jobs: jobs in SLURM's queue at a time, pending or running.
    timeout_minutes: SLURM's time limit of one start of a job; 90 s before, it is told to save, and requeued.
    retries: as in ProcessesConf; a requeued job does not count.
    max_num_timeout: how often a job that ran out of time is requeued; a preempted one always is.
    partition, account, qos, constraint: as sbatch's options. None: the cluster's default.
    mem_gb: memory of a job, GiB. None: the cluster's default.
    cpus_per_task: CPUs of a job. None: the cluster's default.
    gpus_per_node: GPUs of a job.
    setup: shell lines before the job: module load, source .venv/bin/activate.
    extra: further options of sbatch, without dashes in front: {exclude: node7}.
  """

  n_jobs: int = 16
  timeout_minutes: float = 240.0
  retries: int = 0
  max_num_timeout: int = 3
  partition: str | None = None
  account: str | None = None
  qos: str | None = None
  constraint: str | None = None
  mem_gb: float | None = None
  cpus_per_task: int | None = None
  gpus_per_node: int = 0
  setup: list[str] = dataclasses.field(default_factory=list)
  extra: dict[str, Any] = dataclasses.field(default_factory=dict)
  _target_: str = SUBMITIT_SLURM_TARGET


@dataclasses.dataclass
class RayConf:
  """hydra.launcher of ray.

  Attributes:
    n_jobs: jobs handed to Ray at a time; it runs as many of them as have their CPUs and GPUs.
    timeout_minutes, retries: as in ProcessesConf.
    address: of a Ray cluster, "auto" on one of its machines. None: RAY_ADDRESS, or Ray on this machine.
    num_cpus: CPUs of a job.
    num_gpus: GPUs of a job; 0.5: two jobs share one and its memory.
  """

  n_jobs: int = 16
  timeout_minutes: float | None = None
  retries: int = 0
  address: str | None = None
  num_cpus: float = 1.0
  num_gpus: float = 0.0
  _target_: str = RAY_TARGET


@dataclasses.dataclass
class VmapConf:
  """hydra.launcher of vmap: jobs that differ only in traced numbers train as one program, see sweeps.traced.

  Attributes:
    n_jobs, retries: as in ProcessesConf, of the jobs that have to train alone.
    timeout_minutes: of one attempt at such a job, or of a whole group.
    memory_gb: of a group's program, GB; a larger group trains in parts. None: half of what is free.
  """

  n_jobs: int = 1
  timeout_minutes: float | None = None
  retries: int = 0
  memory_gb: float | None = None
  _target_: str = VMAP_TARGET


LAUNCHERS = {  # those that keep a manifest: every job is a process of its own
  PROCESSES: ProcessesConf,
  SUBMITIT_LOCAL: SubmititLocalConf,
  SUBMITIT_SLURM: SubmititSlurmConf,
  RAY: RayConf,
  VMAP: VmapConf,
}
TYPES = {name: hint for conf in LAUNCHERS.values() for name, hint in typing.get_type_hints(conf).items()}
CLUSTERS = (SUBMITIT_SLURM, RAY)  # their jobs run on machines with other hardware than this one's
NEEDS = {  # target -> package, extra of pyproject.toml that brings it
  SUBMITIT_LOCAL_TARGET: ("submitit", "slurm"),
  SUBMITIT_SLURM_TARGET: ("submitit", "slurm"),
  RAY_TARGET: ("ray", "ray"),
}
AT_LEAST = {"n_jobs": 1, "retries": 0, "max_num_timeout": 0, "cpus_per_task": 1, "gpus_per_node": 0, "num_gpus": 0}
ABOVE_ZERO = ("timeout_minutes", "mem_gb", "memory_gb", "num_cpus")


def register_launcher() -> None:
  """Make our launchers known to Hydra: hydra/launcher=processes, its default from now on, and the others.

  In conf/config.yaml the default would win over the launcher that an experiment's file names.
  """
  defaults = HydraConf()
  next(entry for entry in defaults.defaults if "launcher" in entry)["launcher"] = PROCESSES
  ConfigStore.instance().store(group="hydra", name="config", node=defaults, provider="wildrobot")
  for name, node in LAUNCHERS.items():
    ConfigStore.instance().store(group="hydra/launcher", name=name, node=node, provider="wildrobot")


def check_launcher(launcher: DictConfig) -> None:
  """Check hydra.launcher; other launchers check themselves.

  Raises:
    UserError: a key is unknown, a number is out of range, or what it needs is not here.
  """
  target = launcher.get("_target_")
  conf = next((conf for conf in LAUNCHERS.values() if conf._target_ == target), None)
  if conf is None:
    return
  values = OmegaConf.to_container(launcher, resolve=True)
  for name in values:
    if name not in conf.__dataclass_fields__:
      raise unknown_launcher_key(name, conf)
  for key, least in AT_LEAST.items():
    value = values.get(key)
    if value is not None and not (math.isfinite(value) and value >= least):
      raise UserError(f"hydra.launcher.{key}={value} has to be {least} or greater")
  for key in ABOVE_ZERO:
    value = values.get(key)
    if value is not None and not (math.isfinite(value) and value > 0):
      limit = ", or null for no limit" if key == "timeout_minutes" and target != SUBMITIT_SLURM_TARGET else ""
      raise UserError(f"hydra.launcher.{key}={value} has to be greater than 0{limit}")
  package, extra = NEEDS.get(target, (None, None))
  if package is not None and importlib.util.find_spec(package) is None:
    raise UserError(f'this launcher needs the package {package}: pip install -e ".[{extra}]"')
  if target == SUBMITIT_SLURM_TARGET:
    _check_slurm(values)


def unknown_launcher_key(name: str, conf: type) -> UserError:
  """The error for hydra.launcher.NAME, which this launcher does not have."""
  return unknown_name("key in hydra.launcher", name, [key for key in conf.__dataclass_fields__ if key != "_target_"])


def _check_slurm(values: dict[str, Any]) -> None:
  minutes = values["timeout_minutes"]
  if minutes < SHORTEST_SLURM_MINUTES:
    raise UserError(f"hydra.launcher.timeout_minutes={minutes} has to be {SHORTEST_SLURM_MINUTES} or greater on SLURM")
  for name, value in values["extra"].items():
    if not re.fullmatch(r"[a-zA-Z][\w-]*", str(name)) or not isinstance(value, str | int | float):
      raise UserError(f"hydra.launcher.extra.{name}={value}: write an option of sbatch, no dashes in front")
  missing = [program for program in ("sbatch", "srun", "sacct", "scancel") if shutil.which(program) is None]
  if missing:
    raise UserError(
      f"hydra/launcher={SUBMITIT_SLURM}: {', '.join(missing)} not found: start the sweep where SLURM's commands are,"
      f" or try it with hydra/launcher={SUBMITIT_LOCAL}"
    )
