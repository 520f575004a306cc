"""What a reader finds in a file, before anything is changed, and the refusal of a file."""

import dataclasses

import numpy as np

from wildrobot_exp.errors import UserError
from wildrobot_exp.motions.formats.quaternions import Order


class Refused(UserError):
  """A file that cannot be imported. `code` is the lint code it fails."""

  def __init__(self, code: str, message: str):
    super().__init__(f"{code}: {message}")
    self.code = code
    self.message = message


@dataclasses.dataclass(frozen=True, eq=False)
class RawMotion:
  """The contents of one file.

  Attributes:
    format: its name for people.
    fps: None if the file does not say.
    joint_names: [J], None if the file does not say.
    dof_pos: [T, J] rad.
    root_pos: [T, 3] m.
    root_quat: [T, 4], its numbers in `order`.
    order: the format's order of a quaternion's numbers, or the user's.
    y_up: root_pos and root_quat have y up; everything else has z up.
    leg_length: of a human whose joints these were, hip to ankle in the units of root_pos; None for a robot.
    contacts: [T, 2] bool, right then left, or None.
    speed, loop: as in a Clip; speed None if the file does not say.
    source, licence: as in a Clip.
    pickled: it was read by the restricted unpickler.
    notes: what the user has to know about the reading.
  """

  format: str
  fps: float | None
  joint_names: tuple[str, ...] | None
  dof_pos: np.ndarray
  root_pos: np.ndarray
  root_quat: np.ndarray
  order: Order
  y_up: bool = False
  leg_length: float | None = None
  contacts: np.ndarray | None = None
  speed: float | None = None
  loop: bool = False
  source: str = ""
  licence: str = ""
  pickled: bool = False
  notes: tuple[str, ...] = ()


def text(value: object) -> str:
  """A string, also from a numpy array that holds one."""
  return str(np.asarray(value).reshape(-1)[0]) if np.size(value) else ""


def number(value: object) -> float | None:
  """A number, also from a numpy array that holds one; None stays None."""
  return None if value is None else float(np.asarray(value, dtype=np.float64).reshape(-1)[0])


def names(value: object) -> tuple[str, ...] | None:
  """Joint names from a list or an array of strings; None stays None."""
  if value is None:
    return None
  return tuple(x.decode() if isinstance(x, bytes) else str(x) for x in np.asarray(value).reshape(-1).tolist())
