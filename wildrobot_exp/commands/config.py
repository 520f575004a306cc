"""`wildrobot config explain KEY`: what a key means, what it may be, what it is and who says so."""

import argparse

from wildrobot_exp.config.compose import CONF_DIR, load
from wildrobot_exp.config.reference import explain_key


def add_parser(commands: argparse._SubParsersAction) -> None:
  """Register the command."""
  parser = commands.add_parser("config", help="what a key of the config means")
  actions = parser.add_subparsers(required=True, metavar="COMMAND")
  explain = actions.add_parser("explain", help="meaning, type, range, value and origin of a key")
  explain.add_argument("key", metavar="KEY", help="dotted, amp.weight for example")
  explain.add_argument("overrides", nargs="*", help="config overrides, algo=ppo for example")
  explain.set_defaults(run=_explain)


def _explain(args: argparse.Namespace) -> int:
  print("\n".join(explain_key(args.key, load(args.overrides, probe=False), CONF_DIR)))
  return 0
