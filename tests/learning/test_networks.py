"""The networks are the ones the config names: sizes, activation, spread of the actions, normaliser."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brax.training.acme import running_statistics
from brax.training.acme.specs import Array

from wildrobot_exp.config.schema import ACTIVATIONS
from wildrobot_exp.errors import UserError
from wildrobot_exp.learning.networks import MAX_NORMALISED, make_networks, make_policy, normalise

SIZES = {"state": 5, "privileged_state": 8}
BY_HAND = {
  "swish": lambda x: x / (1 + np.exp(-x)),
  "relu": lambda x: np.maximum(x, 0),
  "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
  "tanh": np.tanh,
}


def build(activation: str = "swish", init_std: float = 0.7, **sizes):
  sizes = {"policy_hidden": [6, 4], "value_hidden": [7]} | sizes
  return make_networks(SIZES, 3, activation=activation, init_std=init_std, **sizes)


def statistics():
  return running_statistics.init_state({key: Array((n,), np.dtype("float32")) for key, n in SIZES.items()})


def observations(seed: int, rows: int = 9) -> dict[str, jax.Array]:
  rng = np.random.default_rng(seed)
  return {key: jnp.asarray(rng.normal(size=(rows, n)), jnp.float32) for key, n in SIZES.items()}


def dense(layer: dict, x: np.ndarray) -> np.ndarray:
  return x @ np.asarray(layer["kernel"]) + np.asarray(layer["bias"])


def test_every_configured_activation_is_tested_here():
  assert set(ACTIVATIONS) == set(BY_HAND)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_policy_and_value_compute_what_the_config_says(activation):
  networks, obs = build(activation), observations(0)
  act = BY_HAND[activation]
  policy = networks.policy_network.init(jax.random.PRNGKey(1))
  mean, _ = networks.policy_network.apply(statistics(), policy, obs)
  layers = policy["params"]
  hidden = act(dense(layers["MLP_0"]["hidden_0"], np.asarray(obs["state"])))
  hidden = act(dense(layers["MLP_0"]["hidden_1"], hidden))
  np.testing.assert_allclose(mean, dense(layers["Dense_0"], hidden), atol=1e-5)

  value = networks.value_network.init(jax.random.PRNGKey(2))
  layers = value["params"]
  hidden = act(dense(layers["hidden_0"], np.asarray(obs["privileged_state"])))
  expected = dense(layers["hidden_1"], hidden)[:, 0]
  np.testing.assert_allclose(networks.value_network.apply(statistics(), value, obs), expected, atol=1e-5)


def test_layer_sizes_are_those_asked_for():
  networks = build(policy_hidden=[9, 8, 7], value_hidden=[6, 5])

  def kernels(network) -> list[tuple[int, ...]]:
    leaves = jax.tree.leaves(jax.eval_shape(network.init, jax.random.PRNGKey(0)))
    return sorted(leaf.shape for leaf in leaves if len(leaf.shape) == 2)

  assert kernels(networks.policy_network) == [(5, 9), (7, 3), (8, 7), (9, 8)]
  assert kernels(networks.value_network) == [(5, 1), (6, 5), (8, 6)]


@pytest.mark.parametrize("init_std", [0.1, 0.7, 1.5])
def test_actions_start_with_the_standard_deviation_asked_for(init_std):
  networks = build(init_std=init_std)
  params = networks.policy_network.init(jax.random.PRNGKey(0))
  logits = networks.policy_network.apply(statistics(), params, observations(3))
  spread = networks.parametric_action_distribution.create_dist(logits).scale
  np.testing.assert_allclose(spread, init_std, atol=1e-6)

  many = observations(4, rows=20_000)
  actions, extras = make_policy(networks)(statistics(), params, many, jax.random.PRNGKey(5))
  mean, _ = networks.policy_network.apply(statistics(), params, many)
  assert np.std(actions - mean) == pytest.approx(init_std, rel=0.02)
  np.testing.assert_array_equal(actions, extras["raw_action"])  # nothing squashes an action


def test_the_deterministic_policy_is_the_mean_whatever_the_key():
  networks, obs = build(), observations(6)
  params = networks.policy_network.init(jax.random.PRNGKey(0))
  act = make_policy(networks, deterministic=True)
  mean, _ = networks.policy_network.apply(statistics(), params, obs)
  for seed in (0, 1):
    np.testing.assert_array_equal(act(statistics(), params, obs, jax.random.PRNGKey(seed))[0], mean)
  assert np.abs(mean).max() < 0.1  # starts at the home pose


def test_unknown_activation_is_refused_with_the_nearest_name():
  with pytest.raises(UserError, match="did you mean 'swish'"):
    build("swisch")


def test_normalised_observations_are_standardised_and_clipped():
  stats = statistics()
  data = {key: 3.0 + 2.0 * x for key, x in observations(7, rows=5000).items()}
  stats = running_statistics.update(jax.tree.map(jnp.asarray, stats), data)
  scaled = normalise(data, stats)
  for value in scaled.values():
    np.testing.assert_allclose(value.mean(axis=0), 0.0, atol=0.01)
    np.testing.assert_allclose(value.std(axis=0), 1.0, atol=0.01)
  far = normalise({key: jnp.full((1, n), 1e6) for key, n in SIZES.items()}, stats)
  assert all((value == MAX_NORMALISED).all() for value in far.values())
