"""MuJoCo C on a thread pool, called from inside jit.

`mujoco.batch.Batch` keeps many simulations of one model. To JAX a step is a pure function: the state
goes in as one float32 row per robot and comes out as one, so a single host call steps the whole batch.
"""

import threading

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from mujoco.batch import Batch, SimulationError

from wildrobot_exp import cpus
from wildrobot_exp.physics.host_call import host_call
from wildrobot_exp.physics.state import PhysicsState
from wildrobot_exp.robots import Robot

PUSHED_BODY = "chassis"
FULL = [int(mujoco.mjtWarning.mjWARN_CONTACTFULL), int(mujoco.mjtWarning.mjWARN_CNSTRFULL)]
COUNT = 1  # of a warning; 0 is its detail

_log = mujoco.MjLogConfig.get()
_log.logto_file = False  # no MUJOCO_LOG.TXT in the user's folder: the env counts the states that went bad
_log.set()


class NativePhysics:
  """The `native` engine. Results do not depend on the number of threads.

  Args:
    robot: the robot to step.
    threads: worker threads, 0 for one per CPU that this process may use.
  """

  name = "native"

  def __init__(self, robot: Robot, threads: int = 0):
    self.robot = robot
    self._threads = threads or len(cpus.available())  # the Batch's own default counts every CPU
    self._pushed_body = robot.model.body(PUSHED_BODY).id
    self._pools: dict[int, _Pool] = {}
    self._lock = threading.Lock()
    model = robot.model
    self._row = np.cumsum([model.nq, model.nv, model.nv, model.nsensordata])
    self._width = int(self._row[-1]) + 1  # of a state
    self._out = jax.ShapeDtypeStruct((self._width,), jnp.float32)

  def reset(self, qpos: jax.Array, qvel: jax.Array) -> PhysicsState:
    rows = jnp.concatenate([qpos, qvel], dtype=jnp.float32)
    return self._unpack(host_call(self._host_reset, self._out, rows))

  def begin(self, state: PhysicsState) -> PhysicsState:
    return state

  def step(self, state: PhysicsState, ctrl: jax.Array, push: jax.Array) -> PhysicsState:
    rows = jnp.concatenate([state.qpos, state.qvel, state.warmstart, ctrl, push], dtype=jnp.float32)
    return self._unpack(host_call(self._host_step, self._out, rows))

  def _unpack(self, row: jax.Array) -> PhysicsState:
    *parts, overflow = jnp.split(row, self._row, axis=-1)
    return PhysicsState(*parts, overflow[..., 0])

  def _host_reset(self, rows: np.ndarray, out: np.ndarray) -> None:
    flat, out = rows.reshape(-1, rows.shape[-1]), out.reshape(-1, out.shape[-1])
    out[:, self._width :] = 0.0
    nq = self.robot.model.nq
    with self._lock:
      pool = self._pool(len(flat))
      pool.qpos[:], pool.qvel[:] = flat[:, :nq], flat[:, nq:]
      pool.ctrl[:] = flat[:, self.robot.joint_qpos]
      pool.xfrc[:] = 0.0
      pool.warmstart[:] = 0.0
      pool.batch.warning[:, FULL] = 0
      pool.batch.forward()
      pool.read(out[:, : self._width])

  def _host_step(self, rows: np.ndarray, out: np.ndarray) -> None:
    flat, out = rows.reshape(-1, rows.shape[-1]), out.reshape(-1, out.shape[-1])
    i, j, k, _ = self._row
    nu = self.robot.num_joints
    with self._lock:
      pool = self._pool(len(flat))
      pool.qpos[:], pool.qvel[:], pool.warmstart[:] = flat[:, :i], flat[:, i:j], flat[:, j:k]
      pool.ctrl[:] = flat[:, k : k + nu]
      pool.xfrc[:, self._pushed_body, :3] = flat[:, k + nu :]
      pool.batch.warning[:, FULL] = 0
      failed = self._advance(pool, out)
    out[failed] = np.nan  # out of memory, for example; the env ends these episodes as invalid and counts them

  def _advance(self, pool: "_Pool", out: np.ndarray) -> list[int]:
    """One control step of all robots into out; those that MuJoCo gave up on."""
    failed = pool.step(self.robot.substeps)
    pool.read(out[:, : self._width])
    return failed

  def _pool(self, size: int) -> "_Pool":
    if size not in self._pools:
      self._pools[size] = _Pool(self.robot.model, size, self._threads)
    return self._pools[size]


class _Pool:
  """A Batch of fixed size with its live arrays."""

  def __init__(self, model: mujoco.MjModel, size: int, threads: int):
    self.batch = Batch(model, size, nthread=threads)
    self.qpos = self.batch.bind("qpos")
    self.qvel = self.batch.bind("qvel")
    self.warmstart = self.batch.bind("qacc_warmstart")
    self.ctrl = self.batch.bind("ctrl")
    self.xfrc = self.batch.bind("xfrc_applied")
    self.sensordata = self.batch.bind("sensordata")

  def step(self, count: int) -> list[int]:
    """That many physics steps; those that MuJoCo gave up on."""
    try:
      self.batch.step(nstep=count, stage=mujoco.mjtStage.mjSTAGE_VEL)
    except SimulationError as error:
      return list(error.ids)
    return []

  def read(self, out: np.ndarray) -> None:
    overflow = self.batch.warning[:, FULL, COUNT].sum(axis=1, keepdims=True)
    parts = [self.qpos, self.qvel, self.warmstart, self.sensordata, overflow]
    np.concatenate(parts, axis=1, out=out, casting="unsafe")


def state_bank(robot: Robot, qpos: np.ndarray, qvel: np.ndarray) -> PhysicsState:
  """Complete states (with sensors) for qpos [N, nq], qvel [N, nv]; every field gains the leading [N].

  Always by this engine, whichever one trains: it compiles nothing, and the engines agree.
  """
  reset = jax.vmap(NativePhysics(robot).reset)
  return reset(jnp.asarray(qpos, jnp.float32), jnp.asarray(qvel, jnp.float32))
