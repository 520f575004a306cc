"""Train, evaluate and report: `python run.py [overrides]`, a sweep with `-m`, all options with `--help`."""

import signal
import sys

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
  signal.signal(signal.SIGINT, signal.SIG_DFL)  # until cli.launch: Ctrl-C amidst the imports is no traceback

import hydra
from omegaconf import DictConfig

from wildrobot_exp import cli


@hydra.main(config_path=str(cli.CONF_DIR), config_name=cli.CONFIG_NAME, version_base=cli.VERSION_BASE)
def main(cfg: DictConfig) -> object:
  return cli.job(cfg)


if __name__ == "__main__":
  sys.exit(cli.launch(main))
