"""Checks of the joint and root columns by themselves: names, copies, jumps, zeros, limits, speeds."""

import numpy as np

from wildrobot_exp.motions.lint.findings import Finding, graded
from wildrobot_exp.motions.lint.posed import Posed
from wildrobot_exp.motions.mirror import leg_pairs

SERVO_SPEED = 5.8  # rad/s without load
TOO_FAST = 0.05  # share of a joint's frames above SERVO_SPEED that is refused
GLITCH = 2.0  # times SERVO_SPEED: one frame is enough to refuse
AT_LIMIT = 0.005  # rad
BEYOND_LIMIT = 0.02  # rad
LIMIT_WARN, LIMIT_REFUSE = 0.05, 0.20  # share of a joint's frames
COPIES_WARN, COPIES_REFUSE = 0.02, 0.20  # share of frames that repeat the one before
MOVES = 1e-9  # rad, m: less is no motion at all
OPPOSITE = 0.1  # rad, mean angles of a pair this far on opposite sides are no mirror images
UNLIKE = 4.0  # ratio of the ranges of a pair
# Allowed departure of a step from the mean of its neighbours, at 50 fps or more: warn, refuse.
JUMPS = {"root position": (0.01, 0.03, "m"), "root rotation": (0.03, 0.08, "rad"), "joints": (0.06, 0.15, "rad")}


def moves(posed: Posed) -> bool:
  """False for a clip that stands still."""
  return bool(np.abs(posed.qpos - posed.qpos[0]).max() > MOVES)


def check_joint_names(posed: Posed) -> Finding:
  """The names fit, and the two legs' columns look like a left and a right leg."""
  names, joints = posed.robot.joint_names, posed.joints
  for right, left, sign in leg_pairs(posed.robot):
    means = joints[:, right].mean(), sign * joints[:, left].mean()
    if means[0] * means[1] < 0 and abs(means[0] - means[1]) > 2 * OPPOSITE and min(np.abs(means)) > OPPOSITE:
      return Finding(
        "joint-names", "warn",
        f"{names[right]} averages {means[0]:+.2f} rad where its mirror image {names[left]} asks for {means[1]:+.2f}: "
        "one of them was mirrored without changing its sign, or the columns are swapped",
      )  # fmt: skip
  for right, left, _ in leg_pairs(posed.robot):
    spans = np.ptp(joints[:, right]), np.ptp(joints[:, left])
    if posed.clip.loop and max(spans) > 0.2 and max(spans) > UNLIKE * min(spans):
      return Finding(
        "joint-names", "warn",
        f"{names[right]} moves through {spans[0]:.2f} rad but {names[left]} through {spans[1]:.2f}: "
        "check that no two columns are swapped",
      )  # fmt: skip
  return Finding("joint-names", "ok", f"all {len(names)} joints of the robot, by name")


def check_duplicate_frames(posed: Posed) -> Finding:
  """Frames that repeat the one before."""
  if not moves(posed):
    return Finding("duplicate-frames", "ok", "stands still: all frames are the same")
  still = np.abs(posed.steps).max(axis=1) <= MOVES
  share, count = float(still.mean()), int(still.sum())
  if not count:
    return Finding("duplicate-frames", "ok", "no frame repeats the one before")
  where = posed.at((int(np.argmax(still)) + 1) % len(posed.qpos))
  message = f"{count} of {len(posed.qpos)} frames repeat the one before, first at {where}"
  if posed.clip.loop and count == 1 and still[-1]:
    return Finding("duplicate-frames", "warn", "the last frame repeats the first: cut it off, the loop adds it itself")
  hint = "drop them" if share < 0.4 else f"the file was likely recorded at {posed.clip.fps * (1 - share):g} fps"
  return graded("duplicate-frames", share, COPIES_WARN, COPIES_REFUSE, f"{message}: {hint}")


def check_seam_jump(posed: Posed) -> Finding:
  """Steps that do not fit between their neighbours, the loop's seam included."""
  loop, steps = posed.clip.loop, posed.steps
  if len(steps) < 3:
    return Finding("seam-jump", "ok", "too short to have a jump")
  odd = np.abs(steps - (np.roll(steps, 1, axis=0) + np.roll(steps, -1, axis=0)) / 2)
  if not loop:
    odd[[0, -1]] = 0.0
  columns = {"root position": slice(0, 3), "root rotation": slice(3, 6), "joints": slice(6, None)}
  scale = max(1.0, 50.0 / posed.clip.fps) ** 2
  worst = None
  for part, (warn, refuse, unit) in JUMPS.items():
    size = odd[:, columns[part]].max(axis=1)
    step = int(np.argmax(size))
    if worst is None or size[step] / refuse > worst[0]:
      worst = (size[step] / refuse, step, part, size[step], warn * scale, refuse * scale, unit)
  _, step, part, size, warn, refuse, unit = worst
  if part == "joints":
    dofs = list(posed.robot.joint_qvel)
    part = posed.robot.joint_names[dofs.index(6 + int(np.argmax(odd[step, 6:])))]
  seam = loop and step == len(steps) - 1
  where = "at the loop's seam" if seam else f"after {posed.at(step)}"
  if size <= warn:
    closed = "the seam included" if loop else "not a loop, so there is no seam"
    return Finding("seam-jump", "ok", f"largest jump {size:.3f} {unit} ({part}, {where}), {closed}")
  advice = "choose --start and --end so that the poses meet" if seam else "cut or repair those frames"
  return graded("seam-jump", size, warn, refuse, f"{part} jumps by {size:.3f} {unit} {where}: {advice}")


def check_zero_channel(posed: Posed) -> Finding:
  """Columns that hold nothing but zeros, contacts included."""
  if not moves(posed):
    return Finding("zero-channel", "ok", "stands still: nothing to compare")
  names = posed.robot.joint_names
  zero = np.abs(posed.joints).max(axis=0) <= MOVES
  pairs = leg_pairs(posed.robot)
  for right, left, _ in pairs:
    if zero[right] != zero[left]:
      empty, other = (right, left) if zero[right] else (left, right)
      return Finding(
        "zero-channel", "refuse", f"{names[empty]} is 0 in every frame while {names[other]} moves: fill it"
      )
  contacts = posed.clip.contacts
  if contacts is not None:
    for foot, side in enumerate(("right", "left")):
      down = posed.stance[:, foot].mean()
      if not contacts[:, foot].any() and (down > 0.05 or contacts.any()):
        return Finding(
          "zero-channel", "refuse" if down > 0.05 else "warn",
          f"the {side} foot's contacts are 0 in every frame, its sole is on the floor in {down:.0%} of them: "
          "recompute the contacts or leave them out",
        )  # fmt: skip
  both = [names[left].removeprefix("left_") for right, left, _ in pairs if zero[right]]
  if both:
    return Finding("zero-channel", "warn", f"{', '.join(both)}: 0 in every frame on both sides, was it recorded?")
  alone = [name for name, empty in zip(names, zero, strict=True) if empty]
  return Finding("zero-channel", "ok", f"only {', '.join(alone)} stays at 0" if alone else "every joint moves")


def check_joint_limit(posed: Posed) -> Finding:
  """Frames on or beyond a joint's limits."""
  low, high = posed.robot.joint_range.T
  beyond = np.maximum(low - posed.joints, posed.joints - high)
  share = (beyond > -AT_LIMIT).mean(axis=0)
  joint = int(np.argmax(share))
  deepest = np.unravel_index(np.argmax(beyond), beyond.shape)
  names = posed.robot.joint_names
  if share[joint] == 0:
    return Finding("joint-limit", "ok", f"no joint comes to its limit, {names[deepest[1]]} is nearest")
  frame = int(np.argmax(beyond[:, joint]))
  message = (
    f"{names[joint]} is at or beyond a limit ({low[joint]:.2f} to {high[joint]:.2f} rad) in {share[joint]:.0%} "
    f"of the frames, most at {posed.at(frame)} with {posed.joints[frame, joint]:.2f}"
  )
  advice = "check its sign and zero, or bend it less"
  if share[joint] <= LIMIT_WARN and beyond.max() > BEYOND_LIMIT:
    outside = f"{names[deepest[1]]} goes {beyond.max():.2f} rad beyond its limit at {posed.at(int(deepest[0]))}"
    return Finding("joint-limit", "warn", f"{outside}: {advice}")
  finding = graded("joint-limit", share[joint], LIMIT_WARN, LIMIT_REFUSE, message)
  return finding if finding.level == "ok" else Finding(finding.code, finding.level, f"{message}: {advice}")


def check_joint_speed(posed: Posed) -> Finding:
  """Joint speeds against the servo's."""
  speed = np.abs(posed.steps[:, posed.robot.joint_qvel]) * posed.clip.fps
  frame, joint = np.unravel_index(np.argmax(speed), speed.shape)
  share = float((speed[:, joint] > SERVO_SPEED).mean())
  message = (
    f"{posed.robot.joint_names[joint]} is the fastest, {speed[frame, joint]:.1f} rad/s at {posed.at(int(frame))}; "
    f"the servo does {SERVO_SPEED:g} without load"
  )
  if speed.max() <= SERVO_SPEED:
    return Finding("joint-speed", "ok", message)
  refuse = share > TOO_FAST or speed.max() > GLITCH * SERVO_SPEED
  advice = (
    f"play it {speed.max() / SERVO_SPEED:.1f} times slower (--fps {posed.clip.fps * SERVO_SPEED / speed.max():.3g})"
  )
  return Finding("joint-speed", "refuse" if refuse else "warn", f"{message}: {advice}, or repair a glitch there")
