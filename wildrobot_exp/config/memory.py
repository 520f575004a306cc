"""What a run certainly keeps in memory, and whether this machine has it. Imports no JAX."""

import os

from wildrobot_exp.config.derived import steps_per_iteration
from wildrobot_exp.config.schema import Config
from wildrobot_exp.config.sizes import discriminator_inputs, joints, observation_sizes, parameters
from wildrobot_exp.errors import UserError

FLOAT = 4  # bytes
ADAM = 3  # a parameter and its two moments
BASE = 7 + 6 + 6  # position, velocity and solver's start of the base
KEYS = {  # part: what makes it smaller
  "networks": ("algo.policy_hidden, algo.value_hidden or amp.hidden",),
  "rollout": ("num_envs", "algo.horizon"),
  "starts": ("env.reset.bank_size",),
  "replay": ("amp.replay_size",),
}


def memory_parts(cfg: Config) -> dict[str, int]:
  """Bytes by what they hold: parameters with Adam's moments, one iteration's rollout, start states, the replay.

  Programs and temporaries come on top.
  """
  state = BASE + 3 * joints()
  step = sum(observation_sizes(cfg)) + 2 * state + 2 * joints() + len(cfg.reward.terms)
  parts = {
    "networks": ADAM * sum(parameters(cfg).values()),
    "rollout": steps_per_iteration(cfg) * step,
    "starts": cfg.env.reset.bank_size * state,
  }
  if cfg.amp is not None:
    parts["replay"] = cfg.amp.replay_size * discriminator_inputs(cfg.amp)
  return {name: FLOAT * numbers for name, numbers in parts.items()}


def machine_memory() -> int:
  """Bytes of memory that this machine has."""
  return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def check_memory(cfg: Config) -> None:
  """Refuse a run that cannot fit into this machine's memory. A GPU's own is not known here.

  Raises:
    UserError: names what takes most of it, and the largest value that fits where one key says it.
  """
  if cfg.hardware.platform != "cpu":
    return
  parts, there = memory_parts(cfg), machine_memory()
  needed = sum(parts.values())
  if needed <= there:
    return
  largest = max(parts, key=lambda name: parts[name])
  keys = KEYS[largest]
  room = max(there - (needed - parts[largest]), 0)
  fix = f"lower {' or '.join(keys)}"
  if len(keys) == 1 and largest != "networks":
    section, _, name = keys[0].rpartition(".")
    owner = cfg.amp if section == "amp" else cfg.env.reset
    fix = f"use {keys[0]}={int(getattr(owner, name) * room / parts[largest])} or less"
  raise UserError(
    f"this run needs at least {needed / 1e9:.1f} GB and this machine has {there / 1e9:.1f} GB"
    f" ({largest} {parts[largest] / 1e9:.1f} GB): {fix}"
  )
