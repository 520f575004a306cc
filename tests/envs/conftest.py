"""What the env tests share: envs on real and on scripted physics, and hand-made step contexts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scripted import ScriptedPhysics

from wildrobot_exp.config.compose import load
from wildrobot_exp.envs.observations import OBSERVATIONS
from wildrobot_exp.envs.resets import make_start_bank
from wildrobot_exp.envs.rewards import REWARDS
from wildrobot_exp.envs.terms import StepContext
from wildrobot_exp.envs.walk import WalkEnv, make_walk_env
from wildrobot_exp.physics.native import state_bank

SETTINGS = {
  "action_scale": 0.25,
  "command_range": (0.0, 0.3),
  "command_zero_share": 0.1,
  "command_slowest": 0.0,
  "command_seconds": 5.0,
  "gait_period": 0.8,
  "rewards": {"track_vx": {"weight": 1.0, "sigma": 0.15}, "alive": {"weight": 0.2}},
  "observations": ["gyro", "gravity", "command", "joint_pos", "joint_vel", "last_action"],
  "privileged": ["root_linvel", "root_height"],
  "terminations": {"fallen": {"min_height": 0.3}, "tilted": {"max_tilt": 1.0}},
}


@pytest.fixture(scope="session")
def cfg():
  return load(["algo=ppo"], probe=False)


@pytest.fixture(scope="session")
def home_bank(robot):
  """A bank of the home pose alone."""
  return make_start_bank(robot, 1, 0.0, 0.0, seed=0)


@pytest.fixture(scope="session")
def make_env(home_bank):
  """make_env(physics, **changes to SETTINGS): an env that starts at home."""
  return lambda physics, **changes: WalkEnv(physics, **{**SETTINGS, "bank": home_bank, **changes})


@pytest.fixture(scope="session")
def make_scripted_env(robot, make_env):
  """make_scripted_env(script, **changes): an env whose physics is `script(state, ctrl)`."""
  return lambda script=lambda state, ctrl: state, **changes: make_env(
    ScriptedPhysics(robot, script), **changes
  )


@pytest.fixture(scope="session")
def env(cfg, native):
  """The default task on the native engine."""
  return make_walk_env(cfg, native)


@pytest.fixture(scope="session")
def full_env(native, make_env, robot):
  """Every reward term and every observation there is, weights all different."""
  required = {"sigma": 0.2}
  rewards = {
    name: {
      "weight": 0.1 * (i + 1),
      **{k: required[k] for k, v in REWARDS.parameters(name).items() if v is None},
    }
    for i, name in enumerate(REWARDS)
  }
  bank = make_start_bank(robot, 64, 0.1, 0.1, seed=0)
  return make_env(
    native, rewards=rewards, observations=list(OBSERVATIONS), privileged=list(OBSERVATIONS), bank=bank
  )


@pytest.fixture(scope="session")
def context(robot):
  """context(qpos={joint: rad}, qvel={dof: ..}, sensors={..}, command=.., ...): a step as a term sees it.

  The robot is at home and at rest otherwise; dofs are joint names or vx vy vz wx wy wz.
  """

  def make(
    qpos=None, quat=None, qvel=None, sensors=None, command=0.0, phase=0.0, action=0.0, last_action=0.0
  ):
    position, velocity = robot.home_qpos.copy(), np.zeros(robot.model.nv)
    if quat is not None:
      position[3:7] = quat
    for name, value in (qpos or {}).items():
      position[2 if name == "height" else robot.joint_qpos[robot.joint_index(name)]] = value
    free = ("vx", "vy", "vz", "wx", "wy", "wz")
    for name, value in (qvel or {}).items():
      velocity[free.index(name) if name in free else robot.joint_qvel[robot.joint_index(name)]] = value
    state = jax.tree.map(lambda x: x[0], state_bank(robot, position[None], velocity[None]))
    for name, value in (sensors or {}).items():
      state = state.replace(sensordata=state.sensordata.at[robot.sensor_slice(name)].set(jnp.asarray(value)))
    joints = jnp.ones(robot.num_joints)
    return StepContext(
      robot=robot,
      state=state,
      action=action * joints,
      last_action=last_action * joints,
      command=jnp.asarray(command),
      phase=jnp.asarray(phase),
      control_dt=robot.control_dt,
    )

  return make
