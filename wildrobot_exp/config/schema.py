"""The typed schema of conf/: every key a user may set, with its type. Values live in conf/, never here.

A field without a value in conf/ is an error, so no default can hide. Units are in the comments of conf/.
"""

import dataclasses
import types
import typing

from hydra.core.config_store import ConfigStore

from wildrobot_exp.config.evaluation import EvaluationConfig
from wildrobot_exp.config.launcher import SweepConfig

ALGORITHMS = ("ppo", "ppo_amp", "brax_ppo")
ENGINES = ("native", "mjx")
PLATFORMS = ("cpu", "gpu")
ACTIVATIONS = ("swish", "relu", "elu", "tanh")
AMP_LOSSES = {  # loss: its style rewards
  "lsgan": ("quadratic",),
  "bce": ("sigmoid", "log"),
  "wgan": ("linear", "exponential"),
}
AMP_PENALTY_SIDES = ("reference", "policy", "both")
AMP_MIXES = ("sum", "two_critics")
AMP_CONDITIONS = ("none", "command")
AMP_UNCOVERED = ("refuse", "clamp", "gate")
WANDB_MODES = ("offline", "online", "disabled")
MOTIONS = {  # source of the clips: the keys of motion it reads
  "gait": ("speeds", "stride_seconds", "lift", "crouch", "double_support", "stand_at_zero"),
  "mocap": ("speeds", "stride_seconds", "lift", "crouch", "amplitude", "stand_at_zero"),
  "file": ("path",),
}
ENVS = ("wildrobot",)


@dataclasses.dataclass
class CommandConfig:
  vx: list[float]
  zero_share: float
  slowest: float
  resample_seconds: float


@dataclasses.dataclass
class ObservationsConfig:
  policy: list[str]
  privileged: list[str]


@dataclasses.dataclass
class ResetConfig:
  joint_noise: float
  velocity_noise: float
  bank_size: int
  reference_share: float


@dataclasses.dataclass
class EnvConfig:
  name: str
  control_dt: float
  timestep: float
  episode_seconds: float
  gait_period: float
  action_scale: float
  command: CommandConfig
  observations: ObservationsConfig
  terminations: dict[str, dict[str, float]]
  reset: ResetConfig


@dataclasses.dataclass
class RewardConfig:
  terms: dict[str, dict[str, float]]
  observations: list[str]


@dataclasses.dataclass
class AlgoConfig:
  name: str
  learning_rate: float
  final_learning_rate: float
  discount: float
  gae_lambda: float
  clip: float
  entropy: float
  value_coef: float
  max_grad_norm: float
  reward_scale: float
  horizon: int
  minibatches: int
  epochs: int
  policy_hidden: list[int]
  value_hidden: list[int]
  activation: str
  init_std: float


@dataclasses.dataclass
class AmpLossConfig:
  name: str
  style_reward: str
  gradient_penalty: float
  penalty_on: str
  logit_regulariser: float


@dataclasses.dataclass
class SlowDownConfig:
  accuracy: float
  contrast: float
  factor: float


@dataclasses.dataclass
class AmpConfig:
  weight: float
  style_scale: float
  mix: str
  loss: AmpLossConfig
  features: list[str]
  window: int
  condition: str
  uncovered: str
  weight_decay: float
  learning_rate: float
  hidden: list[int]
  updates: int
  batch_size: int
  replay_size: int
  replay_share: float
  replay_keep: float
  slow_down: SlowDownConfig
  freeze: bool
  discriminator: str | None


@dataclasses.dataclass
class MotionConfig:  # keys the source does not read, by MOTIONS, are None
  name: str
  speeds: list[float] | None
  stride_seconds: float | None
  lift: float | None
  crouch: float | None
  double_support: float | None
  amplitude: float | None
  stand_at_zero: bool | None
  path: str | None
  mirror: bool


@dataclasses.dataclass
class HardwareConfig:
  name: str
  platform: str
  physics: str
  num_envs: int
  horizon: int
  minibatches: int
  policy_hidden: list[int]
  value_hidden: list[int]
  discriminator_hidden: list[int]


@dataclasses.dataclass
class WandbConfig:
  mode: str
  project: str


@dataclasses.dataclass
class LoggerConfig:
  tensorboard: bool
  wandb: WandbConfig
  progress: bool
  every: int


@dataclasses.dataclass
class CheckpointsConfig:
  every_steps: int
  keep: int
  rollback_after: int


@dataclasses.dataclass
class Config:
  """One run. `amp` is None unless algo=ppo_amp; `gates` maps a metric to its allowed {min, max}."""

  seed: int
  num_envs: int
  total_steps: int
  physics: str
  dry_run: bool
  resume: str | None
  resume_allow: list[str]
  sweep: SweepConfig
  env: EnvConfig
  reward: RewardConfig
  algo: AlgoConfig
  amp: AmpConfig | None
  motion: MotionConfig
  hardware: HardwareConfig
  logger: LoggerConfig
  evaluation: EvaluationConfig
  checkpoints: CheckpointsConfig
  gates: dict[str, dict[str, float]]


def register() -> None:
  """Make the schema known to Hydra as `schema`, the first entry of conf/config.yaml's defaults."""
  ConfigStore.instance().store(name="schema", node=_for_hydra(Config))


def _for_hydra(hint: typing.Any) -> typing.Any:
  """A type of the schema as Hydra merges it: without types in free-named sections, where OmegaConf would refuse
  an int for a float; config.typed checks them."""
  if isinstance(hint, types.UnionType):
    return typing.Union[tuple(_for_hydra(arg) for arg in typing.get_args(hint))]  # noqa: UP007  at run time
  if typing.get_origin(hint) is dict:
    return dict[str, typing.Any]
  if not dataclasses.is_dataclass(hint):
    return hint
  hints = typing.get_type_hints(hint)
  return dataclasses.make_dataclass(hint.__name__, [(name, _for_hydra(inner)) for name, inner in hints.items()])
