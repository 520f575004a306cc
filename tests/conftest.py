"""What tests share: the model, and every engine, compiled once; and no test leaves its log handlers behind."""

import logging
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_exp import interrupts
from wildrobot_exp.envs.resets import home_states
from wildrobot_exp.physics import make_physics
from wildrobot_exp.physics.native import state_bank
from wildrobot_exp.robots import load_robot

BATCH = 50

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts tests in the background ignores it


@pytest.fixture(autouse=True)
def own_log_handlers():
  """Hydra adds handlers on pytest's streams, which are closed after the test that started it."""
  root = logging.getLogger()
  before = list(root.handlers)
  yield
  for handler in list(root.handlers):
    if handler not in before and type(handler) in (logging.StreamHandler, logging.FileHandler):
      root.removeHandler(handler)


@pytest.fixture(autouse=True)
def no_signal_of_another_test():
  """A process remembers its first signal for the rest of its life: a test has a life of its own."""
  interrupts._hold = None


@pytest.fixture(scope="session")
def robot():
  return load_robot()


@pytest.fixture(scope="session")
def native(robot):
  return make_physics("native", robot)


@pytest.fixture(scope="session")
def mjx(robot):
  """MJX with its functions jitted one by one: they compile for many seconds, but only once, if every test
  calls them under vmap with BATCH robots and all arguments batched. reset trades speed for compile time."""
  physics = make_physics("mjx", robot)
  physics.reset = jax.jit(physics.reset, compiler_options={"xla_backend_optimization_level": 0})
  physics.step = jax.jit(physics.step)
  return physics


@pytest.fixture(scope="session", params=["native", "mjx"])
def physics(request):
  """Every engine in turn."""
  return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def advance():
  """advance(physics, states, ctrl [N, J], steps, push [3]): N robots after so many control steps."""

  def run(physics, states, ctrl, steps=1, push=(0.0, 0.0, 0.0)):
    pushes = jnp.tile(jnp.asarray(push), (len(ctrl), 1))
    for _ in range(steps):
      states = jax.vmap(physics.step)(states, jnp.asarray(ctrl, jnp.float32), pushes)
    return states

  return run


@pytest.fixture(scope="session")
def home_ctrl(robot):
  """[BATCH, J] servo targets of the home pose."""
  return np.tile(robot.home_ctrl, (BATCH, 1))


@pytest.fixture(scope="session")
def at_home(robot):
  """[BATCH] robots exactly in the home keyframe, at rest."""
  return state_bank(robot, np.tile(robot.home_qpos, (BATCH, 1)), np.zeros((BATCH, robot.model.nv)))


@pytest.fixture(scope="session")
def standing(robot, native, advance, home_ctrl):
  """[BATCH] robots standing in different poses near home for .3 s, their weight on their feet."""
  noise = np.random.default_rng(1).uniform(-0.08, 0.08, home_ctrl.shape)
  start = state_bank(robot, *home_states(robot, BATCH, 0.08, 0.1, seed=1))
  return advance(native, start, np.clip(home_ctrl + noise, *robot.joint_range.T), steps=15)


@pytest.fixture(scope="session")
def airborne(robot):
  """[BATCH] robots tumbling in the air, any way up, at least half a metre above the floor."""
  rng = np.random.default_rng(2)
  qpos = np.tile(robot.home_qpos, (BATCH, 1))
  qpos[:, :3] = rng.uniform((-1, -1, 1.2), (1, 1, 1.6), (BATCH, 3))
  quat = rng.normal(size=(BATCH, 4))
  qpos[:, 3:7] = quat / np.linalg.norm(quat, axis=1, keepdims=True)
  qpos[:, robot.joint_qpos] = rng.uniform(*robot.joint_range.T, (BATCH, robot.num_joints))
  return state_bank(robot, qpos, rng.uniform(-1.5, 1.5, (BATCH, robot.model.nv)))
