"""hydra.launcher: what cannot work is refused in one line, before anything starts."""

import importlib.util
import shutil

import pytest
from hydra._internal.utils import get_args_parser

from wildrobot_exp.config import launcher
from wildrobot_exp.config.compose import CONF_DIR, compose
from wildrobot_exp.errors import UserError

SLURM = "hydra/launcher=submitit_slurm"


@pytest.fixture
def on_a_login_node(monkeypatch: pytest.MonkeyPatch):
  """SLURM's commands and every package are there."""
  monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())


def composed(*overrides: str):
  return compose(get_args_parser().parse_args(["-m", "seed=0,1", *overrides]), CONF_DIR)


@pytest.mark.parametrize(
  "overrides, words",
  [
    (["hydra.launcher.n_job=2"], "did you mean 'n_jobs'?"),
    (["+hydra.launcher.foo=1"], "unknown key in hydra.launcher 'foo'"),
    (["hydra.launcher.n_jobs=two"], "expected a whole number"),
    (["hydra.launcher.n_jobs=0"], "n_jobs=0 has to be 1 or greater"),
    (["hydra/launcher=submitit_loca"], "did you mean 'submitit_local'?"),
    ([SLURM, "hydra.launcher.partitions=gpu"], "did you mean 'partition'?"),
    ([SLURM, "hydra.launcher.setup=abc"], "expected a list like [a,b]"),
    ([SLURM, "hydra.launcher.mem_gb=-1"], "mem_gb=-1.0 has to be greater than 0"),
    ([SLURM, "hydra.launcher.timeout_minutes=1"], "3 or greater on SLURM"),
    ([SLURM, "+hydra.launcher.extra.exclude=[a,b]"], "extra.exclude=['a', 'b']: write an option of sbatch"),
    (["hydra/launcher=ray", "hydra.launcher.num_gpus=-0.5"], "num_gpus=-0.5 has to be 0 or greater"),
    (["hydra/launcher=ray", "hydra.launcher.num_cpus=0"], "num_cpus=0.0 has to be greater than 0"),
  ],
  ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_setting_is_refused_in_one_line(on_a_login_node, overrides: list[str], words: str):
  with pytest.raises(UserError) as refused:
    composed(*overrides)
  assert words in str(refused.value) and "\n" not in str(refused.value)


def test_every_setting_of_slurm_is_taken(on_a_login_node):
  many = "partition=gpu account=a qos=high constraint=a100 mem_gb=16 cpus_per_task=4 gpus_per_node=1 setup=[ls]"
  composed(SLURM, *(f"hydra.launcher.{line}" for line in many.split()), "+hydra.launcher.extra.exclude=node7")


def test_what_is_not_installed_is_named_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch):
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  for name, extra in ((launcher.RAY, "ray"), (launcher.SUBMITIT_LOCAL, "slurm"), (launcher.SUBMITIT_SLURM, "slurm")):
    with pytest.raises(UserError, match=rf'pip install -e "\.\[{extra}\]"'):
      composed(f"hydra/launcher={name}")


def test_slurm_is_not_looked_for_in_vain(monkeypatch: pytest.MonkeyPatch):
  monkeypatch.setattr(shutil, "which", lambda name: None)
  with pytest.raises(UserError, match="sbatch, srun, sacct, scancel not found.*hydra/launcher=submitit_local"):
    composed(SLURM)
