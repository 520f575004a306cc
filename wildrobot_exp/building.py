"""Config -> objects."""

# isort: off
from wildrobot_exp.physics import quiet_mjx as _quiet_mjx  # noqa: F401  before Brax imports mujoco.mjx, aloud

# isort: on
import dataclasses
from typing import Any

from brax.training.agents.ppo import networks as ppo_networks

from wildrobot_exp.envs.walk import WalkEnv, make_walk_env
from wildrobot_exp.learning.networks import make_networks
from wildrobot_exp.learning.update import TrainState, Update
from wildrobot_exp.motions import Clip
from wildrobot_exp.motions.reference import AmpReference, reference_frames
from wildrobot_exp.motions.sources import make_clips
from wildrobot_exp.physics import make_physics
from wildrobot_exp.prior import make_style
from wildrobot_exp.robots import Robot, load_robot


@dataclasses.dataclass(frozen=True)
class Experiment:
  """What a config builds."""

  robot: Robot
  clips: list[Clip]
  env: WalkEnv
  networks: ppo_networks.PPONetworks


def build(cfg: Any) -> Experiment:
  """Robot, reference motion, env and networks of a composed config.

  Raises:
    UserError: a name is unknown, or the robot cannot perform the reference motion.
  """
  robot = load_robot(cfg.env.control_dt, cfg.env.timestep)
  clips = make_clips(cfg.motion, robot)
  env = make_walk_env(cfg, make_physics(cfg.physics, robot), reference_frames(robot, clips))
  networks = make_networks(
    env.observation_size,
    env.action_size,
    policy_hidden=cfg.algo.policy_hidden,
    value_hidden=cfg.algo.value_hidden,
    activation=cfg.algo.activation,
    init_std=cfg.algo.init_std,
  )
  return Experiment(robot, clips, env, networks)


def make_update(cfg: Any, experiment: Experiment, reference: AmpReference | None = None) -> Update:
  """The update of algo=ppo or algo=ppo_amp; `reference` is AMP's, where it is made already."""
  return Update(
    experiment.env,
    experiment.networks,
    make_style(cfg, experiment.robot, experiment.clips, reference) if cfg.amp is not None else None,
    mix="sum" if cfg.amp is None else cfg.amp.mix,
    num_envs=cfg.num_envs,
    horizon=cfg.algo.horizon,
    minibatches=cfg.algo.minibatches,
    epochs=cfg.algo.epochs,
    max_steps=round(cfg.env.episode_seconds / cfg.env.control_dt),
  )


def policy_params(state: TrainState) -> Any:
  """(normaliser, policy parameters) of a training state."""
  return state.normaliser, state.learner.params.policy
