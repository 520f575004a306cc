"""mujoco.mjx without its greeting: it prints "Failed to import warp" where warp-lang is missing, which is fine.

Brax imports mujoco.mjx too: import this first, and nobody prints.
"""

import contextlib
import io

with contextlib.redirect_stdout(io.StringIO()):
  from mujoco import mjx

__all__ = ["mjx"]
