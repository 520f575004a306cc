"""The update: roll out -> score style -> update discriminator -> advantages -> policy epochs.

PPO is this without style; AMP is one optional component. `TrainState` is one pytree with everything in it.
"""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
from brax.training.acme import running_statistics
from brax.training.agents.ppo import networks as ppo_networks

from wildrobot_exp.envs.episodes import Episodes, start_episodes
from wildrobot_exp.envs.walk import Variation, WalkEnv
from wildrobot_exp.learning.amp import AmpState
from wildrobot_exp.learning.guard import choose
from wildrobot_exp.learning.hyperparameters import Hyperparameters
from wildrobot_exp.learning.networks import init_normaliser, make_policy
from wildrobot_exp.learning.ppo import Learner, brax_transition, init_learner, policy_epochs
from wildrobot_exp.learning.rollout import Rollout, command_histogram, episode_metrics, roll_out
from wildrobot_exp.learning.style import Style

Metrics = dict[str, jax.Array]


@flax.struct.dataclass
class TrainState:
  """All there is to a run: saving this pytree and nothing else makes resume exact.

  Attributes:
    learner: policy and value parameters with their optimiser.
    normaliser: running statistics of the observations.
    episodes: N running episodes.
    amp: discriminator, its optimiser, replay, normaliser and history; None for plain PPO.
    rng: the key of the next update.
    env_steps: [] control steps made so far, all robots together.
  """

  learner: Learner
  normaliser: running_statistics.RunningStatisticsState
  episodes: Episodes
  amp: AmpState | None
  rng: jax.Array
  env_steps: jax.Array


def partial_state(**parts: Any) -> TrainState:
  """A TrainState with None for all that is not given: the template of a checkpoint of which only parts are read."""
  return TrainState(**dict.fromkeys(TrainState.__dataclass_fields__) | parts)


class Update:
  """init(rng) -> TrainState, update(TrainState, Hyperparameters) -> (TrainState, Metrics).

  Two compiled programs make an update: `collect` steps the physics (and, on the native engine, calls the
  host, which JAX's persistent cache cannot store), `learn` holds all the rest and is cached between runs.

  Args:
    env: the env for one robot.
    networks: policy and value.
    style: AMP's stage, None for plain PPO.
    mix: "sum": one critic of task plus style reward; "two_critics": one of each.
    num_envs: N robots.
    horizon: T control steps per iteration.
    minibatches, epochs: of the policy update.
    max_steps: time limit of an episode, control steps.
  """

  def __init__(
    self,
    env: WalkEnv,
    networks: ppo_networks.PPONetworks,
    style: Style | None,
    *,
    mix: str = "sum",
    num_envs: int,
    horizon: int,
    minibatches: int,
    epochs: int,
    max_steps: int,
  ):
    self.env = env
    self.networks = networks
    self.style = style
    self._critics = 2 if style is not None and mix == "two_critics" else 1
    self.num_envs = num_envs
    self.horizon = horizon
    self._minibatches = minibatches
    self._epochs = epochs
    self._max_steps = max_steps
    self.init = jax.jit(self._init)
    self.collect = jax.jit(self._collect)
    self.learn = jax.jit(self._learn, donate_argnums=(0,))

  @property
  def steps_per_update(self) -> int:
    """Env steps of one update."""
    return self.num_envs * self.horizon

  def _init(self, rng: jax.Array, variation: Variation | None = None) -> TrainState:
    """The state before the first update, in the env's variation if one is given."""
    env = self.env if variation is None else self.env.varied(variation)
    rng, learner_key, episodes_key, amp_key = jax.random.split(rng, 4)
    state = TrainState(
      learner=init_learner(self.networks, learner_key, self._critics),
      normaliser=init_normaliser(env.observation_size),
      episodes=start_episodes(env, episodes_key, self.num_envs),
      amp=None if self.style is None else self.style.amp.init(amp_key),
      rng=rng,
      env_steps=jnp.zeros((), jnp.int32),
    )
    return state

  def __call__(self, state: TrainState, hp: Hyperparameters) -> tuple[TrainState, Metrics]:
    """One update. `state` is used up."""
    episodes, rollout = self.collect(state)
    return self.learn(state, episodes, rollout, hp)

  def _keys(self, state: TrainState) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    next_rng, rollout_key, epochs_key = jax.random.split(state.rng, 3)
    return next_rng, rollout_key, epochs_key, jax.random.fold_in(epochs_key, 1)

  def _collect(self, state: TrainState, variation: Variation | None = None) -> tuple[Episodes, Rollout]:
    env = self.env if variation is None else self.env.varied(variation)
    _, rollout_key, _, _ = self._keys(state)
    policy = make_policy(self.networks)

    def act(observation: Any, rng: jax.Array) -> tuple[jax.Array, Any]:
      return policy(state.normaliser, state.learner.params.policy, observation, rng)

    return roll_out(env, act, state.episodes, rollout_key, self.horizon, self._max_steps)

  def _learn(
    self, state: TrainState, episodes: Episodes, rollout: Rollout, hp: Hyperparameters
  ) -> tuple[TrainState, Metrics]:
    next_rng, _, epochs_key, amp_key = self._keys(state)
    metrics = episode_metrics(rollout) | command_histogram(rollout.command, *self.env.command_range)
    reward = self.env.total_reward(rollout.terms, hp.reward_weights)

    amp_state = state.amp
    total = reward
    if self.style is not None:
      amp_state, style, amp_metrics = self.style(amp_state, rollout, amp_key, hp.amp)
      style = hp.amp.style_scale * self.env.dt * style
      total = reward + hp.amp.weight * style
      reward = total if self._critics == 1 else jnp.stack([reward, style], axis=-1)
      metrics |= amp_metrics

    rate = hp.rate_at(state.env_steps)
    learner, policy_metrics = policy_epochs(
      self.networks,
      state.learner,
      state.normaliser,
      brax_transition(rollout, reward),
      epochs_key,
      hp,
      rate,
      epochs=self._epochs,
      minibatches=self._minibatches,
    )
    normaliser = running_statistics.update(state.normaliser, rollout.observation)
    usable = jnp.array([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(rollout.observation)])
    normaliser = choose(jnp.all(usable), normaliser, state.normaliser)  # statistics never recover from a NaN
    state = TrainState(
      learner=learner,
      normaliser=normaliser,
      episodes=episodes,
      amp=amp_state,
      rng=next_rng,
      env_steps=state.env_steps + self.steps_per_update,
    )
    return state, metrics | policy_metrics | {"train/learning_rate": rate, "train/total_reward": jnp.mean(total)}
