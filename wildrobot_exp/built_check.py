"""What was built, measured and compared with the config before anything is compiled for training.

Nothing here asks the builders what they did: networks are applied, an action is watched on its way to the physics,
a rollout is traced. So a key that is read wrongly, or not at all, stops the run by its name.
"""

import copy
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from wildrobot_exp.building import Experiment
from wildrobot_exp.envs.walk import POLICY, PRIVILEGED, WalkEnv
from wildrobot_exp.errors import RunFailed
from wildrobot_exp.learning.hyperparameters import Hyperparameters
from wildrobot_exp.learning.networks import init_normaliser
from wildrobot_exp.learning.update import TrainState, Update

RELATIVE = 1e-4  # of numbers that went through float32
SMALL_ACTION = 0.01  # too small for a joint limit to cut it
ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
  "swish": lambda x: x / (1.0 + np.exp(-x)),
  "relu": lambda x: np.maximum(x, 0.0),
  "elu": lambda x: np.where(x > 0.0, x, np.expm1(np.minimum(x, 0.0))),
  "tanh": np.tanh,
}

Found = Iterator[tuple[str, Any, Any]]  # key, what the config says, what was measured


def check_built(cfg: Any, experiment: Experiment) -> None:
  """Compare robot, env and the networks' shapes with the config.

  Raises:
    RunFailed: names the first key that is not what was built.
  """
  networks = experiment.networks
  policy, value = (
    jax.eval_shape(network.init, jax.random.PRNGKey(0)) for network in (networks.policy_network, networks.value_network)
  )
  _hold([*_env(cfg, experiment.env), *_sizes(cfg, experiment.env, policy, value)])


def check_update(cfg: Any, update: Update, state: TrainState, hp: Hyperparameters) -> None:
  """Compare a new training state, its networks' answers, a rollout's shapes and the traced numbers with the config.

  Raises:
    RunFailed: names the first key that is not what was built.
  """
  policy, value = state.learner.params.policy, state.learner.params.value
  _hold(list(_sizes(cfg, update.env, policy, value)))  # the answers are only worth asking for where these hold
  _hold([*_answers(cfg, update, state), *_shapes(cfg, update, state), *_rates(cfg, hp)])
  if cfg.amp is not None:
    _hold(list(_amp(cfg, state, hp)))


def _hold(found: Sequence[tuple[str, Any, Any]]) -> None:
  for key, wanted, measured in found:
    wanted, measured = np.asarray(wanted), np.asarray(measured)
    numbers = wanted.dtype.kind in "iuf" and measured.dtype.kind in "iuf"
    if wanted.shape == measured.shape:
      if np.allclose(wanted, measured, rtol=RELATIVE, atol=0.0) if numbers else np.array_equal(wanted, measured):
        continue
    raise RunFailed(f"{key} is {wanted.tolist()} in the config but {measured.tolist()} in what was built: a bug")


def _env(cfg: Any, env: WalkEnv) -> Found:
  robot, command = env.robot, cfg.env.command
  yield "physics", cfg.physics, env.physics.name
  yield "env.timestep", cfg.env.timestep, robot.model.opt.timestep
  yield "env.control_dt", cfg.env.control_dt, robot.substeps * robot.model.opt.timestep
  yield "env.control_dt", cfg.env.control_dt, env.dt
  yield "env.action_scale", cfg.env.action_scale, _action_scale(env)
  yield "env.command.vx", list(command.vx), list(env.command_range)
  yield "env.gait_period", cfg.env.gait_period, env.gait_period
  yield "env.reset.bank_size", cfg.env.reset.bank_size, len(env.bank.command)
  for name, params in cfg.reward.terms.items():
    yield f"reward.terms.{name}.weight", params["weight"], env.reward_weights.get(name, np.nan)
  yield "reward.terms", sorted(cfg.reward.terms), sorted(env.reward_weights)


class _Watched(Exception):
  """Carries the servo targets out of a step, before any physics."""


def _action_scale(env: WalkEnv) -> float:
  """rad per unit of action, from the servo targets of a small action."""

  def step(state: Any, targets: Any, push: Any) -> None:
    raise _Watched(np.asarray(targets))

  watched = copy.copy(env)
  watched.physics = types.SimpleNamespace(step=step)
  try:
    action = np.full(env.action_size, SMALL_ACTION, np.float32)
    watched.step(types.SimpleNamespace(pipeline_state=None, info={"last_action": action}), action)
  except _Watched as seen:
    moved = (seen.args[0] - env.robot.home_ctrl) / SMALL_ACTION
    return round(float(np.median(moved)), 4)  # a joint whose limit is at home does not move
  raise RunFailed("env.action_scale: a step of the env never reached the physics: a bug")


def _sizes(cfg: Any, env: WalkEnv, policy: Any, value: Any) -> Found:
  size = env.observation_size
  wanted = [size[POLICY], *cfg.algo.policy_hidden, env.action_size]
  yield "algo.policy_hidden", wanted, _widths(policy, size[POLICY])
  yield "algo.value_hidden", [size[PRIVILEGED], *cfg.algo.value_hidden, 1], _widths(value, size[PRIVILEGED])


def _answers(cfg: Any, update: Update, state: TrainState) -> Found:
  """Noise and activation from what the networks answer to random observations."""
  networks, sizes, params = update.networks, update.env.observation_size, state.learner.params
  rng = np.random.default_rng(0)
  observation = {key: rng.normal(size=(3, size)).astype(np.float32) for key, size in sizes.items()}
  normaliser = init_normaliser(sizes)

  def answers(policy: Any, value: Any) -> Any:
    asked = networks.policy_network.apply(normaliser, policy, observation)
    distribution = networks.parametric_action_distribution
    values = networks.value_network.apply(normaliser, value, observation)
    return distribution.create_dist(asked).scale, distribution.mode(asked), values

  quick = jax.jit(answers, compiler_options={"xla_backend_optimization_level": 0})
  scale, mode, values = jax.device_get(quick(params.policy, params.value))
  yield "algo.init_std", np.full(scale.shape, cfg.algo.init_std), scale
  for net, key, answer in ((params.policy, POLICY, mode), (params.value, PRIVILEGED, values)):
    expected = _forward(net, sizes[key], observation[key], ACTIVATIONS[cfg.algo.activation])
    right = np.allclose(expected.reshape(answer.shape), answer, rtol=1e-2, atol=1e-3 * np.abs(answer).max())
    yield "algo.activation", cfg.algo.activation, cfg.algo.activation if right else "something else"


def _layers(params: Any, width: int) -> list[tuple[np.ndarray, np.ndarray]]:
  """Kernel and bias of each layer, first one first, found by their names: hidden_0, hidden_1 ..., then the output."""
  found: dict[tuple[bool, int], dict[str, np.ndarray]] = {}
  for path, leaf in jax.tree_util.tree_leaves_with_path(params):
    names = [str(getattr(part, "key", part)) for part in path]
    if names[-1] in ("kernel", "bias"):
      place = (not names[-2].startswith("hidden"), int(names[-2].rpartition("_")[2]))
      found.setdefault(place, {})[names[-1]] = leaf
  layers = [(layer["kernel"], layer["bias"]) for _, layer in sorted(found.items())]
  ends = [width, *(kernel.shape[1] for kernel, _ in layers)]
  if [kernel.shape[0] for kernel, _ in layers] != ends[:-1]:
    raise RunFailed(f"a network's layers do not follow each other: {[kernel.shape for kernel, _ in layers]}: a bug")
  return layers


def _widths(params: Any, width: int) -> list[int]:
  return [width, *(kernel.shape[1] for kernel, _ in _layers(params, width))]


def _forward(params: Any, width: int, x: np.ndarray, activation: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
  layers = _layers(params, width)
  for kernel, bias in layers[:-1]:
    x = activation(x @ np.asarray(kernel) + np.asarray(bias))
  return x @ np.asarray(layers[-1][0]) + np.asarray(layers[-1][1])


def _shapes(cfg: Any, update: Update, state: TrainState) -> Found:
  _, rollout = jax.eval_shape(update.collect, state, None)  # the trainer traces it again for nothing
  horizon, robots = rollout.task_reward.shape
  yield "num_envs", cfg.num_envs, robots
  yield "algo.horizon", cfg.algo.horizon, horizon
  two = state.learner.params.style_value is not None
  yield "amp.mix", cfg.amp is not None and cfg.amp.mix == "two_critics", two


def _rates(cfg: Any, hp: Hyperparameters) -> Found:
  rates = [float(hp.rate_at(steps)) for steps in (0.0, float(cfg.total_steps))]
  yield "algo.learning_rate", cfg.algo.learning_rate, rates[0]
  yield "algo.final_learning_rate", cfg.algo.final_learning_rate, rates[1]
  for name in "discount gae_lambda clip entropy value_coef max_grad_norm reward_scale".split():
    yield f"algo.{name}", cfg.algo[name], float(getattr(hp, name))
  for name, params in cfg.reward.terms.items():
    yield f"reward.terms.{name}.weight", params["weight"], float(hp.reward_weights[name])


def _amp(cfg: Any, state: TrainState, hp: Hyperparameters) -> Found:
  amp, built = cfg.amp, state.amp
  width = built.mean.shape[0]
  yield "amp.hidden", [width, *amp.hidden, 1], _widths(built.params, width)
  yield "amp.replay_size", amp.replay_size, built.replay.features.shape[0]
  yield "amp.window", [amp.window - 2, cfg.num_envs], list(built.history.shape[:2])
  for name in ("weight", "style_scale", "learning_rate", "weight_decay"):
    yield f"amp.{name}", amp[name], float(getattr(hp.amp, name))
  for name in ("gradient_penalty", "logit_regulariser"):
    yield f"amp.loss.{name}", amp.loss[name], float(getattr(hp.amp, name))
  for name in ("accuracy", "contrast", "factor"):
    yield f"amp.slow_down.{name}", amp.slow_down[name], float(getattr(hp.amp, f"slow_{name}"))
