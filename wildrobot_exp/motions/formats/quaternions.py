"""Arrays of unit quaternions [T, 4], w first unless said."""

import dataclasses
from typing import Literal

import numpy as np

Order = Literal["wxyz", "xyzw"]
Y_TO_Z_UP = np.array([np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0])  # a quarter turn about x: y becomes z


def multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
  """a * b, broadcast over leading dimensions."""
  aw, av, bw, bv = a[..., :1], a[..., 1:], b[..., :1], b[..., 1:]
  w = aw * bw - (av * bv).sum(-1, keepdims=True)
  return np.concatenate([w, aw * bv + bw * av + np.cross(av, bv)], axis=-1)


def rotate(quat: np.ndarray, vec: np.ndarray) -> np.ndarray:
  """vec [..., 3] turned by quat [..., 4]."""
  t = 2.0 * np.cross(quat[..., 1:], vec)
  return vec + quat[..., :1] * t + np.cross(quat[..., 1:], t)


def about_z(angle: float) -> np.ndarray:
  """[4] a turn about z, rad."""
  return np.array([np.cos(angle / 2), 0.0, 0.0, np.sin(angle / 2)])


def mean_yaw(quat: np.ndarray) -> float:
  """Mean direction that bodies turned by quat face, about z, rad."""
  forward = rotate(quat, np.array([1.0, 0.0, 0.0])).mean(axis=0)
  return float(np.arctan2(forward[1], forward[0]))


def from_matrix(matrix: np.ndarray) -> np.ndarray:
  """Quaternions [T, 4] of rotation matrices [T, 3, 3]."""
  m = matrix
  w, x, y, z = (np.array([1, *signs]) for signs in ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)))
  diagonal = np.concatenate([np.ones((len(m), 1)), np.diagonal(m, axis1=1, axis2=2)], axis=1)
  size = np.sqrt(np.maximum(diagonal @ np.stack([w, x, y, z], axis=1), 0.0)) / 2
  cross = np.stack([m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]], axis=1)
  return normalise(np.concatenate([size[:, :1], np.copysign(size[:, 1:], cross)], axis=1))


def normalise(quat: np.ndarray) -> np.ndarray:
  """Of length 1, neighbours on the same side of the double cover."""
  quat = quat / np.linalg.norm(quat, axis=-1, keepdims=True)
  flips = np.where((quat[1:] * quat[:-1]).sum(-1) < 0, -1.0, 1.0)
  return quat * np.concatenate([[1.0], np.cumprod(flips)])[:, None]


def to_wxyz(columns: np.ndarray, order: Order) -> np.ndarray:
  """Columns of a file in the given order, w first."""
  return np.roll(columns, 1, axis=-1) if order == "xyzw" else columns


@dataclasses.dataclass(frozen=True)
class Attitude:
  """How a base stands and goes.

  Attributes:
    up: mean z of its up axis: 1 upright, -1 upside down.
    forward: mean speed along its forward axis, m/s.
    along_x: mean x of its forward axis.
  """

  up: float
  forward: float
  along_x: float


def attitude(quat: np.ndarray, root_pos: np.ndarray, fps: float) -> Attitude:
  """Of a base with orientations quat [T, 4] at root_pos [T, 3], z up."""
  ahead = rotate(quat, np.array([1.0, 0.0, 0.0]))[:-1]
  up = 1 - 2 * (quat[:, 1] ** 2 + quat[:, 2] ** 2)
  speed = (np.diff(root_pos, axis=0) * ahead).sum(axis=1).mean() * fps
  return Attitude(float(up.mean()), float(speed), float(ahead[:, 0].mean()))
