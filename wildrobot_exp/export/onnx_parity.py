"""Does the ONNX graph act as the policy does, and how fast? On observations of the policy at work."""

# isort: off
from wildrobot_exp.physics import quiet_mjx as _quiet_mjx  # noqa: F401  before Brax imports mujoco.mjx, aloud

# isort: on
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime
from brax.envs.base import State
from brax.training.agents.ppo import networks as ppo_networks

from wildrobot_exp.envs.walk import POLICY
from wildrobot_exp.errors import RunFailed
from wildrobot_exp.evaluation.starts import SEED, make_evaluation_env, make_start, spread_commands
from wildrobot_exp.export.onnx_policy import INPUT
from wildrobot_exp.learning.networks import make_policy

OBSERVATIONS = 1000  # compared
ROBOTS = 20
STRIDE = 5  # control steps between two that are kept: 1000 observations cover 5 s of 20 walks
LIMIT = 1e-5  # largest difference of any action, in units of action
LATENCY_CALLS, WARM_UP = 2000, 200


def make_session(model: bytes) -> onnxruntime.InferenceSession:
  """A session on one thread."""
  options = onnxruntime.SessionOptions()
  options.intra_op_num_threads = options.inter_op_num_threads = 1
  return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def real_observations(
  cfg: Any, networks: ppo_networks.PPONetworks, params: Any, count: int = OBSERVATIONS
) -> tuple[np.ndarray, np.ndarray]:
  """Observations met while the policy walks under the evaluation's commands, and its actions there.

  Args:
    cfg: the run's config.
    networks: of the policy.
    params: (normaliser, policy parameters).
    count: how many; a multiple of 20.

  Returns:
    observations [count, n] float32, actions [count, J] float32.
  """
  env = make_evaluation_env(cfg, states=ROBOTS)
  policy = make_policy(networks, deterministic=True)
  start = make_start(env, spread_commands(env, ROBOTS))

  def one_step(state: State, _: None) -> tuple[State, tuple[jax.Array, jax.Array]]:
    action, _ = policy(*params, state.obs, jax.random.PRNGKey(SEED))
    return jax.vmap(env.step)(state, action), (state.obs[POLICY], action)

  @jax.jit
  def roll() -> tuple[jax.Array, jax.Array]:
    keys = jax.random.split(jax.random.PRNGKey(SEED), ROBOTS)
    commands, phases = jnp.asarray(start.commands, jnp.float32), jnp.asarray(start.phases, jnp.float32)
    state = jax.vmap(env.start)(start.states, keys, commands, phases)
    return jax.lax.scan(one_step, state, None, length=count // ROBOTS * STRIDE)[1]

  return tuple(np.asarray(x)[::STRIDE].reshape(count, -1) for x in roll())


def check_parity(
  session: onnxruntime.InferenceSession, observations: np.ndarray, actions: np.ndarray
) -> dict[str, Any]:
  """The largest and the mean difference between the graph's actions and the policy's.

  Args:
    session: of the graph.
    observations: [N, n].
    actions: [N, J] of the policy at these observations.

  Raises:
    RunFailed: the largest difference is not below 1e-5.
  """
  found = np.concatenate([session.run(None, {INPUT: row[None]})[0] for row in observations])
  error = np.abs(found - actions)
  worst = float(error.max())
  if not worst < LIMIT:  # NaN is refused too
    raise RunFailed(
      f"not exported: the ONNX graph's actions differ from the policy's by {worst:.3g}"
      f" on {len(observations)} observations, {LIMIT:g} is allowed"
    )
  return {
    "observations": len(observations),
    "max_abs_error": worst,
    "mean_abs_error": float(error.mean()),
    "limit": LIMIT,
  }


def measure_latency(session: onnxruntime.InferenceSession, observations: np.ndarray) -> dict[str, Any]:
  """Milliseconds per call on one thread: median and 99th percentile."""
  seconds = np.empty(WARM_UP + LATENCY_CALLS)
  for i in range(len(seconds)):
    row = observations[i % len(observations)][None]
    begun = time.perf_counter()
    session.run(None, {INPUT: row})
    seconds[i] = time.perf_counter() - begun
  median, p99 = 1e3 * np.percentile(seconds[WARM_UP:], [50, 99])
  return {"calls": LATENCY_CALLS, "threads": 1, "median_ms": round(median, 4), "p99_ms": round(p99, 4)}
