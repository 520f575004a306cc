"""The BVH file format: a skeleton and its channels over time, as positions of its joints."""

import dataclasses
from pathlib import Path

import numpy as np

from wildrobot_exp.errors import UserError

AXES = "XYZ"


@dataclasses.dataclass
class Node:
  """A joint of the skeleton; parent -1 for the root."""

  name: str
  parent: int
  offset: np.ndarray
  channels: list[str]


@dataclasses.dataclass(frozen=True, eq=False)
class Skeleton:
  """A played BVH file.

  Attributes:
    names: [B] of the joints; end sites are their parent's name and `_end`.
    parents: [B].
    positions: [T, B, 3] in the file's world and units.
    fps: None where the frame time is missing or zero.
  """

  names: tuple[str, ...]
  parents: tuple[int, ...]
  positions: np.ndarray
  fps: float | None


def read_skeleton(path: Path) -> Skeleton:
  """Parse and play the file.

  Raises:
    UserError: not a complete BVH file.
  """
  try:
    head, _, tail = path.read_text(encoding="utf-8", errors="replace").partition("MOTION")
    nodes = _hierarchy(head.replace("{", " { ").replace("}", " } ").split())
    seconds, rows = _motion(tail)
    width = sum(len(node.channels) for node in nodes)
    if rows.shape[1] != width:
      raise ValueError(f"rows of {rows.shape[1]} numbers for {width} channels")
    positions = _play(nodes, rows)
  except (ValueError, IndexError) as error:
    raise UserError(f"{path}: not a complete BVH file ({' '.join(str(error).split())})") from error
  names, parents = tuple(node.name for node in nodes), tuple(node.parent for node in nodes)
  return Skeleton(names, parents, positions, 1 / seconds if seconds else None)


def _hierarchy(words: list[str]) -> list[Node]:
  nodes: list[Node] = []
  stack: list[int] = []
  i = 1
  while i < len(words):
    word = words[i]
    if word in ("ROOT", "JOINT", "End"):
      parent = stack[-1] if stack else -1
      name = f"{nodes[parent].name}_end" if word == "End" else words[i + 1]
      nodes.append(Node(name, parent, np.zeros(3), []))
      stack.append(len(nodes) - 1)
      i += 3  # the kind, the name and the brace
    elif word == "OFFSET":
      nodes[stack[-1]].offset = np.array([float(x) for x in words[i + 1 : i + 4]])
      i += 4
    elif word == "CHANNELS":
      count = int(words[i + 1])
      nodes[stack[-1]].channels = words[i + 2 : i + 2 + count]
      i += 2 + count
    elif word == "}":
      stack.pop()
      i += 1
    else:
      raise ValueError(f"unexpected {word!r} in the hierarchy")
  if not nodes or stack:
    raise ValueError("the hierarchy is not closed")
  return nodes


def _motion(tail: str) -> tuple[float, np.ndarray]:
  """Seconds per frame (0 if the file does not say) and the rows [T, channels]."""
  seconds, rows = 0.0, []
  for line in tail.splitlines():
    if line.strip().startswith("Frame Time:"):
      seconds = float(line.split(":")[1])
    elif line.strip() and not line.strip().startswith("Frames:"):
      rows.append([float(x) for x in line.split()])
  if not rows:
    raise ValueError("no frames")
  return seconds, np.array(rows)


def _play(nodes: list[Node], rows: np.ndarray) -> np.ndarray:
  positions = np.empty((len(rows), len(nodes), 3))
  turned = np.empty((len(rows), len(nodes), 3, 3))
  column = 0
  for i, node in enumerate(nodes):
    shift = np.tile(node.offset, (len(rows), 1))
    turn = np.tile(np.eye(3), (len(rows), 1, 1))
    moved = False
    for channel in node.channels:
      values, axis, kind = rows[:, column], AXES.index(channel[0].upper()), channel[1:].lower()
      column += 1
      if kind == "position":
        shift = shift if moved else np.zeros_like(shift)  # position channels replace the offset
        moved = True
        shift[:, axis] = values
      else:
        turn = turn @ _turns(axis, np.deg2rad(values))
    if node.parent < 0:
      positions[:, i], turned[:, i] = shift, turn
    else:
      above = turned[:, node.parent]
      positions[:, i] = positions[:, node.parent] + (above @ shift[..., None])[..., 0]
      turned[:, i] = above @ turn
  return positions


def _turns(axis: int, angles: np.ndarray) -> np.ndarray:
  """[T, 3, 3] rotations about a coordinate axis."""
  a, b = (axis + 1) % 3, (axis + 2) % 3
  turn = np.zeros((len(angles), 3, 3))
  turn[:, axis, axis] = 1.0
  turn[:, a, a] = turn[:, b, b] = np.cos(angles)
  turn[:, b, a] = np.sin(angles)
  turn[:, a, b] = -np.sin(angles)
  return turn
