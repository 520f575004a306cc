"""Does the policy move like the reference? Measured from outside: no discriminator, no setting of the run.

Policy transitions (deterministic, after the first second, upright, at commanded speeds above 0) are compared with
as many of the clips nearest to each commanded speed, so that both sides hold the same mix of speeds. Complete
states are recomputed from positions and velocities on both sides and go through the one extractor of
`motions.features`. Numbers are in units of the reference's standard deviation, at least the floors given there.

Held out: the policy's episodes are dealt to two folds, and a classifier trained on one is scored on the other. A
reference loop of 40 frames is one closed curve: hiding a part of it would teach the classifier that those phases
are the policy's. Instead every fold draws its own phases anew, at random between frames, as the policy's 50 Hz
falls on other phases in every stride. A clip that is no loop is dealt out in blocks of half a second. Noise of the size
of the floors lies on both sides, in training and in scoring: differences well below a floor are no style.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence

import jax
import numpy as np

from wildrobot_exp.evaluation.classifier import held_out_auc
from wildrobot_exp.evaluation.measures import SETTLE_SECONDS
from wildrobot_exp.evaluation.rollouts import Record
from wildrobot_exp.evaluation.stages import stage
from wildrobot_exp.motions import Clip, to_states
from wildrobot_exp.motions.features import feature_floors, feature_names, transition_features
from wildrobot_exp.physics.native import state_bank
from wildrobot_exp.physics.state import PhysicsState
from wildrobot_exp.robots import Robot

FOLDS = 2
PER_SPEED = 300  # transitions of each side, commanded speed and fold
LEAST_STEPS = 50  # upright transitions of one commanded speed; fewer say nothing about it
QUANTILES = 64  # of a number's distribution
BLOCK_SECONDS = 0.5  # of a clip that is no loop
SEED = 0
Moments = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # qpos, qvel [N, ...] before, the same after


@dataclasses.dataclass(frozen=True)
class Style:
  """How far the policy's motion is from the reference's.

  Attributes:
    feature_distance: rms difference between the quantile functions of policy and reference, over quantiles, numbers
      of a transition and commanded speeds: 0 is the same, 1 is off by one reference standard deviation everywhere.
    classifier_auc: area under the ROC curve of a fresh classifier on held-out transitions; .5 is chance.
    field_auc: the same for classifiers that are shown one field only, best first.
    feature_distances: the distance of each number of a frame, greatest first.
  """

  feature_distance: float
  classifier_auc: float
  field_auc: Mapping[str, float]
  feature_distances: Mapping[str, float]


def measure_style(robot: Robot, record: Record, clips: Sequence[Clip]) -> Style | None:
  """Compare the deterministic episodes of a record with reference clips; None if there is nothing to compare."""
  speeds = [float(speed) for speed in np.unique(record.commands) if speed > 0]
  picks = {speed: _pick(record, speed) for speed in speeds}
  picks = {speed: pick for speed, pick in picks.items() if pick is not None}
  if not picks or not clips:
    return None
  stage("measuring how far the gait is from the reference motion")
  moments = [_policy_moments(record, pick) for pick in picks.values()]
  for i, speed in enumerate(picks):
    nearest = min((clip.speed for clip in clips), key=lambda clip_speed: abs(clip_speed - speed))
    same = [clip for clip in clips if clip.speed == nearest]  # a motion and its mirror image, for one
    moments.append(_clip_moments(robot, same, np.random.default_rng([SEED, i])))
  policy, reference = _features(robot, moments).reshape(2, len(picks), FOLDS, PER_SPEED, -1)
  floors = np.asarray(feature_floors(robot), dtype=np.float64)
  everything = reference.reshape(-1, reference.shape[-1])
  centre, scale = everything.mean(axis=0), np.maximum(everything.std(axis=0), floors)
  policy, reference = (policy - centre) / scale, (reference - centre) / scale

  names = [name.split("/", 2) for name in feature_names(robot)]  # frame, field, label and unit
  fields = list(dict.fromkeys(field for _, field, _ in names))
  inputs = np.array([[True] * len(names)] + [[name[1] == field for name in names] for field in fields])
  sides = [np.concatenate(side, axis=1) for side in (policy, reference)]
  auc, *each = held_out_auc(*sides, floors / scale, inputs, SEED)

  squares = _quantile_gap(policy, reference)
  first = [i for i, (frame, _, _) in enumerate(names) if frame == names[0][0]]
  distances = {f"{names[i][1]}/{names[i][2].split(' [')[0]}": float(np.sqrt(squares[i])) for i in first}
  return Style(
    feature_distance=float(np.sqrt(squares.mean())),
    classifier_auc=float(auc),
    field_auc=_best_first(dict(zip(fields, map(float, each), strict=True))),
    feature_distances=_best_first(distances),
  )


def _best_first(numbers: dict[str, float]) -> dict[str, float]:
  return dict(sorted(numbers.items(), key=lambda item: -item[1]))


def _quantile_gap(policy: np.ndarray, reference: np.ndarray) -> np.ndarray:
  """[2 F] mean square difference of the quantile functions, over quantiles and speeds."""
  levels = (np.arange(QUANTILES) + 0.5) / QUANTILES
  flat = [side.reshape(len(side), -1, side.shape[-1]) for side in (policy, reference)]
  first, second = (np.quantile(side, levels, axis=1) for side in flat)
  return ((first - second) ** 2).mean(axis=(0, 1))


def _pick(record: Record, speed: float) -> np.ndarray | None:
  """[folds, PER_SPEED, 2] step and robot of transitions spread over the upright ones of one speed; None with too few.

  Episodes go to the folds in turn; a single episode is cut in two halves instead.
  """
  robots = np.flatnonzero(record.commands == speed)
  steps = np.arange(round(SETTLE_SECONDS / record.dt), len(record.alive) - 1)
  which, steps = (x.ravel() for x in np.meshgrid(np.arange(len(robots)), steps, indexing="ij"))
  upright = record.alive[steps + 1, robots[which]]
  steps, which = steps[upright], which[upright]
  if len(steps) < LEAST_STEPS:
    return None
  fold = which % FOLDS
  if len(set(fold)) < FOLDS:
    fold = (np.arange(len(steps)) * FOLDS) // len(steps)
  rng = np.random.default_rng(SEED)
  picks = []
  for i in range(FOLDS):
    (mine,) = np.nonzero(fold == i)
    drawn = mine[_spread(len(mine), PER_SPEED, rng).astype(int)]
    picks.append(np.stack([steps[drawn], robots[which[drawn]]], axis=-1))
  return np.stack(picks)


def _policy_moments(record: Record, pick: np.ndarray) -> Moments:
  """The picked transitions."""
  step, who = pick[..., 0].ravel(), pick[..., 1].ravel()
  before, after = ((record.qpos[step + later, who], record.qvel[step + later, who]) for later in (0, 1))
  return *before, *after


def _clip_moments(robot: Robot, clips: Sequence[Clip], rng: np.random.Generator) -> Moments:
  """FOLDS * PER_SPEED transitions one control period long, at random times of the clips, as many of each clip."""
  folds = []
  for fold in range(FOLDS):
    turn = (np.arange(PER_SPEED) * len(clips)) // PER_SPEED  # which clip
    for i, clip in enumerate(clips):
      begin = _times(robot, clip, fold, int((turn == i).sum()), rng)
      states = to_states(robot, clip)
      before, after = (clip_at(clip, states, begin + later) for later in (0.0, robot.control_dt))
      folds.append((*before, *after))
  return tuple(np.concatenate(arrays) for arrays in zip(*folds, strict=True))


def _times(robot: Robot, clip: Clip, fold: int, count: int, rng: np.random.Generator) -> np.ndarray:
  """[count] s at which a fold's transitions begin: anywhere in a loop, else in every FOLDS-th block."""
  if clip.loop:
    return _spread(clip.seconds, count, rng)
  last = max(clip.seconds - robot.control_dt, 0.0)
  blocks = max(round(last / (FOLDS * BLOCK_SECONDS)), 1)  # of each fold
  seconds = last / (FOLDS * blocks)
  place = _spread(blocks, count, rng)
  return seconds * (place + np.floor(place) * (FOLDS - 1) + fold)


def _spread(length: float, count: int, rng: np.random.Generator) -> np.ndarray:
  """[count] places from 0 to `length`, one at random in each of as many equal parts."""
  return (np.arange(count) + rng.uniform(size=count)) * length / count


def clip_at(clip: Clip, states: tuple[np.ndarray, np.ndarray], times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """A clip between its frames, all but where it stands: x and y are those of the frame before.

  Args:
    clip: a loop starts again behind its end, any other clip stops there.
    states: its qpos [T, nq] and qvel [T, nv], from `to_states`.
    times: [N] s.

  Returns:
    qpos [N, nq] and qvel [N, nv], linear between frames.
  """
  qpos, qvel = states
  place = times * clip.fps
  low = np.floor(place).astype(int)
  share = (place - low)[:, None]
  here, there = (
    index % clip.num_frames if clip.loop else np.minimum(index, clip.num_frames - 1) for index in (low, low + 1)
  )
  before, after = qpos[here], qpos[there]
  after[:, :2] = before[:, :2]
  after[:, 3:7] *= np.where((before[:, 3:7] * after[:, 3:7]).sum(axis=-1, keepdims=True) < 0, -1.0, 1.0)
  between = (1 - share) * before + share * after
  between[:, 3:7] /= np.linalg.norm(between[:, 3:7], axis=-1, keepdims=True)
  return between, (1 - share) * qvel[here] + share * qvel[there]


def _features(robot: Robot, moments: Sequence[Moments]) -> np.ndarray:
  """[len(moments), N, 2 F] of transitions: one program for all, as they are equally many."""
  compare = _extractor(robot)
  parts = [compare(state_bank(robot, *m[:2]), state_bank(robot, *m[2:])) for m in moments]
  return np.stack(parts).astype(np.float64)


@functools.lru_cache(maxsize=1)
def _extractor(robot: Robot) -> Callable[[PhysicsState, PhysicsState], jax.Array]:
  return jax.jit(jax.vmap(lambda before, after: transition_features(robot, before, after)))
