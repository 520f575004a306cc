"""The range of every single number of the config, as tables."""

import importlib.resources
import math
from collections.abc import Callable
from typing import NamedTuple
from xml.etree import ElementTree

from wildrobot_exp.config.schema import (
  ACTIVATIONS,
  ALGORITHMS,
  AMP_CONDITIONS,
  AMP_LOSSES,
  AMP_MIXES,
  AMP_PENALTY_SIDES,
  AMP_UNCOVERED,
  ENGINES,
  ENVS,
  MOTIONS,
  PLATFORMS,
  WANDB_MODES,
  Config,
)
from wildrobot_exp.errors import UserError, unknown_name

POSITIVE = """
  num_envs total_steps env.control_dt env.timestep env.episode_seconds env.gait_period env.action_scale
  env.command.resample_seconds env.reset.bank_size algo.learning_rate algo.clip algo.max_grad_norm
  algo.reward_scale algo.init_std algo.horizon algo.minibatches algo.epochs algo.policy_hidden algo.value_hidden
  amp.learning_rate amp.hidden amp.updates amp.batch_size amp.replay_size amp.style_scale
  motion.stride_seconds motion.lift hardware.num_envs hardware.horizon hardware.minibatches
  hardware.policy_hidden hardware.value_hidden hardware.discriminator_hidden logger.every
  evaluation.episodes evaluation.episode_seconds evaluation.fine_timestep
  evaluation.during_training.every_steps evaluation.during_training.episodes
  evaluation.long_walk.distance_m evaluation.long_walk.rollouts evaluation.long_walk.speed
  evaluation.pushes.trials
  evaluation.worlds.friction evaluation.worlds.trunk_mass evaluation.worlds.latency_steps
  evaluation.video.seconds evaluation.video.width evaluation.video.height evaluation.video.fps
  checkpoints.every_steps checkpoints.keep checkpoints.rollback_after
""".split()
NOT_NEGATIVE = """
  seed env.command.slowest env.reset.joint_noise env.reset.velocity_noise algo.final_learning_rate algo.entropy
  algo.value_coef
  amp.weight amp.loss.gradient_penalty amp.loss.logit_regulariser amp.weight_decay motion.crouch
""".split()
SHARES = """
  env.command.zero_share env.reset.reference_share algo.gae_lambda amp.replay_share
  amp.slow_down.accuracy amp.slow_down.contrast amp.slow_down.factor
""".split()
FINITE = "env.command.vx motion.speeds".split()
HALF_OPEN = "algo.discount motion.amplitude amp.replay_keep".split()
DUTIES = "reward.terms.gait_contact.duty reward.terms.swing_clearance.duty".split()
CHOICES = {
  "algo.name": ALGORITHMS,
  "algo.activation": ACTIVATIONS,
  "amp.condition": AMP_CONDITIONS,
  "amp.loss.name": AMP_LOSSES,
  "amp.loss.penalty_on": AMP_PENALTY_SIDES,
  "amp.mix": AMP_MIXES,
  "amp.uncovered": AMP_UNCOVERED,
  "env.name": ENVS,
  "hardware.physics": ENGINES,
  "hardware.platform": PLATFORMS,
  "logger.wandb.mode": WANDB_MODES,
  "motion.name": MOTIONS,
  "physics": ENGINES,
}
AT_MOST = {  # key: most, unit; beyond it lies a typing mistake that would fill the memory or never end
  "env.control_dt": (1, "s"),
  "env.episode_seconds": (10_000, "s"),
  "env.gait_period": (10, "s"),
  "env.command.resample_seconds": (10_000, "s"),
  "env.reset.bank_size": (1_000_000, "states"),
  "motion.stride_seconds": (5, "s"),
  "evaluation.episodes": (100_000, "episodes"),
  "evaluation.episode_seconds": (10_000, "s"),
  "evaluation.during_training.episodes": (100_000, "episodes"),
  "evaluation.long_walk.rollouts": (100_000, "rollouts"),
  "evaluation.long_walk.distance_m": (10_000, "m"),
  "evaluation.pushes.trials": (100_000, "trials"),
  "evaluation.video.seconds": (600, "s"),
  "evaluation.video.width": (4096, "px"),
  "evaluation.video.height": (4096, "px"),
}
MAX_SEED = 2**31 - 1
MAX_WINDOW = 50  # frames
MAX_SLOPE = 30  # degrees; the joints reach no further
MAX_LATENCY = 50  # control steps


def home_height() -> float:
  """Height of the base in the home pose, m, read from the MJCF text: importing MuJoCo for one number takes long."""
  text = (importlib.resources.files("wildrobot_exp") / "robots" / "wildrobot.xml").read_text()
  return float(ElementTree.fromstring(text).find("keyframe/key[@name='home']").get("qpos").split()[2])


class Rule(NamedTuple):
  """A range for some keys: `refusal` completes "key=value ..." , `words` say what is allowed."""

  keys: list[str]
  holds: Callable[[float], bool]
  refusal: str
  words: str


RULES = (
  Rule(POSITIVE, lambda x: 0 < x < math.inf, "has to be greater than 0", "greater than 0"),
  Rule(NOT_NEGATIVE, lambda x: 0 <= x < math.inf, "has to be 0 or greater", "0 or greater"),
  Rule(SHARES, lambda x: 0 <= x <= 1, "is a share: use 0 to 1", "0 to 1"),
  Rule(FINITE, math.isfinite, "has to be a finite number", "finite numbers"),
  Rule(HALF_OPEN, lambda x: 0 < x <= 1, "has to be in (0, 1]", "greater than 0, at most 1"),
  Rule(["motion.double_support"], lambda x: 0 <= x < 1, "has to be in [0, 1)", "0 or greater, below 1"),
  Rule(["amp.window"], lambda x: 2 <= x <= MAX_WINDOW, f"has to be 2 to {MAX_WINDOW} frames", f"2 to {MAX_WINDOW}"),
  Rule(
    ["evaluation.worlds.slope_deg"],
    lambda x: abs(x) <= MAX_SLOPE,
    f"has to be -{MAX_SLOPE} to {MAX_SLOPE} degrees",
    f"-{MAX_SLOPE} to {MAX_SLOPE}",
  ),
  Rule(
    ["evaluation.worlds.latency_steps"],
    lambda x: x <= MAX_LATENCY,
    f"is too late: use at most {MAX_LATENCY}",
    f"at most {MAX_LATENCY}",
  ),
  Rule(DUTIES, lambda x: 0 < x < 1, "has to be in (0, 1)", "greater than 0, below 1"),
  Rule(
    ["env.terminations.fallen.min_height"],
    lambda x: 0 <= x < home_height(),
    f"has to be 0 or greater and below the base of the home pose, {home_height():g} m",
    f"0 or greater, below {home_height():g}",
  ),
  Rule(
    ["env.terminations.tilted.max_tilt"],
    lambda x: 0 < x <= math.pi,
    "has to be greater than 0, at most 3.14 rad",
    "greater than 0, at most 3.14",
  ),
  *(
    Rule([key], lambda x, most=most: x <= most, f"is too much: use at most {most} {unit}", f"at most {most} {unit}")
    for key, (most, unit) in AT_MOST.items()
  ),
  Rule(["seed"], lambda x: x <= MAX_SEED, f"is too large: use at most {MAX_SEED}", f"at most {MAX_SEED}"),
)


def check_ranges(cfg: Config) -> None:
  """Raises UserError for the first number out of its range or word that is not on its list."""
  for key, known in CHOICES.items():
    for value in _values(cfg, key):
      if value not in known:
        raise unknown_name(key, value, known)
  for rule in RULES:
    for key in rule.keys:
      for value in _values(cfg, key):
        if not rule.holds(value):
          raise UserError(f"{key}={value} {rule.refusal}")


def allowed(key: str) -> str:
  """What a key may be, in words; empty where its type says it all."""
  words = [", ".join(CHOICES[key])] if key in CHOICES else []
  return "; ".join(words + [rule.words for rule in RULES if key in rule.keys])


def _values(cfg: Config, key: str) -> list:
  """The value at a dotted key as a list: its items if it is one, nothing if it or its section is absent."""
  value = cfg
  for name in key.split("."):
    value = value.get(name) if isinstance(value, dict) else getattr(value, name)
    if value is None:
      return []
  return value if isinstance(value, list) else [value]
