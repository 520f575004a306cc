"""Policy and value networks: Brax's, with the privileged observation for the critic."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from brax.training.acme import running_statistics
from brax.training.acme.specs import Array as ArraySpec
from brax.training.agents.ppo import networks as ppo_networks
from brax.training.networks import ACTIVATION

from wildrobot_exp.envs.walk import POLICY, PRIVILEGED
from wildrobot_exp.errors import unknown_name

MAX_NORMALISED = 10.0  # normalised observations are clipped here, in standard deviations


def normalise(observation: Any, statistics: running_statistics.RunningStatisticsState) -> Any:
  """Observations in standard deviations from the running mean, clipped."""
  return running_statistics.normalize(observation, statistics, max_abs_value=MAX_NORMALISED)


def make_networks(
  observation_size: dict[str, int],
  action_size: int,
  *,
  policy_hidden: Sequence[int],
  value_hidden: Sequence[int],
  activation: str,
  init_std: float,
  preprocess_observations_fn: Any = normalise,
) -> ppo_networks.PPONetworks:
  """Gaussian policy on `state` with a learned standard deviation per action, value on `privileged_state`.

  Args:
    observation_size: of `state` and `privileged_state`.
    action_size: J.
    policy_hidden, value_hidden: sizes of the hidden layers.
    activation: a name of brax.training.networks.ACTIVATION.
    init_std: standard deviation of every action at the start, in units of action.
    preprocess_observations_fn: applied to observations with the normaliser's statistics.

  Raises:
    UserError: unknown activation.
  """
  if activation not in ACTIVATION:
    raise unknown_name("activation", activation, ACTIVATION)
  return ppo_networks.make_ppo_networks(
    observation_size,
    action_size,
    preprocess_observations_fn=preprocess_observations_fn,
    policy_hidden_layer_sizes=tuple(policy_hidden),
    value_hidden_layer_sizes=tuple(value_hidden),
    activation=ACTIVATION[activation],
    policy_obs_key=POLICY,
    value_obs_key=PRIVILEGED,
    distribution_type="normal",
    noise_std_type="log",
    init_noise_std=init_std,
    mean_kernel_init_fn=jax.nn.initializers.variance_scaling,
    mean_kernel_init_kwargs=dict(scale=0.01, mode="fan_in", distribution="uniform"),
  )


def init_normaliser(observation_size: dict[str, int]) -> running_statistics.RunningStatisticsState:
  """Running statistics before the first observation: mean 0, standard deviation 1."""
  specs = {key: ArraySpec((size,), jnp.dtype("float32")) for key, size in observation_size.items()}
  return jax.tree.map(jnp.asarray, running_statistics.init_state(specs))


def make_policy(networks: ppo_networks.PPONetworks, *, deterministic: bool = False) -> Any:
  """policy(normaliser, policy_params, observation, rng) -> (action [.., J], extras)."""
  inference = ppo_networks.make_inference_fn(networks)

  def policy(normaliser: Any, params: Any, observation: Any, rng: jax.Array) -> tuple[jax.Array, Any]:
    return inference((normaliser, params), deterministic=deterministic)(observation, rng)

  return policy
