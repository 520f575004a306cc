"""algo=brax_ppo: Brax's own `ppo.train` on the unchanged env, the yardstick for our loop.

Its resets repeat each robot's first state and command, its critic's terminal observations are the reset ones,
and it cannot host a discriminator; that is the difference, not the loss or the networks.
"""

import contextlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from brax.training.agents.ppo import train as brax_train
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from wildrobot_exp.envs.walk import WalkEnv
from wildrobot_exp.learning.networks import make_networks

PMAP_AXIS = "i"  # the name of the mesh axis in Brax's pmap; shardings of one program have to agree on it
Progress = Callable[[int, dict[str, Any]], None]


def _device_put_replicated(tree: Any, devices: Any) -> Any:
  """What `jax.device_put_replicated` did before jax 0.10: a copy per device along a new leading axis."""
  sharding = NamedSharding(Mesh(devices, (PMAP_AXIS,)), PartitionSpec(PMAP_AXIS))
  return jax.tree.map(lambda x: jax.device_put(jnp.stack([jnp.asarray(x)] * len(devices)), sharding), tree)


@contextlib.contextmanager
def _repaired_jax():
  """Brax 0.14.2 calls `jax.device_put_replicated`, which jax 0.10 removed (fixed upstream after 0.14.2)."""
  if hasattr(jax, "device_put_replicated"):
    yield
    return
  jax.device_put_replicated = _device_put_replicated
  try:
    yield
  finally:
    del jax.device_put_replicated


def train_with_brax(
  cfg: Any, env: WalkEnv, progress: Progress, *, evaluations: int, evaluation_envs: int
) -> tuple[Any, Any]:
  """Run Brax's trainer with the config's numbers.

  Args:
    cfg: a composed config; learning-rate decay is not Brax's and is left out.
    env: the env, unwrapped.
    progress: called with (env steps, Brax's metrics) at every evaluation.
    evaluations: how many, the first one before training.
    evaluation_envs: episodes in each.

  Returns:
    the observation normaliser and the policy's parameters.
  """
  algo = cfg.algo

  def networks(observation_size: Any, action_size: int, preprocess_observations_fn: Any) -> Any:
    del observation_size  # shapes with Brax's batch axes already removed; the env knows its sizes
    return make_networks(
      env.observation_size,
      action_size,
      policy_hidden=algo.policy_hidden,
      value_hidden=algo.value_hidden,
      activation=algo.activation,
      init_std=algo.init_std,
      preprocess_observations_fn=preprocess_observations_fn,
    )

  with _repaired_jax():
    _, (normaliser, policy_params, _), _ = brax_train.train(
      environment=env,
      num_timesteps=cfg.total_steps,
      num_envs=cfg.num_envs,
      episode_length=round(cfg.env.episode_seconds / cfg.env.control_dt),
      learning_rate=algo.learning_rate,
      entropy_cost=algo.entropy,
      discounting=algo.discount,
      unroll_length=algo.horizon,
      batch_size=cfg.num_envs // algo.minibatches,
      num_minibatches=algo.minibatches,
      num_updates_per_batch=algo.epochs,
      normalize_observations=True,
      reward_scaling=algo.reward_scale,
      clipping_epsilon=algo.clip,
      gae_lambda=algo.gae_lambda,
      max_grad_norm=algo.max_grad_norm,
      vf_loss_coefficient=algo.value_coef,
      network_factory=networks,
      seed=cfg.seed,
      num_evals=evaluations,
      deterministic_eval=True,
      num_eval_envs=evaluation_envs,
      progress_fn=progress,
    )
  return normaliser, policy_params
