"""Where the feet go and what carries the weight: one stride of walking straight ahead."""

import dataclasses

import numpy as np

ROLL = 2.8  # rad of toe down at lift-off, per m^2 of stride
ROLL_PHASE = 0.15  # strides before lift-off at which the heel begins to rise


@dataclasses.dataclass(frozen=True, eq=False)
class StepPlan:
  """One stride of feet and zero moment point: the right foot swings first, t = 0 is mid double support.

  Attributes:
    time: [N] s.
    feet: [N, 2, 3] sole centres (right, left), m.
    pitch: [N, 2] how far each sole points toe down, rad.
    contacts: [N, 2] bool.
    zmp: [N, 2] m.
  """

  time: np.ndarray
  feet: np.ndarray
  pitch: np.ndarray
  contacts: np.ndarray
  zmp: np.ndarray


@dataclasses.dataclass(frozen=True)
class Stance:
  """Measures of a robot standing with straight legs, m: heights above the soles, and the feet."""

  base_height: float
  com_height: float
  foot_separation: float
  toe: float  # from the sole's centre forward to the edge it rolls over


def plan_steps(
  samples: int, speed: float, stride_seconds: float, lift: float, double_support: float, stance: Stance
) -> StepPlan:
  """Lay out one stride.

  A foot stands still and flat, rolls onto its toe shortly before it leaves the ground (the longer the stride
  the more, as the ankle bends no further), swings forward as s^3 (10 - 15 s + 6 s^2) and up as
  lift sin^2(pi s), and lands flat. The zero moment point stays under the stance foot and crosses over
  linearly in double support.

  Args:
    samples: N, evenly spaced over the stride without its end point.
    speed: m/s.
    stride_seconds: two steps, s.
    lift: height of the swing foot's lowest edge, m.
    double_support: share of each step with both feet down, in [0, 1).
    stance: the robot's measures.
  """
  phase = np.arange(samples) / samples
  half_support = double_support / 4  # in strides, on each side of the change of foot
  stride = speed * stride_seconds
  ground = np.zeros((samples, 2, 2))
  feet = np.zeros((samples, 2, 3))
  pitch = np.zeros((samples, 2))
  contacts = np.ones((samples, 2), dtype=bool)
  for foot, (swing_start, x_start, side) in enumerate([(0.0, -stride / 2, -1), (0.5, 0.0, 1)]):
    cycle, since_roll = np.divmod(phase - swing_start - half_support + ROLL_PHASE, 1)
    roll = np.clip(since_roll / ROLL_PHASE, 0, 1)
    s = np.clip((since_roll - ROLL_PHASE) / (0.5 - 2 * half_support), 0, 1)
    contacts[:, foot] = np.minimum(s, 1 - s) < 1e-9
    ground[:, foot, 0] = x_start + stride * (cycle + ease(s))
    ground[:, foot, 1] = side * stance.foot_separation / 2
    pitch[:, foot] = ROLL * stride**2 * ease(roll) * (1 - ease(s))
    feet[:, foot, :2] = ground[:, foot]
    feet[:, foot, 0] += stance.toe * (1 - np.cos(pitch[:, foot]))
    feet[:, foot, 2] = lift * np.sin(np.pi * s) ** 2 + stance.toe * np.sin(pitch[:, foot])

  # Phase since the last, or until the next, change of foot; positive in the left foot's half.
  in_half = phase % 0.5
  signed = np.minimum(in_half, 0.5 - in_half) * np.where(phase < 0.5, 1, -1)
  left_share = (1 + np.clip(signed / max(half_support, 1e-9), -1, 1)) / 2
  zmp = left_share[:, None] * ground[:, 1] + (1 - left_share[:, None]) * ground[:, 0]
  return StepPlan(phase * stride_seconds, feet, pitch, contacts, zmp)


def ease(s: np.ndarray) -> np.ndarray:
  """From 0 to 1 with velocity and acceleration 0 at both ends."""
  return s**3 * (10 - 15 * s + 6 * s**2)
