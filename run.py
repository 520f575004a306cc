"""Train, evaluate and report: `python run.py [overrides]`, a sweep with `-m`, all options with `--help`."""

import sys

import hydra
from omegaconf import DictConfig

from wildrobot_exp import cli


@hydra.main(config_path=str(cli.CONF_DIR), config_name=cli.CONFIG_NAME, version_base=cli.VERSION_BASE)
def main(cfg: DictConfig) -> object:
  return cli.job(cfg)


if __name__ == "__main__":
  sys.exit(cli.launch(main))
