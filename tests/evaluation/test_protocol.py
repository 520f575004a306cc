"""The protocol end to end with an untrained policy: its shape, its arithmetic, and the same numbers twice."""

import json

import jax
import numpy as np
import pytest
from brax.training.acme import running_statistics
from brax.training.acme.specs import Array

from wildrobot_exp.evaluation import quick
from wildrobot_exp.evaluation.policies import DETERMINISTIC, RANDOM, STOCHASTIC, ZERO_ACTION, make_actor
from wildrobot_exp.evaluation.protocol import evaluate
from wildrobot_exp.evaluation.pushes import push_recovery
from wildrobot_exp.evaluation.rollouts import Roller
from wildrobot_exp.evaluation.run_folder import summary
from wildrobot_exp.evaluation.starts import join, make_evaluation_env, make_start, speed_grid
from wildrobot_exp.learning.networks import make_networks
from wildrobot_exp.motions import make_gait_grid


@pytest.fixture(scope="module")
def env(small_cfg):
  return make_evaluation_env(small_cfg, states=4)


@pytest.fixture(scope="module")
def policy(env):
  networks = make_networks(
    env.observation_size,
    env.action_size,
    policy_hidden=[8],
    value_hidden=[8],
    activation="swish",
    init_std=0.3,
  )
  specs = {key: Array((size,), np.dtype("float32")) for key, size in env.observation_size.items()}
  params = running_statistics.init_state(specs), networks.policy_network.init(jax.random.PRNGKey(0))
  return make_actor(networks), params


@pytest.fixture(scope="module")
def evaluations(small_cfg, policy, robot):
  clips = make_gait_grid(robot, [0.0, 0.1], 0.8, 0.03, 0.02, 0.2, stand_at_zero=True)
  return [evaluate(small_cfg, *policy, run="a", checkpoint_step=5, clips=clips) for _ in range(2)]


@pytest.fixture(scope="module")
def roller(env, policy):
  return Roller(env, policy[0], 50)


@pytest.fixture(scope="module")
def four_modes(env, policy, roller):
  """One robot per mode over 75 steps in chunks of 50, and the same once more."""
  params = policy[1]
  modes = (DETERMINISTIC, STOCHASTIC, ZERO_ACTION, RANDOM)
  start = join(*(make_start(env, np.array([0.1]), mode) for mode in modes))
  return [roller.roll(params, start, 75, jax.random.PRNGKey(1)) for _ in range(2)]


def test_evaluation_is_the_same_to_the_digit_on_a_second_call(evaluations):
  first, second = (json.dumps(evaluation.result, allow_nan=False) for evaluation in evaluations)
  assert first == second


def test_evaluation_json_has_what_readers_rely_on(evaluations):
  result = evaluations[0].result
  assert result["schema"] == 1 and result["episodes"] == 7 and result["checkpoint_step"] == 5
  assert [row["vx"] for row in result["commands"]] == pytest.approx([0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3])
  promised = {"vx", "survival", "vx_mean", "vx_error", "vy_error", "yaw_rate_error", "distance_m"}
  promised |= {"torque_mean_nm", "power_mean_w", "cost_of_transport", "joint_rms_rad"}
  assert all(promised <= row.keys() for row in result["commands"])
  assert result["long_walk"].keys() >= {"distance_goal_m", "rollouts", "completed"}
  assert result["fine_timestep"]["timestep"] == 0.002
  style = result["style"]
  assert style["reference"] == "gait" and 0.5 < style["classifier_auc"] <= 1.0 and style["feature_distance"] > 0.3
  assert style["joint_rms_rad"] is None  # it only stands
  assert {"joint_pos", "feet_pos"} <= style["field_auc"].keys() and len(style["furthest_features"]) == 8


def test_the_home_pose_stands_and_walks_nowhere(evaluations):
  zero_action = evaluations[0].result["baselines"]["zero_action"]
  assert zero_action["survival"] == 1.0
  assert zero_action["vx_error"] == pytest.approx(0.15, abs=0.02)


def test_a_reference_stands_beside_the_gait_of_the_same_speed_only(evaluations):
  rows = {row["vx"]: row for row in evaluations[0].result["commands"]}
  assert rows[0.1]["gait"]["reference"]["step_frequency_hz"] == pytest.approx(2.5)
  assert "reference" not in rows[0.3]["gait"]
  promised = {"step_frequency_hz", "duty_factor", "double_support", "swing_clearance_m", "symmetry", "knee_range_rad"}
  assert promised <= rows[0.1]["gait"].keys() & rows[0.1]["gait"]["reference"].keys()
  assert "drift_m" in rows[0.0] and "drift_m" not in rows[0.3]


def test_a_sweep_compares_style(evaluations):
  numbers = summary(evaluations[0].result)
  assert numbers["classifier_auc"] == evaluations[0].result["style"]["classifier_auc"]
  assert numbers["feature_distance"] == evaluations[0].result["style"]["feature_distance"]
  assert "joint_rms_rad" not in numbers  # null is left out


def test_chunks_make_one_seamless_record(four_modes):
  record = four_modes[0]
  assert record.qpos.shape[:2] == (75, 4) and record.alive.shape == (75, 4)
  jump = np.abs(np.diff(record.qpos[:, 2], axis=0)).max(axis=1)  # the robot that only stands
  assert jump[49] <= 2 * jump.mean() + 1e-4


def test_modes_act_differently_and_the_same_seed_acts_the_same(four_modes):
  first, second = four_modes
  np.testing.assert_array_equal(first.qpos, second.qpos)
  poses = first.qpos[-1]
  assert all(np.abs(poses[i] - poses[j]).max() > 1e-4 for i in range(4) for j in range(i))


def test_a_push_moves_the_robot_to_its_side(env, policy, roller):
  start = make_start(env, np.zeros(4), ZERO_ACTION)
  force = np.zeros((50, 4, 3), np.float32)
  force[:10, :, 1] = [15.0, -15.0, 0.0, 0.0]
  record = roller.roll(policy[1], start, 50, jax.random.PRNGKey(0), force)
  assert record.linvel[9, 0, 1] > 0.05 > -0.05 > record.linvel[9, 1, 1]


def test_push_recovery_counts_every_force(env, policy):
  rows = push_recovery(env, *policy, 0.0, jax.random.PRNGKey(0), trials=2)
  assert [row["force_n"] for row in rows] == [5.0, 10.0, 15.0]
  assert all(row["trials"] == 2 and 0 <= row["recovered"] <= 1 for row in rows)
  assert rows[0]["recovered"] == 1.0  # standing in the home pose takes 5 N


def test_speed_grid_holds_both_ends_and_zero():
  assert speed_grid(0.0, 0.3) == pytest.approx([0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3])
  assert 0.0 in speed_grid(-0.1, 0.3) and speed_grid(-0.1, 0.3)[[0, -1]] == pytest.approx([-0.1, 0.3])
  assert speed_grid(0.2, 0.2) == pytest.approx([0.2])


def test_score_prefers_not_falling_then_tracking():
  standing = quick.score(1.0, 0.15, 0.15)
  assert standing == 0.5 and quick.score(1.0, 0.0, 0.15) == 1.0 and quick.score(0.0, 0.0, 0.15) == 0.0
  assert quick.score(1.0, 0.04, 0.15) > quick.score(0.97, 0.02, 0.15) > standing
  assert quick.score(0.2, float("nan"), 0.15) < standing


def test_quick_evaluation_takes_new_parameters_without_compiling_again(small_cfg, policy):
  act, params = policy
  traces = []

  def counted(*args):
    traces.append(1)  # Python runs this only while JAX traces the program
    return act(*args)

  quick_evaluation = quick.QuickEvaluation(small_cfg, counted, episodes=7, seconds=2.0)
  first = quick_evaluation(params)
  compiled = len(traces)
  other = quick_evaluation((params[0], jax.tree.map(lambda x: x + 0.3, params[1])))
  assert first == quick_evaluation(params) and first != other
  assert len(traces) == compiled >= 1
