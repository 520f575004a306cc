"""BVH recordings of people: the legs' sagittal angles from where the joints are.

Positions say the same whatever rest pose and axis order a file uses. Joints are found by name:

| role | names, after `left`, `l` or before `l`, `left` (and the same for right), case and separators aside |
|---|---|
| hip | upleg, upperleg, thigh, femur, hip |
| knee | knee, shin, calf, tibia, lowerleg, lowleg, leg |
| ankle | ankle, foot |
| toe | toebase, toes, toe, ball, foot, then the ankle's end site |
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from wildrobot_exp.errors import UserError, unknown_name
from wildrobot_exp.motions.formats.bvh_file import Skeleton, read_skeleton
from wildrobot_exp.motions.formats.human import RAW_RETARGET
from wildrobot_exp.motions.formats.quaternions import from_matrix
from wildrobot_exp.motions.formats.raw import RawMotion
from wildrobot_exp.motions.mocap import sagittal_pose
from wildrobot_exp.robots import Robot
from wildrobot_exp.robots.robot import FEET

ALIASES = {
  "hip": ("upleg", "upperleg", "thigh", "femur", "hip"),
  "knee": ("knee", "shin", "calf", "tibia", "lowerleg", "lowleg", "leg"),
  "ankle": ("ankle", "foot"),
  "toe": ("toebase", "toes", "toe", "ball", "foot"),
}
ROLES = tuple(f"{side}_{role}" for side in FEET for role in ALIASES)
Bones = Mapping[str, int | None]


def read_bvh(path: Path, robot: Robot, bones: Mapping[str, str] | None = None) -> RawMotion:
  """Hips, knees, ankles and root of the recorded person.

  Args:
    path: the file.
    robot: whom to bring it to.
    bones: the file's names for ROLES it cannot guess.

  Raises:
    UserError: no BVH file, or a role's joint is not found.
  """
  skeleton = read_skeleton(path)
  found = _find(path, skeleton, bones or {})
  points, y_up = _z_up(path, skeleton, found)
  pelvis = _pelvis(skeleton, points, found)
  angles = np.stack([_leg(points, pelvis, found, side) for side in FEET], axis=1)
  lengths = [
    np.linalg.norm(points[0, found[f"{side}_{a}"]] - points[0, found[f"{side}_{b}"]])
    for side in FEET
    for a, b in (("hip", "knee"), ("knee", "ankle"))
  ]
  used = ", ".join(f"{role} = {skeleton.names[node]}" for role, node in found.items() if node is not None)
  return RawMotion(
    format="BVH",
    fps=skeleton.fps,
    joint_names=robot.joint_names,
    dof_pos=sagittal_pose(robot, angles)[:, robot.joint_qpos],
    root_pos=(points[:, found["right_hip"]] + points[:, found["left_hip"]]) / 2,
    root_quat=from_matrix(pelvis),
    order="wxyz",
    leg_length=float(sum(lengths) / 2),
    notes=(RAW_RETARGET, f"joints by name: {used}", f"{'y' if y_up else 'z'} is up in the file"),
  )


def _find(path: Path, skeleton: Skeleton, bones: Mapping[str, str]) -> dict[str, int | None]:
  """Index of the joint for each of ROLES; a toe may be None."""
  for role, name in bones.items():
    if role not in ROLES:
      raise unknown_name("role of a bone", role, ROLES)
    if name not in skeleton.names:
      raise unknown_name(f"joint in {path.name}", name, skeleton.names)
  plain = {_plain(name): i for i, name in reversed(list(enumerate(skeleton.names)))}
  found: dict[str, int | None] = {}
  for role in ROLES:
    side, part = role.split("_")
    spellings = (s for a in ALIASES[part] for s in (side + a, side[0] + a, a + side[0], a + side))
    known = [plain[s] for s in spellings if s in plain and plain[s] not in found.values()]
    found[role] = skeleton.names.index(bones[role]) if role in bones else known[0] if known else None
    if part == "toe" and found[role] is None:
      found[role] = plain.get(_plain(f"{skeleton.names[found[f'{side}_ankle']]}_end"))
    elif found[role] is None:
      raise UserError(f"{path}: no joint for {role}, give --bones {role}=NAME with one of {', '.join(skeleton.names)}")
  return found


def _plain(name: str) -> str:
  name = name.rsplit(":", 1)[-1]
  return "".join(c for c in name.lower() if c.isalnum()).removeprefix("mixamorig")


def _z_up(path: Path, skeleton: Skeleton, found: Bones) -> tuple[np.ndarray, bool]:
  """All positions with z up, and whether y was up: the legs hang down."""
  legs = [skeleton.positions[:, found[f"{s}_hip"]] - skeleton.positions[:, found[f"{s}_ankle"]] for s in FEET]
  up = np.mean(legs, axis=(0, 1))
  axis = int(np.argmax(np.abs(up)))
  if axis == 0 or up[axis] < 0:
    raise UserError(f"{path}: its legs hang along {'-' if up[axis] > 0 else '+'}{'xyz'[axis]}, needs y or z up")
  if axis == 2:
    return skeleton.positions, False
  x, y, z = np.moveaxis(skeleton.positions, -1, 0)
  return np.stack([x, -z, y], axis=-1), True


def _pelvis(skeleton: Skeleton, points: np.ndarray, found: Bones) -> np.ndarray:
  """[T, 3, 3] axes of the pelvis as columns: forward, left (hip to hip), up (to the spine, upright on average)."""
  left = _unit(points[:, found["left_hip"]] - points[:, found["right_hip"]])
  middle = (points[:, found["left_hip"]] + points[:, found["right_hip"]]) / 2
  legs = _ancestors(skeleton, found["left_hip"]) | _ancestors(skeleton, found["right_hip"])
  spine = [i for i, parent in enumerate(skeleton.parents) if parent == 0 and i not in legs]
  flat = _unit(np.cross(left, [0.0, 0.0, 1.0]))
  lean = np.zeros(len(points))
  if spine:
    trunk = points[:, spine[0]] - middle
    if np.linalg.norm(trunk, axis=1).min() > 1e-6:
      lean = np.arctan2((trunk * flat).sum(1), trunk[:, 2])
      lean = lean - lean.mean()
  level = np.cross(flat, left)
  up = level * np.cos(lean)[:, None] + flat * np.sin(lean)[:, None]
  return np.stack([np.cross(left, up), left, up], axis=-1)


def _leg(points: np.ndarray, pelvis: np.ndarray, found: Bones, side: str) -> np.ndarray:
  """[T, 3] hip flexion, knee flexion, ankle dorsiflexion, rad: slopes of the bones in the pelvis' sagittal plane."""
  hip, knee, ankle = (points[:, found[f"{side}_{part}"]] for part in ("hip", "knee", "ankle"))
  thigh, shank = _slope(pelvis, knee - hip), _slope(pelvis, ankle - knee)
  if found[f"{side}_toe"] is None:
    sole = -np.arctan2(pelvis[:, 2, 0], pelvis[:, 2, 2])  # kept level
  else:
    foot = _slope(pelvis, points[:, found[f"{side}_toe"]] - ankle)
    tilt = np.arctan2(pelvis[:, 2, 0], pelvis[:, 2, 2])
    low = ankle[:, 2] <= np.quantile(ankle[:, 2], 0.4)  # where it stands, the sole is level
    sole = foot - np.median((foot + tilt)[low])
  return np.stack([thigh, thigh - shank, sole - shank], axis=1)


def _slope(pelvis: np.ndarray, bone: np.ndarray) -> np.ndarray:
  """Angle of bones [T, 3] forward from straight down in the pelvis' frame, rad."""
  forward, _, up = np.einsum("tij,ti->jt", pelvis, bone)
  return np.unwrap(np.arctan2(forward, -up))


def _ancestors(skeleton: Skeleton, node: int) -> set[int]:
  chain = set()
  while node >= 0:
    chain.add(node)
    node = skeleton.parents[node]
  return chain


def _unit(vectors: np.ndarray) -> np.ndarray:
  return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
