"""Jobs of a sweep as Ray tasks, on this machine or on a Ray cluster."""

import os
import pathlib
import signal
import time

import ray
from omegaconf import DictConfig

from wildrobot_exp.config.launcher import RayConf
from wildrobot_exp.errors import UserError
from wildrobot_exp.sweeps.attempt import Attempt
from wildrobot_exp.sweeps.child import write_job
from wildrobot_exp.sweeps.job_folder import STOP, THREADS, attempts, is_resumable, with_package
from wildrobot_exp.sweeps.node import NodeJob
from wildrobot_exp.sweeps.process import GPU_MEMORY

POLL_S = 0.2
LOST = -int(signal.SIGKILL)


class RayJobs:
  """A Place: each job is a Ray task. Tasks end with the process that started them.

  Args:
    settings: hydra.launcher.

  Raises:
    UserError: there is no Ray at the address.
  """

  def __init__(self, settings: RayConf):
    self._settings = settings
    if not ray.is_initialized():  # a search comes here once for every batch of its trials
      self._connect()

  def _connect(self) -> None:
    package = {"env_vars": {"PYTHONPATH": with_package(os.environ)["PYTHONPATH"]}}
    before = signal.getsignal(signal.SIGTERM)
    address = self._settings.address
    try:
      ray.init(
        address=address,
        runtime_env=package,
        logging_level="ERROR",
        log_to_driver=False,
        configure_logging=False,
        **({"include_dashboard": False} if address is None else {}),
      )
    except ConnectionError as error:
      at = address or os.environ.get("RAY_ADDRESS")
      raise UserError(
        f"hydra.launcher.address={at}: no Ray answers there; start it with `ray start --head`, or leave the address out"
      ) from error
    finally:
      signal.signal(signal.SIGTERM, before)  # Ray's own would leave without saving

  def start(self, cfg: DictConfig, folder: pathlib.Path, slot: int, again: bool) -> Attempt:
    write_job(cfg, folder)
    environ = {}
    if cfg.hardware.platform == "gpu" and 0 < self._settings.num_gpus < 1:
      environ["XLA_PYTHON_CLIENT_MEM_FRACTION"] = f"{GPU_MEMORY * self._settings.num_gpus:.3f}"
    if self._settings.num_cpus >= 1:
      environ |= dict.fromkeys(THREADS, str(int(self._settings.num_cpus)))
    task = ray.remote(num_cpus=self._settings.num_cpus, num_gpus=self._settings.num_gpus, max_retries=0)(_run)
    reference = task.remote(NodeJob(str(folder), is_resumable(cfg), environ))
    return RayAttempt(cfg, folder, self._settings, reference)

  def find(self, cfg: DictConfig, folder: pathlib.Path, cluster_job: str) -> Attempt | None:
    return None  # they end with the sweep


class RayAttempt(Attempt):
  """A task that Ray runs as soon as it has the CPUs and GPUs for it.

  Args:
    cfg, folder: see Attempt.
    settings: hydra.launcher.
    reference: to the task's return value, the job's exit code.
  """

  note = "handed to Ray"

  def __init__(self, cfg: DictConfig, folder: pathlib.Path, settings: RayConf, reference: ray.ObjectRef):
    minutes = settings.timeout_minutes
    super().__init__(cfg, folder, None if minutes is None else 60 * minutes)
    self._reference = reference
    self._before = attempts(folder)
    self._begun = False
    self._asked = 0.0
    self._code: int | None = None
    self._error = ""

  def ended(self) -> int | None:
    if self._code is None and time.monotonic() > self._asked + POLL_S:
      self._asked = time.monotonic()
      if not self._begun:
        self._begun = attempts(self.folder) > self._before
        self._started = time.monotonic()  # the wait for a free CPU does not count
      if ray.wait([self._reference], timeout=0)[0]:
        self._code = self._outcome()
    return self._code

  def _outcome(self) -> int:
    try:
      return int(ray.get(self._reference))
    except ray.exceptions.RayError as error:  # the worker died, its node did, or it was cancelled
      self._error = str(error).strip().splitlines()[0]
      return LOST

  def _death(self, code: int) -> str:
    return f"Ray: {self._error}" if self._error else super()._death(code)

  def _send(self, signum: int) -> None:
    if self._begun:
      (self.folder / STOP).write_text(str(int(signum)))
    else:
      ray.cancel(self._reference, force=True)

  def _kill(self) -> None:
    ray.cancel(self._reference, force=True)


def _run(job: NodeJob) -> int:
  return job()
