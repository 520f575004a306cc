"""The MJCF against the robot's measured figures: masses, servos, limits, geometry, mirror symmetry."""

import mujoco
import numpy as np
import pytest

from wildrobot_exp.robots import load_robot

MIRROR = np.diag([1.0, -1.0, 1.0])  # left <-> right
RANGES = {  # rad
  "left_hip_pitch": (-0.5236, 1.5708),
  "right_hip_pitch": (-1.5708, 0.5236),
  "left_hip_roll": (-1.5708, 0.1745),
  "right_hip_roll": (-0.1745, 1.5708),
  "left_knee_pitch": (0.0, 1.3963),
  "right_knee_pitch": (0.0, 1.3963),
  "left_ankle_pitch": (-0.5236, 0.5236),
  "right_ankle_pitch": (-0.5236, 0.5236),
  "left_foot_roll": (-0.3491, 0.3491),
  "right_foot_roll": (-0.3491, 0.3491),
  "waist_yaw": (-0.5236, 0.5236),
}
AXES = {  # in the world at the zero pose
  "left_hip_pitch": (0, -1, 0),
  "right_hip_pitch": (0, 1, 0),
  "left_hip_roll": (-1, 0, 0),
  "right_hip_roll": (-1, 0, 0),
  "left_knee_pitch": (0, 1, 0),
  "right_knee_pitch": (0, 1, 0),
  "left_ankle_pitch": (0, 1, 0),
  "right_ankle_pitch": (0, 1, 0),
  "left_foot_roll": (1, 0, 0),
  "right_foot_roll": (-1, 0, 0),
  "waist_yaw": (0, 0, -1),
}
LEG_BODIES = {  # left: mass kg, joint, its anchor, the body's centre of mass; m, base at the origin
  "hip": (0.0850, "hip_pitch", (0, 0.0536, -0.0336), (0.0028, 0.0867, -0.0246)),
  "upper_leg": (0.2366, "hip_roll", (0.0268, 0.0901, -0.0334), (0.0003, 0.0903, -0.1927)),
  "lower_leg": (0.3807, "knee_pitch", (0.0004, 0.0901, -0.2258), (0.0010, 0.0904, -0.3272)),
  "ankle": (0.0230, "ankle_pitch", (0.0006, 0.0901, -0.4057), (0.0006, 0.0905, -0.4350)),
  "foot": (0.4136, "foot_roll", (0, 0.0907, -0.4652), (0.0165, 0.0888, -0.4835)),
}
TRUNK_BODIES = {  # mass kg, centre of mass, inertia about it
  "waist": (0.4396, (-0.0018, 0, 0.0060), (9.98e-4, 6.99e-4, 7.03e-4)),
  "chassis": (0.8412, (0.0041, 0.0025, 0.1165), (1.50e-3, 1.26e-3, 9.1e-4)),
}


@pytest.fixture(scope="module")
def zero(robot):
  """All joints 0, standing on straight legs."""
  data = mujoco.MjData(robot.model)
  mujoco.mj_forward(robot.model, data)
  return data


def soles(robot, data, side):
  """[4] ids of the spheres of one sole."""
  return [i for i in range(robot.model.ngeom) if robot.model.geom(i).name.startswith(f"{side}_sole_")]


def test_total_mass(robot):
  assert robot.model.body_mass.sum() == pytest.approx(3.5585, abs=1e-3)


def test_all_servos_are_htd_45h(robot):
  model = robot.model
  np.testing.assert_allclose(model.actuator_gainprm[:, 0], 21.1)
  np.testing.assert_allclose(model.actuator_biasprm[:, :3], np.tile([0, -21.1, -0.5], (11, 1)))
  np.testing.assert_allclose(model.actuator_forcerange, np.tile([-4.0, 4.0], (11, 1)))
  assert model.actuator_forcelimited.all()
  np.testing.assert_allclose(model.dof_damping[robot.joint_qvel], 0.0852)
  np.testing.assert_allclose(model.dof_frictionloss[robot.joint_qvel], 0.0223)
  np.testing.assert_allclose(model.dof_armature[robot.joint_qvel], 0.0250)


def test_the_floating_base_is_free_of_servo_losses(robot):
  for values in (robot.model.dof_damping, robot.model.dof_frictionloss, robot.model.dof_armature):
    np.testing.assert_array_equal(values[:6], 0.0)


def test_joint_ranges_are_the_hardwares_and_targets_cannot_leave_them(robot):
  assert set(RANGES) == set(robot.joint_names)
  for name, limits in RANGES.items():
    joint = robot.model.joint(name)
    assert joint.limited[0]
    np.testing.assert_allclose(joint.range, limits)
    np.testing.assert_allclose(robot.model.actuator(name).ctrlrange, joint.range, atol=1e-12)
    assert robot.model.actuator(name).ctrllimited[0]


def test_joints_turn_about_the_hardwares_axes(robot, zero):
  for name in robot.joint_names:
    np.testing.assert_allclose(zero.joint(name).xaxis, AXES[name], atol=1e-9, err_msg=name)


def test_gravity_and_contact_model(robot):
  model = robot.model
  np.testing.assert_array_equal(model.opt.gravity, [0, 0, -9.81])
  assert model.opt.cone == mujoco.mjtCone.mjCONE_PYRAMIDAL
  colliding = (model.geom_contype != 0) | (model.geom_conaffinity != 0)
  np.testing.assert_array_equal(model.geom_condim[colliding], 3)
  np.testing.assert_allclose(
    model.geom_friction[colliding], np.tile([1, 0.005, 0.0001], (colliding.sum(), 1))
  )


def test_only_soles_touch_the_floor_and_otherwise_only_the_two_feet_touch(robot):
  model = robot.model
  touching = set()
  for a in range(model.ngeom):
    for b in range(a + 1, model.ngeom):
      meets = (
        model.geom_contype[a] & model.geom_conaffinity[b] | model.geom_contype[b] & model.geom_conaffinity[a]
      )
      if meets and model.geom_bodyid[a] != model.geom_bodyid[b]:
        touching.add(frozenset((model.geom(a).name, model.geom(b).name)))
  ends = [
    f"{side}_sole_{end}"
    for side in ("right", "left")
    for end in ("front_left", "front_right", "back_left", "back_right")
  ]
  assert touching == {frozenset(("floor", end)) for end in ends} | {
    frozenset(("right_foot_side", "left_foot_side"))
  }


def test_the_feet_keep_each_other_apart(robot):
  data = mujoco.MjData(robot.model)
  data.qpos[2] = 1.0
  for side, angle in (("right", -0.1745), ("left", 0.1745)):
    data.joint(f"{side}_hip_roll").qpos[0] = angle
  mujoco.mj_forward(robot.model, data)
  assert data.site("left_foot").xpos[1] - data.site("right_foot").xpos[1] < 0.08
  pairs = {frozenset(robot.model.geom(g).name for g in contact.geom) for contact in data.contact}
  assert pairs == {frozenset(("right_foot_side", "left_foot_side"))}


@pytest.mark.parametrize("side", ["left", "right"])
def test_leg_anchors_and_masses_at_the_zero_pose(robot, zero, side):
  mirror = MIRROR if side == "right" else np.eye(3)
  base = zero.body("waist").xpos
  for body, (mass, joint, anchor, com) in LEG_BODIES.items():
    name = f"{side}_{body}"
    assert robot.model.body(name).mass[0] == pytest.approx(mass, abs=1e-6)
    assert robot.model.joint(f"{side}_{joint}").bodyid[0] == robot.model.body(name).id
    np.testing.assert_allclose(zero.joint(f"{side}_{joint}").xanchor - base, mirror @ anchor, atol=1e-6)
    np.testing.assert_allclose(zero.body(name).xipos - base, mirror @ com, atol=1e-6)


def test_trunk_masses_and_inertias(robot, zero):
  base = zero.body("waist").xpos
  for name, (mass, com, inertia) in TRUNK_BODIES.items():
    assert robot.model.body(name).mass[0] == pytest.approx(mass, abs=1e-6)
    np.testing.assert_allclose(zero.body(name).xipos - base, com, atol=1e-6)
    np.testing.assert_allclose(robot.model.body(name).inertia, inertia)
  np.testing.assert_allclose(zero.joint("waist_yaw").xanchor - base, [0, 0, 0.0482], atol=1e-6)
  np.testing.assert_allclose(zero.site("imu").xpos - base, [0, 0, 0.1672], atol=1e-6)


def test_legs_mirror_each_other_in_mass_inertia_and_geometry(robot, zero):
  for body in LEG_BODIES:
    left, right = (robot.model.body(f"{side}_{body}") for side in ("left", "right"))
    assert left.mass == right.mass
    np.testing.assert_allclose(zero.body(left.id).xpos, MIRROR @ zero.body(right.id).xpos, atol=1e-9)
    np.testing.assert_allclose(zero.body(left.id).xipos, MIRROR @ zero.body(right.id).xipos, atol=1e-9)
    inertia = []
    for i in (left.id, right.id):
      axes = zero.ximat[i].reshape(3, 3)
      inertia.append(axes @ np.diag(robot.model.body_inertia[i]) @ axes.T)
    np.testing.assert_allclose(inertia[0], MIRROR @ inertia[1] @ MIRROR, atol=1e-12)
  left, right = (zero.geom_xpos[soles(robot, zero, side)] for side in ("left", "right"))
  np.testing.assert_allclose(np.sort(left, axis=0), np.sort(right @ MIRROR, axis=0), atol=1e-9)
  np.testing.assert_allclose(zero.site("left_foot").xpos, MIRROR @ zero.site("right_foot").xpos, atol=1e-9)


def test_the_mirrored_pose_puts_every_body_at_the_mirrored_place_and_stays_inside_the_limits(robot, zero):
  """A rotation axis is a pseudo-vector: mirrored in y it becomes (-x, y, -z)."""
  rng = np.random.default_rng(0)
  data, mirrored = mujoco.MjData(robot.model), mujoco.MjData(robot.model)
  data.qpos[:] = mirrored.qpos[:] = robot.model.qpos0
  for name in robot.joint_names:
    swap = {"right": "left", "left": "right"}
    twin = "_".join(swap.get(part, part) for part in name.split("_"))
    sign = -MIRROR @ zero.joint(name).xaxis @ zero.joint(twin).xaxis
    assert abs(sign) == pytest.approx(1.0)
    limits = robot.joint_range[robot.joint_index(name)]
    np.testing.assert_allclose(np.sort(sign * limits), robot.joint_range[robot.joint_index(twin)])
    angle = rng.uniform(*limits)
    data.joint(name).qpos[0], mirrored.joint(twin).qpos[0] = angle, sign * angle
  for d in (data, mirrored):
    mujoco.mj_kinematics(robot.model, d)
  for body in LEG_BODIES:
    np.testing.assert_allclose(
      mirrored.body(f"right_{body}").xipos, MIRROR @ data.body(f"left_{body}").xipos, atol=1e-9
    )


def test_standing_straight_the_base_is_at_499_mm_and_the_centre_of_mass_at_312(robot, zero):
  bottom = min((zero.geom_xpos[i, 2] - robot.model.geom_size[i, 0]) for i in soles(robot, zero, "left"))
  assert bottom == pytest.approx(0.0, abs=1e-6)
  assert zero.body("waist").xpos[2] == pytest.approx(0.499)
  assert zero.subtree_com[0, 2] == pytest.approx(0.3125, abs=5e-4)


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_sole_is_a_flat_plate_149_by_90_mm(robot, zero, side):
  ids = soles(robot, zero, side)
  centre, radius = zero.geom_xpos[ids], robot.model.geom_size[ids, :1]
  np.testing.assert_allclose(radius, 0.005)
  low, high = (centre - radius).min(axis=0), (centre + radius).max(axis=0)
  y = 0.092 if side == "left" else -0.092
  np.testing.assert_allclose(low, [-0.054, y - 0.045, 0.0], atol=1e-6)
  np.testing.assert_allclose(high[:2], [0.095, y + 0.045], atol=1e-6)
  np.testing.assert_allclose(centre[:, 2], 0.005, atol=1e-6)
  np.testing.assert_allclose(zero.site(f"{side}_foot").xpos, [*((low + high) / 2)[:2], 0.0], atol=1e-6)


@pytest.mark.parametrize("timestep", [0.004, 0.002])
def test_the_home_pose_stands_by_itself_for_ten_seconds(timestep):
  robot = load_robot(timestep=timestep)
  data = mujoco.MjData(robot.model)
  mujoco.mj_resetDataKeyframe(robot.model, data, robot.model.key("home").id)
  for _ in range(round(10 / timestep)):
    mujoco.mj_step(robot.model, data)
  up = data.body("waist").xmat.reshape(3, 3)[2, 2]
  assert np.linalg.norm(data.qpos[:2]) < 0.02
  assert abs(data.qpos[2] - robot.home_qpos[2]) < 0.005
  assert np.degrees(np.arccos(min(up, 1.0))) < 2.0
  assert np.abs(data.qvel).max() < 0.02
