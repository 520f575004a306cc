"""The loader of sweeps composes what Hydra's own composes, and reads the files once."""

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import OmegaConf

from wildrobot_exp.config.compose import CONF_DIR, CONFIG_NAME, VERSION_BASE
from wildrobot_exp.config.loader import SweepLoader

JOBS = (
  ["seed=1"],
  ["algo=ppo", "seed=2"],
  ["seed=3", "amp.weight=0.5", "+gates.survival={min: 0.9}"],
  ["reward=walk_shaped", "~reward.terms.track_velocity"],
  ["experiment=faster", "algo.policy_hidden=[8,8]"],
  ["algo=ppo", "hydra/launcher=vmap", "hydra.launcher.n_jobs=2"],
  ["seed=1"],
)


@pytest.fixture
def hydra():
  with initialize_config_dir(str(CONF_DIR), job_name="run", version_base=VERSION_BASE):
    yield GlobalHydra.instance().hydra


def test_jobs_one_after_the_other_are_what_hydra_makes_of_each_alone(hydra):
  loader = SweepLoader(hydra.config_loader.get_search_path())
  known = [name for name in hydra.compose_config(CONFIG_NAME, [], RunMode.RUN).reward.terms]
  jobs = [[line.replace("track_velocity", known[0]) for line in job] for job in JOBS]
  for job in jobs:
    mine, theirs = (one.load_configuration(CONFIG_NAME, job, RunMode.RUN) for one in (loader, hydra.config_loader))
    assert OmegaConf.to_container(mine) == OmegaConf.to_container(theirs)
    OmegaConf.update(mine, "algo.clip", 77.0)  # a job's own


def test_files_are_read_once_however_many_jobs_there_are(hydra, monkeypatch: pytest.MonkeyPatch):
  read, load = [], OmegaConf.load
  monkeypatch.setattr(OmegaConf, "load", lambda file: read.append(file) or load(file))
  loader = SweepLoader(hydra.config_loader.get_search_path())
  loader.load_configuration(CONFIG_NAME, ["seed=0"], RunMode.RUN)
  first = len(read)
  for seed in range(1, 5):
    assert loader.load_configuration(CONFIG_NAME, [f"seed={seed}"], RunMode.RUN).seed == seed
  assert len(read) == first > 0
