"""The schema of the section `evaluation`."""

import dataclasses


@dataclasses.dataclass
class DuringTrainingConfig:
  enabled: bool
  every_steps: int
  episodes: int


@dataclasses.dataclass
class LongWalkConfig:
  enabled: bool
  distance_m: float
  rollouts: int
  speed: float


@dataclasses.dataclass
class PushesConfig:
  enabled: bool
  trials: int


@dataclasses.dataclass
class WorldsConfig:
  enabled: bool
  friction: list[float]
  trunk_mass: list[float]
  latency_steps: list[int]
  slope_deg: list[float]
  sim2sim: bool


@dataclasses.dataclass
class VideoConfig:
  enabled: bool
  seconds: float
  width: int
  height: int
  fps: int


@dataclasses.dataclass
class EvaluationConfig:
  episodes: int
  episode_seconds: float
  fine_timestep: float
  during_training: DuringTrainingConfig
  long_walk: LongWalkConfig
  pushes: PushesConfig
  worlds: WorldsConfig
  video: VideoConfig
