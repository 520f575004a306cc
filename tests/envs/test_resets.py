"""Where episodes start."""

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from wildrobot_exp.envs.resets import home_states, make_start_bank
from wildrobot_exp.envs.rewards import clock_stance
from wildrobot_exp.motions import make_gait
from wildrobot_exp.motions.reference import ReferenceFrames, reference_frames


def sole_heights(robot, qpos):
  """[N] height of the lowest point of the soles, m."""
  data = mujoco.MjData(robot.model)
  lowest = []
  for row in qpos:
    data.qpos[:] = row
    mujoco.mj_kinematics(robot.model, data)
    spheres = [g for g in range(robot.model.ngeom) if "_sole_" in robot.model.geom(g).name]
    lowest.append((data.geom_xpos[spheres, 2] - robot.model.geom_size[spheres, 0]).min())
  return np.array(lowest)


@pytest.fixture(scope="module")
def noisy(robot):
  return home_states(robot, 200, joint_noise=0.1, velocity_noise=0.2, seed=3)


def test_the_first_state_is_home_at_rest(robot, noisy):
  qpos, qvel = noisy
  np.testing.assert_array_equal(qpos[0], robot.home_qpos)
  np.testing.assert_array_equal(qvel[0], 0.0)


def test_no_state_has_a_sole_in_the_floor_or_in_the_air(robot, noisy):
  heights = sole_heights(robot, noisy[0])
  np.testing.assert_allclose(heights[1:], 0.0, atol=1e-6)
  assert abs(heights[0]) < 1e-3  # the keyframe is settled, a fraction of a millimetre deep


def test_noise_is_within_its_width_and_the_joint_limits_and_fills_them(robot, noisy):
  qpos, qvel = noisy
  joints = qpos[1:, robot.joint_qpos] - robot.home_ctrl
  assert np.abs(joints).max() <= 0.1 and np.abs(qvel[1:]).max() <= 0.2
  assert (joints.max(axis=0) > 0.09).all() and (joints.min(axis=0) < -0.09).all()
  assert (np.abs(qvel[1:]).max(axis=0) > 0.18).all()
  wide = home_states(robot, 100, joint_noise=3.0, velocity_noise=0.0, seed=0)[0][:, robot.joint_qpos]
  assert (wide >= robot.joint_range[:, 0]).all() and (wide <= robot.joint_range[:, 1]).all()


def test_the_seed_decides(robot):
  same, again, other = (home_states(robot, 5, 0.1, 0.1, seed)[0] for seed in (1, 1, 2))
  np.testing.assert_array_equal(same, again)
  assert (same[1:] != other[1:]).any()


def frames(robot, count, command, phase):
  """Moments of a made-up reference: home poses told apart by their x."""
  qpos = np.tile(robot.home_qpos, (count, 1))
  qpos[:, 0] = 1 + np.arange(count)
  return ReferenceFrames(qpos, np.zeros((count, robot.model.nv)), command, phase)


def test_reference_frames_take_their_share_and_carry_their_command_and_phase(robot):
  speed, phase = np.repeat([0.1, 0.3], 20), np.arange(40) / 40
  bank = make_start_bank(robot, 20, 0.1, 0.1, 0, frames(robot, 40, speed, phase), 0.5)
  assert len(bank.command) == len(bank.phase) == 20
  assert np.isnan(bank.command[:10]).all() and np.isnan(bank.phase[:10]).all()
  np.testing.assert_array_equal(bank.states.qpos[:10, 0], 0.0)
  spread = np.arange(0, 40, 4)
  np.testing.assert_array_equal(bank.states.qpos[10:, 0], 1 + spread)
  np.testing.assert_allclose(bank.command[10:], speed[spread])
  np.testing.assert_allclose(bank.phase[10:], phase[spread])


def test_the_whole_bank_may_come_from_the_reference(robot):
  reference = frames(robot, 8, 0.02 * np.arange(8), np.arange(8) / 8)
  bank = make_start_bank(robot, 4, 0.1, 0.1, 0, reference, 1.0)
  np.testing.assert_allclose(bank.command, [0.0, 0.04, 0.08, 0.12], atol=1e-6)
  assert bank.states.qpos.shape == (4, robot.model.nq) and np.isfinite(bank.phase).all()


def test_without_a_reference_the_whole_bank_is_home_states(robot):
  bank = make_start_bank(robot, 6, 0.1, 0.1, 0, None, 0.5)
  assert np.isnan(bank.command).all() and np.isnan(bank.phase).all()
  np.testing.assert_allclose(bank.states.qpos, home_states(robot, 6, 0.1, 0.1, 0)[0], atol=1e-6)


def test_episodes_start_from_every_state_of_the_bank_with_its_command_and_phase(robot, make_scripted_env):
  reference = frames(robot, 8, 0.02 * np.arange(8), np.arange(8) / 8)
  env = make_scripted_env(
    bank=make_start_bank(robot, 16, 0.1, 0.1, 0, reference, 0.5), command_range=(0.2, 0.3)
  )
  states = jax.vmap(env.reset)(jax.random.split(jax.random.PRNGKey(0), 800))
  start = np.asarray(states.pipeline_state.qpos)
  command, phase = np.asarray(states.info["command"]), np.asarray(states.info["phase"])
  unique, counts = np.unique(start, axis=0, return_counts=True)
  assert len(unique) == 16 and counts.min() > 20  # 50 each on average
  moment = start[:, 0] - 1
  from_reference = moment >= 0
  np.testing.assert_allclose(command[from_reference], 0.02 * moment[from_reference], atol=1e-6)
  np.testing.assert_allclose(phase[from_reference], moment[from_reference] / 8, atol=1e-6)
  drawn = command[~from_reference]
  assert (((drawn >= 0.2) & (drawn <= 0.3)) | (drawn == 0)).all()
  assert np.histogram(phase[~from_reference], bins=4, range=(0, 1))[0].min() > 60  # 100 each on average


def test_the_clock_of_a_start_from_the_gait_wants_the_feet_down_that_are_down(robot):
  clip = make_gait(robot, 0.2, stride_seconds=0.8, lift=0.035, crouch=0.02, double_support=0.2)
  phase = jnp.asarray(reference_frames(robot, [clip]).phase)
  wanted = np.asarray(jax.vmap(lambda p: clock_stance(p + 1e-3, 0.6))(phase))
  agree = (wanted == clip.contacts).mean(axis=0)
  assert (agree > 0.94).all(), agree  # the frames at which a foot lands or lifts may go either way
