"""Can the outputs of a command be written? Asked before the minutes that make them."""

import os
import tempfile
from pathlib import Path

from wildrobot_exp.errors import UserError


def check_out_folder(out: Path, fix: str = "choose another folder with --out") -> None:
  """Refuse a folder that cannot be made or written.

  Args:
    out: the folder.
    fix: what to do where it refuses, for the message.

  Raises:
    UserError: it is a file, its parent is missing, or nothing can be written there.
  """
  if not out.is_dir() and (out.exists() or not out.absolute().parent.is_dir()):
    raise UserError(f"--out {out}: {'it is a file' if out.exists() else 'no such folder'}")
  _try(out if out.is_dir() else out.absolute().parent, f"cannot write to {out}", fix)


def check_out_file(out: Path, option: str) -> None:
  """Refuse a file that cannot be made or written over.

  Args:
    out: the file.
    option: that named it, for the message.

  Raises:
    UserError: it is a folder, its folder is missing, or it cannot be written.
  """
  if out.is_dir():
    raise UserError(f"{option} {out}: it is a folder, give a file")
  folder = out.absolute().parent
  if not folder.is_dir():
    raise UserError(f"{option} {out}: no such folder")
  if out.exists() and not os.access(out, os.W_OK):
    raise UserError(f"{option} {out}: it cannot be written; choose another file")
  if not out.exists():
    _try(folder, f"{option} {out}: cannot be written", "choose another file")


def _try(folder: Path, problem: str, fix: str) -> None:
  try:
    with tempfile.TemporaryDirectory(prefix=".wildrobot-", dir=folder):
      pass
  except OSError as error:
    raise UserError(f"{problem}: {error.strerror or error}; {fix}") from error
