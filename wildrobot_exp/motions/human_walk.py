"""One stride of a real person's walk: sagittal joint angles as Fourier series, with where they come from."""

import dataclasses
import functools
import importlib.resources
import json

import numpy as np

from wildrobot_exp.robots.robot import FEET

JOINTS = ("hip", "knee", "ankle")
HARMONICS = 5
FILE = "human_walk.json"


@dataclasses.dataclass(frozen=True, eq=False)
class HumanWalk:
  """A stride. Made by tools/fit_human_walk.py from landmarks of a motion-capture recording.

  Attributes:
    stride_seconds: the person's, s.
    stance_share: share of the stride from a foot's heel strike to its toe off.
    coefficients: [2, 3, 1 + 2 HARMONICS] per side (right, left) and joint: mean, cos 1, sin 1, cos 2, ..., rad.
    source: the recording and what was changed.
    licence: its licence.
  """

  stride_seconds: float
  stance_share: float
  coefficients: np.ndarray
  source: str
  licence: str

  def angles(self, phase: np.ndarray) -> np.ndarray:
    """[N, 2, 3] flexion of hip, knee and ankle (right, left) at phases [N]; 0 is the right heel strike, rad."""
    turns = 2 * np.pi * np.asarray(phase)[:, None] * np.arange(1, HARMONICS + 1)
    waves = np.stack([np.cos(turns), np.sin(turns)], axis=-1).reshape(len(turns), -1)
    return self.coefficients[..., 0] + np.einsum("nw,sjw->nsj", waves, self.coefficients[..., 1:])


@functools.cache
def load_human_walk() -> HumanWalk:
  """The walk shipped with the package."""
  text = (importlib.resources.files("wildrobot_exp.motions") / "data" / FILE).read_text()
  walk = json.loads(text)
  return HumanWalk(
    stride_seconds=walk["stride_seconds"],
    stance_share=walk["stance_share"],
    coefficients=np.array([[walk["angles"][side][joint] for joint in JOINTS] for side in FEET]),
    source=f"{walk['source']}; changed: {walk['changes']}",
    licence=walk["licence"],
  )
