"""One job of a sweep, alone in its process: python -m wildrobot_exp.sweeps.child FOLDER [--resume].

The folder's .hydra/ says what to run. The process ends as `python run.py` does, with the same exit codes, and at
once when the one that started it is gone: that one holds the other end of stdin.
"""

import argparse
import pathlib
import signal
import sys

from hydra import version
from hydra._internal.callbacks import Callbacks
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra.conf import HydraConf
from hydra.core.utils import JobRuntime, run_job, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict

from wildrobot_exp.children import die_with_the_parent
from wildrobot_exp.config.compose import VERSION_BASE
from wildrobot_exp.interrupts import Terminated, raise_on_sigterm
from wildrobot_exp.job import job

HYDRA = pathlib.Path(".hydra")


def write_job(cfg: DictConfig, folder: pathlib.Path) -> None:
  """Leave in a job's folder what `main` needs: the composed config, with Hydra's own section."""
  target = folder / HYDRA
  target.mkdir(parents=True, exist_ok=True)
  task = OmegaConf.masked_copy(cfg, [key for key in cfg if key != "hydra"])
  OmegaConf.save(task, target / "config.yaml")
  OmegaConf.save(OmegaConf.masked_copy(cfg, ["hydra"]), target / "hydra.yaml")
  OmegaConf.save(cfg.hydra.overrides.task, target / "overrides.yaml")


def read_job(folder: pathlib.Path) -> DictConfig:
  """What `write_job` wrote."""
  schema = OmegaConf.create({"hydra": OmegaConf.structured(HydraConf)})
  OmegaConf.set_struct(schema.hydra, False)  # Hydra adds a section of its own, env
  cfg = OmegaConf.merge(schema, *(OmegaConf.load(folder / HYDRA / f"{name}.yaml") for name in ("hydra", "config")))
  assert isinstance(cfg, DictConfig)
  return cfg


def main() -> int:
  """Run the job of the command line and return its exit code."""
  die_with_the_parent()
  signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started the sweep with it ignored
  signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})  # and Ray with it blocked
  raise_on_sigterm()
  parser = argparse.ArgumentParser(description="run one job of a sweep")
  parser.add_argument("folder", type=pathlib.Path)
  parser.add_argument("--resume", action="store_true", help="go on from the folder's latest checkpoint")
  args = parser.parse_args()
  cfg = read_job(args.folder)
  if args.resume:
    with open_dict(cfg):
      cfg.resume = str(args.folder)
  version.setbase(VERSION_BASE)
  setup_globals()
  JobRuntime.instance().set("name", cfg.hydra.job.name)
  context = HydraContext(config_loader=ConfigLoaderImpl(ConfigSearchPathImpl()), callbacks=Callbacks(cfg))
  try:
    run_job(job, cfg, "hydra.sweep.dir", "hydra.sweep.subdir", context)
  except KeyboardInterrupt as interrupt:
    return 143 if isinstance(interrupt, Terminated) else 130
  return 0


if __name__ == "__main__":
  sys.exit(main())
