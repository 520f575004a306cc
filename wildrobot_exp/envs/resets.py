"""Where episodes start: a bank of states settled once, so that a reset inside a step is a lookup."""

import flax.struct
import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from wildrobot_exp.motions.reference import ReferenceFrames
from wildrobot_exp.physics.native import state_bank
from wildrobot_exp.physics.state import PhysicsState
from wildrobot_exp.robots import Robot


@flax.struct.dataclass
class StartBank:
  """States that episodes start from.

  Attributes:
    states: [B, ...] each field.
    command: [B] commanded velocity that belongs to the state, m/s; NaN where any will do.
    phase: [B] gait clock that belongs to the state, in [0, 1); NaN where any will do.
  """

  states: PhysicsState
  command: jax.Array
  phase: jax.Array


def make_start_bank(
  robot: Robot,
  count: int,
  joint_noise: float,
  velocity_noise: float,
  seed: int,
  reference: ReferenceFrames | None = None,
  reference_share: float = 0.0,
) -> StartBank:
  """A bank of home states with noise and, for a share of it, moments of the reference motion.

  Args:
    robot: the robot.
    count: B.
    joint_noise, velocity_noise, seed: see `home_states`.
    reference: moments of the reference motion.
    reference_share: share of the bank taken from them, evenly spread.
  """
  from_reference = round(count * reference_share) if reference is not None else 0
  qpos, qvel = home_states(robot, count - from_reference, joint_noise, velocity_noise, seed)
  any_value = np.full(len(qpos), np.nan)
  start = ReferenceFrames(qpos, qvel, command=any_value, phase=any_value)
  if from_reference:
    chosen = np.linspace(0, len(reference.qpos), from_reference, endpoint=False).astype(int)
    start = ReferenceFrames(*(np.concatenate([home, frames[chosen]]) for home, frames in zip(start, reference)))
  command, phase = (jnp.asarray(x, jnp.float32) for x in (start.command, start.phase))
  return StartBank(state_bank(robot, start.qpos, start.qvel), command, phase)


def home_states(
  robot: Robot, count: int, joint_noise: float, velocity_noise: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
  """The home pose with noise, soles on the floor; the first one is the home pose itself.

  Args:
    robot: the robot.
    count: how many states.
    joint_noise: half-width of the uniform noise on joint angles, rad (kept inside the limits).
    velocity_noise: half-width of the uniform noise on all velocities, m/s and rad/s.
    seed: of the noise.

  Returns:
    qpos [count, nq], qvel [count, nv].
  """
  rng = np.random.default_rng(seed)
  shape = (count, robot.num_joints)
  qpos = np.tile(robot.home_qpos, (count, 1))
  joints = qpos[:, robot.joint_qpos] + rng.uniform(-joint_noise, joint_noise, shape)
  qpos[1:, robot.joint_qpos] = np.clip(joints, *robot.joint_range.T)[1:]
  qvel = rng.uniform(-velocity_noise, velocity_noise, (count, robot.model.nv))
  qvel[:1] = 0.0

  data = mujoco.MjData(robot.model)
  soles = [i for i in range(robot.model.ngeom) if "_sole_" in robot.model.geom(i).name]
  for i in range(1, count):
    data.qpos[:] = qpos[i]
    mujoco.mj_kinematics(robot.model, data)
    qpos[i, 2] -= (data.geom_xpos[soles, 2] - robot.model.geom_size[soles, 0]).min()
  return qpos, qvel
