"""Motions kept as named arrays: .npz of several projects, GMR and AMP-RSL-RL pickles."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wildrobot_exp.errors import UserError
from wildrobot_exp.motions.formats.pickles import read_npy, read_pickle
from wildrobot_exp.motions.formats.raw import RawMotion, Refused, names, number, text

ROOT_BODY = "waist"
OWN_SCHEMA = 1
Fields = Mapping[str, Any]


def read_npz(path: Path) -> RawMotion:
  """Any of the .npz layouts, told apart by their arrays' names.

  Raises:
    Refused: an array in it is pickled.
    UserError: unknown layout or arrays that do not fit.
  """
  with np.load(path, allow_pickle=False) as archive:
    try:
      fields = {name: archive[name] for name in archive.files}
    except ValueError as error:
      raise Refused("pickle", f"{path}: holds a pickled array, save it without objects ({error})") from error
  return _recognise(path, fields, pickled=False)


def read_pickled(path: Path, *, npy: bool) -> RawMotion:
  """A dictionary of arrays in a pickle (GMR) or a pickled .npy (AMP-RSL-RL).

  Raises:
    Refused: the pickle holds more than arrays and plain containers.
    UserError: unknown layout.
  """
  fields = read_npy(path) if npy else read_pickle(path)
  if not isinstance(fields, dict):
    raise UserError(f"{path}: holds a {type(fields).__name__}, needs a dictionary of named arrays")
  return _recognise(path, {str(key): value for key, value in fields.items()}, pickled=True)


def _recognise(path: Path, fields: Fields, *, pickled: bool) -> RawMotion:
  for needed, build in _LAYOUTS:
    if all(name in fields for name in needed):
      try:
        found = build(fields)
      except (TypeError, ValueError, IndexError) as error:
        raise UserError(f"{path}: its arrays do not fit the layout ({' '.join(str(error).split())})") from error
      return RawMotion(**found, pickled=pickled)
  layouts = "; ".join(" + ".join(needed) for needed, _ in _LAYOUTS)
  raise UserError(f"{path}: unknown layout with {', '.join(sorted(fields)) or 'no arrays'}; known are {layouts}")


def _own(fields: Fields) -> dict[str, Any]:
  if "schema" in fields and number(fields["schema"]) != OWN_SCHEMA:
    raise ValueError(f"schema {fields['schema']}, this version reads {OWN_SCHEMA}")
  contacts = fields.get("contacts")
  return {
    "format": "reference clip .npz",
    "fps": number(fields.get("fps")),
    "joint_names": names(fields.get("joint_names")),
    "dof_pos": _floats(fields["dof_pos"]),
    "root_pos": _floats(fields["root_pos"]),
    "root_quat": _floats(fields["root_quat_wxyz"]),
    "order": "wxyz",
    "contacts": None if contacts is None else np.asarray(contacts).astype(bool),
    "speed": number(fields.get("speed")),
    "loop": bool(fields.get("loop", False)),
    "source": text(fields.get("source", "")),
    "licence": text(fields.get("licence", "")),
  }


def _loco_mujoco(fields: Fields) -> dict[str, Any]:
  return _generalised("LocoMuJoCo .npz", fields, "qpos", fields.get("frequency", fields.get("fps")))


def _beyond_mimic(fields: Fields) -> dict[str, Any]:
  """mjlab and BeyondMimic (joints alone, the root is a body) or holosoma (the root in joint_pos)."""
  joint_pos, known = _floats(fields["joint_pos"]), names(fields.get("joint_names"))
  if known is not None and joint_pos.shape[1] > len(known):
    return _generalised("holosoma .npz", fields, "joint_pos", fields.get("fps"))
  root = _root_body(fields)
  return {
    "format": "mjlab / BeyondMimic .npz",
    "fps": number(fields.get("fps")),
    "joint_names": known,
    "dof_pos": joint_pos,
    "root_pos": _floats(fields["body_pos_w"])[:, root],
    "root_quat": _floats(fields["body_quat_w"])[:, root],
    "order": "wxyz",
  }


def _isaac_lab(fields: Fields) -> dict[str, Any]:
  root = _root_body(fields)
  return {
    "format": "IsaacLab AMP .npz",
    "fps": number(fields.get("fps")),
    "joint_names": names(fields.get("dof_names")),
    "dof_pos": _floats(fields["dof_positions"]),
    "root_pos": _floats(fields["body_positions"])[:, root],
    "root_quat": _floats(fields["body_rotations"])[:, root],
    "order": "wxyz",
  }


def _gmr(fields: Fields) -> dict[str, Any]:
  return {
    "format": "GMR",
    "fps": number(fields.get("fps")),
    "joint_names": names(fields.get("joint_names", fields.get("dof_names"))),
    "dof_pos": _floats(fields["dof_pos"]),
    "root_pos": _floats(fields["root_pos"]),
    "root_quat": _floats(fields["root_rot"]),
    "order": "xyzw",
  }


def _amp_rsl_rl(fields: Fields) -> dict[str, Any]:
  return {
    "format": "AMP-RSL-RL .npy",
    "fps": number(fields.get("fps")),
    "joint_names": names(fields.get("joints_list")),
    "dof_pos": _floats(fields["joint_positions"]),
    "root_pos": _floats(fields["root_position"]),
    "root_quat": _floats(fields["root_quaternion"]),
    "order": "xyzw",
  }


def _generalised(label: str, fields: Fields, key: str, fps: Any) -> dict[str, Any]:
  """A layout whose array holds root position, quaternion and joints side by side."""
  qpos, known = _floats(fields[key]), names(fields.get("joint_names"))
  if qpos.ndim != 2 or qpos.shape[1] <= 7:
    raise ValueError(f"{key} has shape {qpos.shape}, needs [T, 7 + J]")
  if known is not None and len(known) == qpos.shape[1] - 6:  # the free joint is named, too
    known = known[1:]
  return {
    "format": label,
    "fps": number(fps),
    "joint_names": known,
    "dof_pos": qpos[:, 7:],
    "root_pos": qpos[:, :3],
    "root_quat": qpos[:, 3:7],
    "order": "wxyz",
  }


def _root_body(fields: Fields) -> int:
  bodies = names(fields.get("body_names")) or ()
  return bodies.index(ROOT_BODY) if ROOT_BODY in bodies else 0


def _floats(value: Any) -> np.ndarray:
  return np.asarray(value, dtype=np.float64)


_LAYOUTS: tuple[tuple[tuple[str, ...], Callable[[Fields], dict[str, Any]]], ...] = (
  (("dof_pos", "root_pos", "root_quat_wxyz"), _own),
  (("dof_positions", "body_positions", "body_rotations"), _isaac_lab),
  (("joint_pos", "body_pos_w", "body_quat_w"), _beyond_mimic),
  (("joint_pos", "joint_names"), _beyond_mimic),
  (("qpos",), _loco_mujoco),
  (("dof_pos", "root_pos", "root_rot"), _gmr),
  (("joint_positions", "root_position", "root_quaternion"), _amp_rsl_rl),
)
