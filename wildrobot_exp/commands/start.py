"""The `wildrobot` command, from before its imports: they take a second, in which Ctrl-C is no traceback either."""

import sys


def start() -> int:
  """Run the command line; the exit codes are those of `main`."""
  try:
    from wildrobot_exp.commands.main import main

    return main()
  except KeyboardInterrupt:
    print("interrupted", file=sys.stderr)
    return 130


if __name__ == "__main__":
  sys.exit(start())
