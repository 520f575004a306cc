"""Checks of the soles by forward kinematics: do they slide, sink in or float?"""

import numpy as np

from wildrobot_exp.motions.lint.channels import moves
from wildrobot_exp.motions.lint.findings import Finding, graded
from wildrobot_exp.motions.lint.posed import Posed
from wildrobot_exp.robots.robot import FEET

SLIP_WARN, SLIP_REFUSE = 0.05, 0.15  # m/s, mean over the frames a foot stands
DEEP_WARN, DEEP_REFUSE = 0.005, 0.02  # m below the floor
FLOAT_HEIGHT = 0.02  # m: with both soles above this the robot floats or flies
FLOAT_WARN, FLOAT_REFUSE = 0.2, 0.5  # share of frames


def check_foot_slip(posed: Posed) -> Finding:
  """How fast the soles slide while they stand."""
  soles, stance = posed.soles[..., :2], posed.stance
  if posed.clip.loop:
    advance = np.array([posed.clip.speed * posed.clip.seconds, 0.0])
    soles = np.concatenate([soles, soles[:1] + advance])
    stance = np.concatenate([stance, stance[:1]])
  slide = np.linalg.norm(np.diff(soles, axis=0), axis=-1) * posed.clip.fps
  stands = stance[1:] & stance[:-1]
  if not stands.any():
    return Finding("foot-slip", "warn", "no sole stands on the floor for two frames: see penetration")
  means = [slide[stands[:, foot], foot].mean() if stands[:, foot].any() else 0.0 for foot in range(2)]
  foot = int(np.argmax(means))
  frame = int(np.argmax(np.where(stands[:, foot], slide[:, foot], 0.0)))
  message = (
    f"the {FEET[foot]} foot slides at {means[foot]:.3f} m/s while it stands, "
    f"at most {slide[frame, foot]:.2f} at {posed.at(frame)}"
  )
  if means[foot] > SLIP_WARN:
    message += ": root_pos and the joints do not belong together, check scale, joint signs and fps"
  return graded("foot-slip", means[foot], SLIP_WARN, SLIP_REFUSE, message)


def check_penetration(posed: Posed) -> Finding:
  """Soles below the floor, or both above it for long."""
  heights = posed.heights
  frame, foot = np.unravel_index(np.argmin(heights), heights.shape)
  lowest = heights[frame, foot]
  floats = float((heights.min(axis=1) > FLOAT_HEIGHT).mean())
  if floats > FLOAT_WARN and lowest > -DEEP_WARN:
    return graded(
      "penetration", floats, FLOAT_WARN, FLOAT_REFUSE,
      f"both soles are more than {1e3 * FLOAT_HEIGHT:g} mm above the floor in {floats:.0%} of the frames, "
      f"the lowest by {1e3 * lowest:.0f} mm at {posed.at(int(frame))}: put it on the floor (--on-floor)",
    )  # fmt: skip
  if lowest >= -DEEP_WARN:
    deep = f"at most {1e3 * max(-lowest, 0.0):.1f} mm into the floor"
    return Finding("penetration", "ok", deep if moves(posed) else f"stands still, {deep}")
  message = (
    f"the {FEET[foot]} sole is {-1e3 * lowest:.0f} mm below the floor at {posed.at(int(frame))}: "
    "put it on the floor (--on-floor) or check joint signs"
  )
  return graded("penetration", -lowest, DEEP_WARN, DEEP_REFUSE, message)
