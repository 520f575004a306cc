"""JAX's persistent compilation cache: a second start does not compile again what holds no host callback."""

import os
from pathlib import Path

VARIABLE = "JAX_COMPILATION_CACHE_DIR"  # JAX's own; set it to move the cache


def cache_folder() -> Path:
  """Where the cache is, or will be. Does not import JAX."""
  base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
  return Path(os.environ.get(VARIABLE) or base / "wildrobot_exp" / "jax")


def use_compilation_cache() -> Path:
  """Switch the cache on, for every program however small, and return its folder."""
  import jax  # not where only the folder is asked for

  folder = cache_folder()
  jax.config.update("jax_compilation_cache_dir", str(folder))
  jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
  jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
  return folder
