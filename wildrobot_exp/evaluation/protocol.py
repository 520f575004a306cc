"""The fixed protocol behind evaluation.json: the same episodes, commands and seeds for every policy."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from wildrobot_exp.evaluation import summaries
from wildrobot_exp.evaluation.endurance import long_walk, walk_roller
from wildrobot_exp.evaluation.gait import record_gait, reference_gait
from wildrobot_exp.evaluation.policies import DETERMINISTIC, RANDOM, STOCHASTIC, ZERO_ACTION, Actor
from wildrobot_exp.evaluation.pushes import push_recovery, push_roller
from wildrobot_exp.evaluation.rollouts import Record, Roller
from wildrobot_exp.evaluation.stages import stage
from wildrobot_exp.evaluation.starts import SEED, join, make_evaluation_env, make_start, spread_commands
from wildrobot_exp.evaluation.strides import reference_strides
from wildrobot_exp.evaluation.style import measure_style
from wildrobot_exp.evaluation.worlds import measure_worlds
from wildrobot_exp.interrupts import raise_held
from wildrobot_exp.motions import Clip

SCHEMA = 1
BASELINE_EPISODES = 21  # three of each speed


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
  """What an evaluation found.

  Attributes:
    result: the content of evaluation.json.
    record: the deterministic episodes it describes, for pictures and videos.
    nominal: index in `record` of an episode at the nominal speed that survived, if any did.
  """

  result: dict[str, Any]
  record: Record
  nominal: int


class Programs:
  """What the protocol compiles, at its first use: serves every policy of runs whose configs differ in seeds and
  learning alone.

  Args:
    cfg: of one of those runs.
    act: who acts, from `policies.make_actor`.
  """

  def __init__(self, cfg: Any, act: Actor):
    settings = cfg.evaluation
    self.act = act
    self.env = make_evaluation_env(cfg, states=settings.episodes)
    self.steps = round(settings.episode_seconds / self.env.dt)
    self.roller = Roller(make_evaluation_env(cfg, states=settings.episodes, metered=True), act, self.steps)
    fine_env = make_evaluation_env(cfg, states=settings.episodes, timestep=settings.fine_timestep)
    self.fine_roller = Roller(fine_env, act, self.steps)
    self.walk_roller = walk_roller(self.env, act, settings.long_walk)
    self.push_roller = push_roller(self.env, act)


def evaluate(
  cfg: Any,
  programs: Programs,
  params: Any,
  *,
  run: str,
  checkpoint_step: int,
  clips: Sequence[Clip] = (),
  pushes: bool = False,
  worlds: bool = False,
) -> Evaluation:
  """Run the whole protocol.

  Args:
    cfg: the run's config; `cfg.physics` is the engine the robot walks in.
    programs: of this config, or of one that differs in its seed and its learning alone.
    params: the actor's (normaliser, policy parameters).
    run: name of the run, written down.
    checkpoint_step: env steps the policy was trained for, written down.
    clips: reference clips of `cfg.motion`, to put beside the gait and to measure the style against.
    pushes: also measure recovery from pushes.
    worlds: also repeat the episodes in the changed worlds of `cfg.evaluation.worlds`.
  """
  settings = cfg.evaluation
  env, steps, act = programs.env, programs.steps, programs.act
  rng = jax.random.PRNGKey(SEED)

  commands = spread_commands(env, settings.episodes)
  baseline_commands = spread_commands(env, min(BASELINE_EPISODES, settings.episodes))
  starts = [
    make_start(env, commands, DETERMINISTIC),
    make_start(env, commands, STOCHASTIC),
    make_start(env, baseline_commands, ZERO_ACTION),
    make_start(env, baseline_commands, RANDOM),
  ]
  everyone = programs.roller.roll(params, join(*starts), steps, rng)  # in one batch: one program, fewer host calls
  parts = np.split(np.arange(len(everyone.commands)), np.cumsum([len(start) for start in starts])[:-1])
  record, stochastic, zero_action, random_policy = (everyone.select(part) for part in parts)

  raise_held()

  robot, cycle = env.robot, env.gait_period
  reference = reference_gait(robot, clips)
  strides = reference_strides(robot, clips)
  speeds = np.unique(record.commands)
  nominal_speed = speeds[np.argmin(np.abs(speeds - settings.long_walk.speed))]
  result = {
    "schema": SCHEMA,
    "run": run,
    "checkpoint_step": checkpoint_step,
    "physics": cfg.physics,
    "seed": cfg.seed,
    "evaluation_seed": SEED,
    "episodes": settings.episodes,
    "episode_seconds": settings.episode_seconds,
    "commands": [
      summaries.command_row(robot, record.select(record.commands == speed), cycle, reference, strides)
      for speed in speeds
    ],
    **summaries.outcome(record, cycle),
    "stochastic": summaries.outcome(stochastic, cycle),
    "baselines": {
      "zero_action": summaries.baseline(zero_action, cycle),
      "random_policy": summaries.baseline(random_policy, cycle),
    },
  }
  gait = record_gait(robot, record.select(record.commands == nominal_speed))
  if gait is not None:
    result["gait"] = summaries.gait_block(gait, float(nominal_speed), reference)
  raise_held()
  style = measure_style(robot, record, clips)
  if style is not None:
    result["style"] = summaries.style_block(style, cfg.motion.name, result["commands"])
  raise_held()
  result["fine_timestep"] = _fine_timestep(programs.fine_roller, params, commands, rng)
  if settings.long_walk.enabled:
    result["long_walk"] = long_walk(programs.walk_roller, params, settings.long_walk, rng)
  if pushes:
    raise_held()
    result["pushes"] = push_recovery(
      programs.push_roller, params, settings.long_walk.speed, rng, trials=settings.pushes.trials
    )
  if worlds:
    fine = result["fine_timestep"]
    row = {"world": f"physics step {fine['timestep']:g} s", "physics": cfg.physics, "episodes": settings.episodes}
    row |= {key: value for key, value in fine.items() if key != "timestep"}
    result["worlds"] = [row, *measure_worlds(cfg, act, params, commands, steps, rng)]
  return Evaluation(result, record, _showpiece(record, nominal_speed))


def _fine_timestep(roller: Roller, params: Any, commands: np.ndarray, rng: jax.Array) -> dict[str, Any]:
  """The same episodes with a finer physics step: a policy that lives off the coarse one's errors falls."""
  env = roller.env
  stage("measuring the same episodes with a finer physics step")
  record = roller.roll(params, make_start(env, commands), roller.chunk, rng)
  return {"timestep": float(env.robot.model.opt.timestep)} | summaries.outcome(record, env.gait_period)


def _showpiece(record: Record, speed: float) -> int:
  """The first surviving episode at that speed; the longest one if none survived."""
  candidates = np.flatnonzero(record.commands == speed)
  return int(candidates[np.argmax(record.alive[:, candidates].sum(axis=0))])
