"""Every reward term has its documented value."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_exp.envs.rewards import REWARDS, clock_stance
from wildrobot_exp.robots.robot import FEET

TURNED = (np.cos(np.pi / 4), 0, 0, np.sin(np.pi / 4))  # heading +y
E1 = np.exp(-1)


def value(name, context, **params):
  return float(REWARDS.bind(name, params)(context))


@pytest.mark.parametrize(
  ("name", "perfect", "sigma_off"),
  [
    ("track_vx", {"qvel": {"vx": 0.2}, "command": 0.2}, {"qvel": {"vx": 0.05}, "command": 0.2}),
    ("track_vx", {"qvel": {"vy": 0.2}, "command": 0.2, "quat": TURNED}, {"command": 0.15, "quat": TURNED}),
    ("track_vy", {"qvel": {"vx": 0.3}}, {"qvel": {"vy": -0.15}}),
    ("track_vy", {"qvel": {"vy": 0.3}, "quat": TURNED}, {"qvel": {"vx": 0.15}, "quat": TURNED}),
    ("track_yaw_rate", {"qvel": {"wx": 1.0}}, {"qvel": {"wz": 0.15}}),
    ("upright", {}, {"sensors": {"up": (0.15, 0.0, np.sqrt(1 - 0.15**2))}}),
  ],
)
def test_bells_are_1_without_error_and_exp_minus_1_at_sigma(context, name, perfect, sigma_off):
  assert value(name, context(**perfect), sigma=0.15) == pytest.approx(1.0, abs=1e-5)
  assert value(name, context(**sigma_off), sigma=0.15) == pytest.approx(E1, abs=1e-5)


def test_upright_is_exp_minus_1_where_the_sine_of_a_real_lean_is_sigma(context):
  lean = np.arcsin(0.2)
  tilted = context(quat=(np.cos(lean / 2), np.sin(lean / 2), 0, 0))
  assert value("upright", tilted, sigma=0.2) == pytest.approx(E1, abs=1e-4)


def test_alive_is_1(context):
  assert value("alive", context(command=0.3)) == 1.0


def test_action_rate_is_the_mean_squared_change(context):
  assert value("action_rate", context(action=0.7, last_action=0.2)) == pytest.approx(0.25)
  assert value("action_rate", context(action=0.7, last_action=0.7)) == 0.0


def test_torque_is_the_mean_square_over_the_joints(context, robot):
  rest = {f"{name}_torque": 0.0 for name in robot.joint_names}
  assert value("torque", context(sensors=rest | {"left_knee_pitch_torque": -2.0})) == pytest.approx(4 / 11)
  assert value("torque", context(sensors=rest | {"waist_yaw_torque": 3.0})) == pytest.approx(9 / 11)


def test_base_motion_counts_roll_pitch_and_bobbing_and_nothing_else(context):
  motion = {"wx": 0.3, "wy": -0.4, "vz": 0.5}
  assert value("base_motion", context(qvel=motion)) == pytest.approx(0.5, abs=1e-5)
  assert value("base_motion", context(qvel={"vx": 1.0, "vy": 1.0, "wz": 2.0})) == pytest.approx(0.0, abs=1e-6)


def test_joint_limits_counts_radians_past_the_margin_at_both_ends(context, robot):
  assert value("joint_limits", context()) == 0.0
  low, high = robot.joint_range[robot.joint_index("waist_yaw")]
  assert value("joint_limits", context(qpos={"waist_yaw": high})) == pytest.approx(0.05, abs=1e-6)
  assert value("joint_limits", context(qpos={"waist_yaw": low + 0.02})) == pytest.approx(0.03, abs=1e-6)
  assert value("joint_limits", context(qpos={"waist_yaw": high - 0.06}), margin=0.1) == pytest.approx(
    0.04, abs=1e-6
  )


def test_foot_slip_is_the_squared_speed_of_loaded_feet_only(context):
  moving = {f"{side}_foot_vel": (0.3, 0.4, 9.0) for side in FEET}
  left_down = {"left_foot_load": 10.0, "right_foot_load": 0.0}
  assert value("foot_slip", context(sensors=moving | left_down)) == pytest.approx(0.25)
  assert value("foot_slip", context(sensors=moving | left_down), load=11.0) == 0.0


@pytest.mark.parametrize("joint", ["right_hip_roll", "left_foot_roll", "waist_yaw"])
def test_pose_counts_the_sideways_joints(context, joint):
  assert value("pose", context(qpos={joint: 0.1})) == pytest.approx(0.01 / 5, rel=1e-4)


def test_pose_lets_the_walking_joints_go(context):
  swinging = {"left_hip_pitch": 0.5, "right_knee_pitch": 1.0, "left_ankle_pitch": 0.1}
  assert value("pose", context(qpos=swinging)) == 0.0


def test_the_clock_wants_each_foot_down_for_its_duty_half_a_stride_apart():
  phases = (jnp.arange(100) + 0.5) / 100
  wanted = np.asarray(jax.vmap(lambda phase: clock_stance(phase, 0.6))(phases))
  np.testing.assert_array_equal(wanted.sum(axis=0), 60)
  assert wanted[0, 0] and not wanted[-1, 0]  # the right foot touches down at phase 0
  assert wanted[50, 1] and not wanted[49, 1]  # the left one at 0.5


def test_gait_contact_is_the_share_of_feet_that_obey_the_clock(context):
  right_only = {"right_foot_load": 30.0, "left_foot_load": 0.0}
  left_only = {"right_foot_load": 0.0, "left_foot_load": 30.0}
  both = {"right_foot_load": 15.0, "left_foot_load": 15.0}
  right_stance = {"command": 0.2, "phase": 0.3}  # the left foot swings
  assert value("gait_contact", context(sensors=right_only, **right_stance)) == 1.0
  assert value("gait_contact", context(sensors=both, **right_stance)) == 0.5
  assert value("gait_contact", context(sensors=left_only, **right_stance)) == 0.0
  assert value("gait_contact", context(sensors=both, command=0.0, phase=0.3)) == 1.0
  assert value("gait_contact", context(sensors=right_only, command=0.0, phase=0.3)) == 0.5
  backward = right_stance | {"command": -0.2}
  assert value("gait_contact", context(sensors=right_only, **backward)) == 1.0, "backward is no standing"


def test_swing_clearance_is_the_shortfall_below_the_arc_in_heights(context):
  mid_swing_left = {"command": 0.2, "phase": 0.3}  # duty .6: the left foot swings from .1 to .5
  on_ground = {f"{side}_foot_pos": (0.0, 0.0, 0.0) for side in FEET}
  params = {"height": 0.04, "duty": 0.6}
  assert value("swing_clearance", context(sensors=on_ground, **mid_swing_left), **params) == pytest.approx(
    1.0, abs=1e-5
  )
  backward = context(sensors=on_ground, command=-0.2, phase=0.3)
  assert value("swing_clearance", backward, **params) == pytest.approx(1.0, abs=1e-5)
  half = on_ground | {"left_foot_pos": (0.0, 0.0, 0.02)}
  assert value("swing_clearance", context(sensors=half, **mid_swing_left), **params) == pytest.approx(
    0.5, abs=1e-5
  )
  high = on_ground | {"left_foot_pos": (0.0, 0.0, 0.08)}
  assert value("swing_clearance", context(sensors=high, **mid_swing_left), **params) == pytest.approx(
    0.0, abs=1e-5
  )
  assert value("swing_clearance", context(sensors=on_ground, command=0.0, phase=0.3), **params) == 0.0


def test_the_reward_is_dt_times_the_weighted_sum_of_all_terms_and_costs_never_pay(full_env):
  states = jax.vmap(full_env.reset)(jax.random.split(jax.random.PRNGKey(0), 64))
  step = jax.jit(jax.vmap(full_env.step), compiler_options={"xla_backend_optimization_level": 0})
  signs = {name: REWARDS[name].sign for name in REWARDS}
  seen = {name: 0.0 for name in REWARDS}
  for i in range(15):
    action = 2.0 * jax.random.normal(jax.random.PRNGKey(i), (64, full_env.action_size))
    states = step(states, action)
    terms = {name: np.asarray(states.metrics[f"reward/{name}"]) for name in REWARDS}
    total = sum(full_env.reward_weights[name] * terms[name] for name in REWARDS)
    np.testing.assert_allclose(states.reward, full_env.dt * total, rtol=1e-4, atol=1e-6)
    for name, term in terms.items():
      assert (signs[name] * term >= 0).all(), name
      seen[name] = max(seen[name], np.abs(term).max())
  assert all(seen.values()), seen  # every term was non-zero once: nothing is summed in vain
  assert set(states.metrics) == {f"reward/{name}" for name in REWARDS} | {"invalid"}
