"""How fast an equal run on this machine was, from the run folders beside a new one; never a guess."""

import csv
import json
import pathlib
import statistics

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from wildrobot_exp.config.schema import Config
from wildrobot_exp.versions import machine_facts

MOST_RUNS = 5  # the newest ones are looked at: a plan is printed in a moment
SAME = ("physics", "num_envs", "env.control_dt", "env.timestep", "amp.hidden", "amp.updates", "amp.batch_size") + tuple(
  f"algo.{key}" for key in ("name", "horizon", "minibatches", "epochs", "policy_hidden", "value_hidden")
)
COLUMN = "perf/steps_per_s"


def measured_speed(cfg: Config, folder: str) -> tuple[float, str] | None:
  """Env steps per second of training and the run that measured it; None where no equal run is known.

  Args:
    cfg: of the new run.
    folder: where it will go, `outputs/<day>/<time>`; runs are looked for in `outputs`.
  """
  root = pathlib.Path(folder).absolute().parent.parent
  found = sorted(root.glob("*/*/versions.json"), key=lambda path: path.stat().st_mtime, reverse=True)
  wanted = OmegaConf.structured(cfg)
  for versions in found[:MOST_RUNS]:
    try:
      theirs = OmegaConf.load(versions.parent / ".hydra" / "config.yaml")
      equal = all(OmegaConf.select(theirs, key) == OmegaConf.select(wanted, key) for key in SAME)
      if not equal or json.loads(versions.read_text())["machine"] != machine_facts():
        continue
      with open(versions.parent / "metrics.csv", newline="") as file:
        speeds = [float(row[COLUMN]) for row in csv.DictReader(file) if row.get(COLUMN)]
    except (OSError, ValueError, KeyError, TypeError, YAMLError, OmegaConfBaseException):
      continue  # a folder that is half written, or of another version
    if speeds:
      return statistics.median(speeds), str(versions.parent.relative_to(root.parent))
  return None
