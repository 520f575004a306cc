"""Walk at a commanded forward velocity: the task as a `brax.envs.Env` for one robot."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
from brax.envs.base import Env, State

from wildrobot_exp.config.derived import policy_observations, privileged_observations
from wildrobot_exp.config.speeds import TrainedSpeeds, trained_speeds
from wildrobot_exp.envs.observations import OBSERVATIONS
from wildrobot_exp.envs.resets import StartBank, make_start_bank
from wildrobot_exp.envs.rewards import REWARDS
from wildrobot_exp.envs.terminations import TERMINATIONS
from wildrobot_exp.envs.terms import StepContext
from wildrobot_exp.motions.reference import ReferenceFrames
from wildrobot_exp.physics.state import Physics, PhysicsState

POLICY, PRIVILEGED = "state", "privileged_state"  # the keys Brax's networks expect
MAX_SPEED = 200.0  # of any degree of freedom, m/s or rad/s; beyond it the simulation has exploded


@flax.struct.dataclass
class Variation:
  """What two envs of one program may differ in.

  Attributes:
    bank: states that episodes start from.
    reward_weights: [] each, weight of every task term, by name.
  """

  bank: StartBank
  reward_weights: dict[str, jax.Array]


class WalkEnv(Env):
  """The walking task.

  An action [J] moves the servo targets from the home pose by `action_scale` radians per unit, as far as the
  joints go.
  The observation is a dict: `state` for the policy, `privileged_state` for the critic.
  `State.metrics` holds every reward term, unweighted, under `reward/<term>`.

  Args:
    physics: the engine.
    action_scale: rad per unit of action.
    command_range: commanded forward velocities are drawn uniformly from [low, high], m/s.
    command_zero_share: probability that a drawn command is 0 instead.
    command_slowest: m/s; slower commands are drawn as this or as 0, whichever is nearer: stand, or walk.
    command_seconds: mean time after which a command is drawn again within an episode, s.
    gait_period: period of the gait clock, s.
    rewards: term -> {"weight": w >= 0, parameters...}.
    observations: fields of the policy's observation, in order.
    privileged: fields of the critic's observation, in order.
    terminations: condition -> parameters.
    bank: states that episodes start from.

  Raises:
    UserError: unknown term, field or parameter name.
  """

  def __init__(
    self,
    physics: Physics,
    *,
    action_scale: float,
    command_range: tuple[float, float],
    command_zero_share: float,
    command_slowest: float,
    command_seconds: float,
    gait_period: float,
    rewards: Mapping[str, Mapping[str, float]],
    observations: Sequence[str],
    privileged: Sequence[str],
    terminations: Mapping[str, Mapping[str, float]],
    bank: StartBank,
  ):
    self.physics = physics
    self.robot = physics.robot
    self._action_scale = action_scale
    self.command_range = command_range
    self._command_zero_share = command_zero_share
    self.command_slowest = command_slowest
    self._command_probability = self.dt / command_seconds
    self.gait_period = gait_period
    self.bank = bank
    self.reward_weights = {name: float(params["weight"]) for name, params in rewards.items()}
    self._rewards = {name: _signed(name, params) for name, params in rewards.items()}
    self.fields = {POLICY: tuple(observations), PRIVILEGED: tuple(privileged)}
    self._terminations = [TERMINATIONS.bind(name, dict(params)) for name, params in terminations.items()]
    shapes = jax.eval_shape(self.reset, jax.random.PRNGKey(0))
    self._observation_size = {key: obs.shape[0] for key, obs in shapes.obs.items()}

  @property
  def variation(self) -> Variation:
    """This env's own."""
    return Variation(self.bank, {name: jnp.float32(weight) for name, weight in self.reward_weights.items()})

  def varied(self, variation: Variation) -> "WalkEnv":
    """This env with another bank and other weights, which may be traced."""
    env = copy.copy(self)
    env.bank, env.reward_weights = variation.bank, variation.reward_weights
    return env

  @property
  def dt(self) -> float:
    """Seconds per control step."""
    return self.robot.control_dt

  @property
  def observation_size(self) -> dict[str, int]:
    return self._observation_size

  @property
  def action_size(self) -> int:
    return self.robot.num_joints

  @property
  def backend(self) -> str:
    return self.physics.name

  @property
  def speeds(self) -> TrainedSpeeds:
    """The commands that are drawn."""
    return trained_speeds(self.command_range, self._command_zero_share, self.command_slowest)

  def reset(self, rng: jax.Array) -> State:
    """A fresh episode from a state of the bank, with a command of its own."""
    rng, bank_key, command_key, phase_key = jax.random.split(rng, 4)
    index = jax.random.randint(bank_key, (), 0, len(self.bank.command))
    chosen = jax.tree.map(lambda x: x[index], self.bank)
    command = jnp.where(jnp.isnan(chosen.command), self._draw_command(command_key), chosen.command)
    phase = jnp.where(jnp.isnan(chosen.phase), jax.random.uniform(phase_key), chosen.phase)
    return self.start(chosen.states, rng, command, phase)

  def start(self, physics_state: PhysicsState, rng: jax.Array, command: jax.Array, phase: jax.Array) -> State:
    """An episode from a given state with a given command [] m/s and gait phase [] in [0, 1)."""
    rest = jnp.zeros(self.action_size)
    physics_state = self.physics.begin(physics_state)
    context = StepContext(self.robot, physics_state, rest, rest, command, phase, self.dt)
    zero = jnp.zeros(())
    info = {"rng": rng, "command": command, "phase": phase, "last_action": rest}
    metrics = {f"reward/{name}": zero for name in self._rewards} | {"invalid": zero}
    return State(physics_state, self._observe(context), zero, zero, metrics, info)

  def step(self, state: State, action: jax.Array, push: jax.Array | None = None) -> State:
    """One control step.

    Args:
      state: the state to start from.
      action: [J]. One that is not finite ends the episode like an exploded simulation does.
      push: [3] force on the chassis, world frame, N; none by default.
    """
    sane = jnp.all(jnp.isfinite(action))  # MuJoCo would take a NaN as 0 and say nothing
    action = jnp.where(sane, action, state.info["last_action"])
    low, high = jnp.asarray(self.robot.joint_range.T, jnp.float32)
    target = jnp.asarray(self.robot.home_ctrl, jnp.float32) + self._action_scale * action
    before = state.pipeline_state
    after = self.physics.step(
      before, jnp.clip(target, low, high), jnp.zeros(3) if push is None else push
    )
    valid = _is_valid(after) & sane
    overflow = jnp.nan_to_num(after.overflow)
    after = jax.tree.map(lambda new, old: jnp.where(valid, new, old), after, before).replace(overflow=overflow)

    info = state.info
    rng, keep_key, command_key = jax.random.split(info["rng"], 3)
    phase = jnp.mod(info["phase"] + self.dt / self.gait_period, 1.0)
    context = StepContext(self.robot, after, action, info["last_action"], info["command"], phase, self.dt)
    terms = self.reward_terms(context)
    reward = self.total_reward(terms, self.reward_weights)
    fell = jnp.any(jnp.array([condition(context) for condition in self._terminations], dtype=bool))
    done = jnp.where(fell | ~valid, 1.0, 0.0)

    redraw = jax.random.uniform(keep_key) < self._command_probability
    command = jnp.where(redraw, self._draw_command(command_key), info["command"])
    observation = self._observe(context.replace(command=command))
    metrics = {f"reward/{name}": value for name, value in terms.items()} | {"invalid": 1.0 - valid}
    info = info | {"rng": rng, "command": command, "phase": phase, "last_action": action}
    return state.replace(
      pipeline_state=after,
      obs=observation,
      reward=reward,
      done=done,
      metrics=state.metrics | metrics,
      info=info,
    )

  def reward_terms(self, context: StepContext) -> dict[str, jax.Array]:
    """Every term of the reward, unweighted, per second."""
    return {name: term(context) for name, term in self._rewards.items()}

  def total_reward(self, terms: Mapping[str, jax.Array], weights: Mapping[str, Any]) -> jax.Array:
    """The reward of a step: the control period times the weighted sum of its terms."""
    return self.dt * sum(weights[name] * terms[name] for name in sorted(terms))

  def _observe(self, context: StepContext) -> dict[str, jax.Array]:
    return {
      key: jnp.concatenate([OBSERVATIONS[name](context) for name in names]) for key, names in self.fields.items()
    }

  def _draw_command(self, key: jax.Array) -> jax.Array:
    zero_key, value_key = jax.random.split(key)
    low, high = self.command_range
    value = jax.random.uniform(value_key, minval=low, maxval=high)
    stand = jax.random.uniform(zero_key) < self._command_zero_share
    speed, least = jnp.abs(value), self.command_slowest
    return jnp.where(stand | (speed < least / 2), 0.0, jnp.sign(value) * jnp.maximum(speed, least))


def make_walk_env(
  cfg: Any,
  physics: Physics,
  reference: ReferenceFrames | None = None,
  *,
  command_seconds: float | None = None,
  bank: StartBank | None = None,
) -> WalkEnv:
  """The env that a composed config asks for.

  Args:
    cfg: its `env`, `reward` and `seed` are read.
    physics: the engine.
    reference: moments of the reference motion that a share of the episodes starts from.
    command_seconds: instead of the config's; infinity keeps the command an episode starts with.
    bank: instead of the one the config asks for.
  """
  env, reset = cfg.env, cfg.env.reset
  return WalkEnv(
    physics,
    action_scale=env.action_scale,
    command_range=tuple(env.command.vx),
    command_zero_share=env.command.zero_share,
    command_slowest=env.command.slowest,
    command_seconds=env.command.resample_seconds if command_seconds is None else command_seconds,
    gait_period=env.gait_period,
    rewards=cfg.reward.terms,
    observations=policy_observations(cfg),
    privileged=privileged_observations(cfg),
    terminations=env.terminations,
    bank=bank
    or make_start_bank(
      physics.robot,
      reset.bank_size,
      reset.joint_noise,
      reset.velocity_noise,
      cfg.seed,
      reference,
      reset.reference_share,
    ),
  )


def _signed(name: str, params: Mapping[str, float]) -> Callable[[StepContext], jax.Array]:
  term = REWARDS.bind(name, {key: value for key, value in params.items() if key != "weight"})
  sign = REWARDS[name].sign
  return lambda context: sign * term(context)


def _is_valid(state: PhysicsState) -> jax.Array:
  speed = jnp.max(jnp.abs(state.qvel))
  finite = jnp.all(jnp.isfinite(state.qpos)) & jnp.all(jnp.isfinite(state.sensordata))
  return finite & (speed < MAX_SPEED)  # a NaN speed compares false
