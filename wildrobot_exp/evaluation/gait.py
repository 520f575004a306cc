"""How a robot walks: step frequency, support, foot clearance, symmetry, knee motion.

The same measures serve a simulated robot and a reference clip, so they can stand side by side.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence

import mujoco
import numpy as np

from wildrobot_exp.evaluation.measures import SETTLE_SECONDS
from wildrobot_exp.evaluation.rollouts import Record
from wildrobot_exp.evaluation.symmetry import cycle_symmetry, leg_pairs
from wildrobot_exp.motions import Clip, to_states
from wildrobot_exp.robots import Robot
from wildrobot_exp.robots.robot import FEET

CONTACT_FORCE = 1.0  # N, 3 % of the robot's weight
CONTACT_STEPS = 3  # shorter contacts, and shorter gaps in one, are bounces of 1 mm; a 6 Hz shuffle has longer swings
CONTACT_HEIGHT = 0.005  # m, for clips that do not say where their contacts are
LOOP_REPEATS = 4  # a looping clip is measured over this many rounds
LEAST_SECONDS = 2.0  # a robot that fell sooner after the first second says nothing about its gait


@dataclasses.dataclass(frozen=True, eq=False)
class Walk:
  """One robot's walk. Feet are right then left.

  Attributes:
    contacts: [T, 2] bool.
    heights: [T, 2] of the sole centres above the floor, m.
    joints: [T, J] rad, in joint order.
    vx: [T] forward velocity, m/s.
    dt: seconds per row.
  """

  contacts: np.ndarray
  heights: np.ndarray
  joints: np.ndarray
  vx: np.ndarray
  dt: float


@dataclasses.dataclass(frozen=True)
class Gait:
  """Measures of a walk; NaN where the robot did not step. Pairs are right then left.

  A foot's *stride* is from one of its touchdowns to the next.

  Attributes:
    vx: m/s, over whole strides.
    stride_frequency: [2] Hz; 0 for a foot that did not complete a stride.
    duty_factor: [2] share of its strides that a foot is on the ground.
    double_support: share of the strides that both feet are.
    swing_clearance: [2] m, median over swings of the sole centre's peak above its height in stance.
    symmetry: 1 if the legs do the same half a cycle apart; see `symmetry.cycle_symmetry`.
    knee_range: [2] rad, median over strides of the knee's range.
  """

  vx: float
  stride_frequency: tuple[float, float]
  duty_factor: tuple[float, float]
  double_support: float
  swing_clearance: tuple[float, float]
  symmetry: float
  knee_range: tuple[float, float]


def measure(robot: Robot, walk: Walk) -> Gait:
  """The gait of one robot over one walk."""
  contacts = np.stack([debounce(walk.contacts[:, foot]) for foot in (0, 1)], axis=1)
  downs = [touchdowns(contacts[:, foot]) for foot in (0, 1)]
  spans = [slice(d[0], d[-1]) if len(d) > 1 else slice(None) for d in downs]
  both = spans[0] if len(downs[0]) > 1 else spans[1]
  knees = [robot.joint_index(f"{side}_knee_pitch") for side in FEET]
  strides = [[slice(a, b + 1) for a, b in itertools.pairwise(d)] or [slice(None)] for d in downs]
  return Gait(
    vx=float(walk.vx[both].mean()),
    stride_frequency=_pair((len(d) - 1) / ((d[-1] - d[0]) * walk.dt) if len(d) > 1 else 0.0 for d in downs),
    duty_factor=_pair(contacts[spans[foot], foot].mean() for foot in (0, 1)),
    double_support=float(contacts[both].all(axis=1).mean()),
    swing_clearance=_pair(swing_clearance(contacts[:, foot], walk.heights[:, foot]) for foot in (0, 1)),
    symmetry=cycle_symmetry(walk.joints, leg_pairs(robot), downs[0]),
    knee_range=_pair(
      np.median([np.ptp(walk.joints[stride, knees[foot]]) for stride in strides[foot]]) for foot in (0, 1)
    ),
  )


def debounce(contact: np.ndarray, least: int = CONTACT_STEPS) -> np.ndarray:
  """contact [T] with gaps and then contacts shorter than `least` steps removed, except at the ends."""
  contact = np.array(contact, dtype=bool)
  for value in (False, True):
    edges = np.flatnonzero(np.diff(contact)) + 1
    for begin, end in itertools.pairwise(edges):
      if contact[begin] == value and end - begin < least:
        contact[begin:end] = not value
  return contact


def touchdowns(contact: np.ndarray) -> np.ndarray:
  """Indices at which contact [T] begins."""
  return np.flatnonzero(contact[1:] & ~contact[:-1]) + 1


def swing_clearance(contact: np.ndarray, height: np.ndarray) -> float:
  """Median over complete swings of the peak height above the median height in stance, m; NaN without one."""
  ups = np.flatnonzero(~contact[1:] & contact[:-1]) + 1
  downs = touchdowns(contact)
  swings = [(up, downs[downs > up][0]) for up in ups if (downs > up).any()]
  if not swings:
    return float("nan")
  return float(np.median([height[up:down].max() for up, down in swings]) - np.median(height[contact]))


def average(gaits: Sequence[Gait]) -> Gait | None:
  """The mean of every measure over robots, leaving out the NaNs; None of no gaits."""
  if not gaits:
    return None
  fields = {}
  for field in dataclasses.fields(Gait):
    values = np.array([getattr(gait, field.name) for gait in gaits], dtype=np.float64)
    count = np.isfinite(values).sum(axis=0)
    mean = np.where(count > 0, np.nansum(values, axis=0) / np.maximum(count, 1), np.nan)
    fields[field.name] = tuple(mean.tolist()) if mean.ndim else float(mean)
  return Gait(**fields)


def walk_of(robot: Robot, record: Record, index: int) -> Walk | None:
  """Robot `index` of a record, from the first second to its fall; None if that is too short to say."""
  rows = slice(round(SETTLE_SECONDS / record.dt), int(record.alive[:, index].sum()))
  if rows.stop - rows.start < LEAST_SECONDS / record.dt:
    return None
  return Walk(
    contacts=record.feet_load[rows, index] > CONTACT_FORCE,
    heights=record.feet_pos[rows, index, :, 2],
    joints=record.qpos[rows, index][:, robot.joint_qpos],
    vx=record.linvel[rows, index, 0],
    dt=record.dt,
  )


def record_gait(robot: Robot, record: Record) -> Gait | None:
  """The mean gait of the robots of a record; None if all fell too soon."""
  walks = [walk_of(robot, record, i) for i in range(len(record.commands))]
  return average([measure(robot, walk) for walk in walks if walk is not None])


def reference_gait(robot: Robot, clips: Sequence[Clip]) -> dict[float, Gait]:
  """The same measures of reference clips by their speed, the mean where several have the same."""
  gaits: dict[float, list[Gait]] = {}
  for clip in clips:
    gaits.setdefault(clip.speed, []).append(measure(robot, clip_walk(robot, clip)))
  return {speed: average(same) for speed, same in gaits.items()}


def clip_walk(robot: Robot, clip: Clip) -> Walk:
  """A clip as a walk: its own contacts, heights by forward kinematics; a loop goes round several times."""
  qpos, qvel = to_states(robot, clip)
  data = mujoco.MjData(robot.model)
  soles = [robot.model.site(f"{side}_foot").id for side in FEET]
  heights = np.empty((len(qpos), 2))
  for frame, pose in enumerate(qpos):
    data.qpos[:] = pose
    mujoco.mj_kinematics(robot.model, data)
    heights[frame] = data.site_xpos[soles, 2]
  contacts = clip.contacts
  if contacts is None:
    contacts = heights < heights.min(axis=0) + CONTACT_HEIGHT
  times = LOOP_REPEATS if clip.loop else 1
  return Walk(
    contacts=np.tile(contacts, (times, 1)),
    heights=np.tile(heights, (times, 1)),
    joints=np.tile(qpos[:, robot.joint_qpos], (times, 1)),
    vx=np.tile(qvel[:, 0], times),
    dt=1.0 / clip.fps,
  )


def _pair(values: Iterable[float]) -> tuple[float, float]:
  right, left = values
  return float(right), float(left)
