"""Which checkpoint of a run a command is about: the best one, unless it is told otherwise."""

import argparse
from typing import Literal

from wildrobot_exp.errors import UserError


def add_checkpoint(parser: argparse.ArgumentParser) -> None:
  """Give a command its --checkpoint."""
  parser.add_argument("--checkpoint", default="best", help="best (default), latest, or a step")


def chosen(typed: str) -> int | Literal["best", "latest"]:
  """What was typed after --checkpoint.

  Raises:
    UserError: it is none of the three.
  """
  if typed in ("best", "latest"):
    return typed
  if not typed.isdecimal():
    raise UserError(f"--checkpoint {typed}: use best, latest, or a step")
  return int(typed)
