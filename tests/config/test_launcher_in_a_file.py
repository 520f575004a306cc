"""A sweep in a file may name what runs it."""

import pytest
from hydra._internal.utils import get_args_parser

from wildrobot_exp.config.compose import compose


@pytest.mark.parametrize("typed, launcher", [([], "vmap"), (["hydra/launcher=basic"], "basic")])
def test_the_launcher_of_an_experiment_file_is_used_unless_another_one_is_typed(tmp_path, typed, launcher):
  own = tmp_path / "experiment" / "own.yaml"
  own.parent.mkdir()
  lines = ["# @package _global_", "defaults:", "  - override /hydra/launcher: vmap", "hydra:", "  mode: MULTIRUN"]
  own.write_text("\n".join([*lines, "  sweeper:", "    params:", "      seed: 0,1\n"]))
  composed = compose(get_args_parser().parse_args(["--config-dir", str(tmp_path), "experiment=own", *typed]))
  assert (composed.launcher, len(composed.cells)) == (launcher, 2)


def test_without_a_word_about_it_every_job_is_a_process():
  assert compose(get_args_parser().parse_args(["-m", "seed=0,1"])).launcher == "processes"
