"""`wildrobot motion generate|import|lint|show`: reference clips."""

import argparse

from wildrobot_exp.commands import motion_generate, motion_import, motion_lint, motion_show


def add_parser(commands: argparse._SubParsersAction) -> None:
  """Register the command with its four."""
  parser = commands.add_parser("motion", help="reference clips: generate, import, lint, show")
  motions = parser.add_subparsers(required=True, metavar="COMMAND")
  for command in (motion_generate, motion_import, motion_lint, motion_show):
    command.add_parser(motions)
