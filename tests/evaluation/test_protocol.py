"""The protocol end to end with an untrained policy: its shape, its arithmetic, and the same numbers twice."""

import json

import jax
import numpy as np
import pytest
from brax.training.acme import running_statistics
from brax.training.acme.specs import Array

from wildrobot_exp.config.compose import load
from wildrobot_exp.evaluation import quick
from wildrobot_exp.evaluation.policies import DETERMINISTIC, RANDOM, STOCHASTIC, ZERO_ACTION, make_actor
from wildrobot_exp.evaluation.protocol import Programs, evaluate
from wildrobot_exp.evaluation.pushes import push_forces, push_recovery, push_roller
from wildrobot_exp.evaluation.rollouts import Roller
from wildrobot_exp.evaluation.run_folder import summary
from wildrobot_exp.evaluation.starts import join, make_evaluation_env, make_start, spread_commands
from wildrobot_exp.learning.networks import make_networks
from wildrobot_exp.motions import make_gait_grid

NEVER_SLOW = ("algo=ppo", "env.command.vx=[0.1,0.4]")


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
  act, params = policy
  programs = [Programs(small_cfg, act) for _ in range(2)]
  return [evaluate(small_cfg, own, params, run="a", checkpoint_step=5, clips=clips) for own in programs]


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


def test_every_rate_has_its_interval(evaluations):
  result = evaluations[0].result
  blocks = [result, result["stochastic"], result["fine_timestep"], *result["commands"], *result["baselines"].values()]
  assert all(low <= block["survival"] <= high for block in blocks for low, high in [block["survival_ci"]])
  assert result["long_walk"]["completed_ci"][0] < 1.0


def test_a_sweep_compares_robustness_and_effort(evaluations):
  result = evaluations[0].result
  numbers = summary(result)
  assert numbers["torque_mean_nm"] == max(row["torque_mean_nm"] for row in result["commands"])
  assert "push_lateral_10n_recovered" not in numbers and "worst_world_survival" not in numbers
  push = {"force_n": 10.0, "direction": "forward", "recovered": 0.2}
  pushes = [push, push | {"direction": "lateral", "recovered": 0.4}]
  numbers = summary(result | {"pushes": pushes, "worlds": [{"survival": 0.9}, {"survival": 0.7}]})
  assert (numbers["push_lateral_10n_recovered"], numbers["push_forward_10n_recovered"]) == (0.4, 0.2)
  assert numbers["worst_world_survival"] == 0.7


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


def test_push_recovery_counts_every_force_and_direction_and_repeats_itself(env, policy):
  act, params = policy
  rollers = [push_roller(env, act) for _ in range(2)]
  rows, again = (push_recovery(roller, params, 0.0, jax.random.PRNGKey(0), trials=2) for roller in rollers)
  assert rows == again
  assert [row["force_n"] for row in rows] == [5.0, 10.0, 15.0] * 2
  assert [row["direction"] for row in rows] == ["lateral"] * 3 + ["forward"] * 3
  assert all(row["trials"] == 2 for row in rows)
  assert all(row["recovered_ci"][0] <= row["recovered"] <= row["recovered_ci"][1] for row in rows)
  assert rows[0]["recovered"] == 1.0  # standing in the home pose takes 5 N


def test_every_push_lasts_as_long_wherever_in_the_cycle_it_comes():
  forces = push_forces(dt=0.02, cycle=0.8, trials=100)
  lateral, forward = np.split(forces, 2, axis=1)
  assert not lateral[..., [0, 2]].any() and not forward[..., 1:].any()
  assert (forward >= 0).all() and set(np.sign(lateral.sum(axis=(0, 2)))) == {-1.0, 1.0}
  impulses = np.abs(forces).sum(axis=(0, 2)) * 0.02
  assert impulses == pytest.approx(np.tile(np.repeat([1.0, 2.0, 3.0], 100), 2))
  first = (forces != 0).any(axis=2).argmax(axis=0).reshape(6, 100)
  assert (first == first[0]).all(), "the same moments for every force and direction"
  assert 100 <= first.min() and first.max() <= 140 and len(np.unique(first)) > 30


def test_too_few_episodes_for_every_speed_still_hold_the_fastest(env):
  assert spread_commands(env, 4) == pytest.approx([0.0, 0.1, 0.2, 0.3])
  assert spread_commands(env, 1) == pytest.approx([0.3])
  assert spread_commands(env, 8) == pytest.approx([0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.0])


def test_commands_hold_zero_where_standing_is_trained():
  standing, walking = (
    spread_commands(make_evaluation_env(load([*NEVER_SLOW, f"env.command.zero_share={share}"]), states=2), 20)
    for share in (0.1, 0.0)
  )
  assert min(standing) == 0.0 and min(walking) == pytest.approx(0.1)
  assert max(standing) == max(walking) == pytest.approx(0.4)


def test_score_prefers_not_falling_then_tracking():
  standing = quick.score(1.0, 0.15, 0.15)
  assert standing == 0.5 and quick.score(1.0, 0.0, 0.15) == 1.0 and quick.score(0.0, 0.0, 0.15) == 0.0
  assert quick.score(1.0, 0.04, 0.15) > quick.score(0.97, 0.02, 0.15) > standing
  assert quick.score(0.2, float("nan"), 0.15) < standing


def test_the_best_checkpoint_is_chosen_by_the_deterministic_policy(small_cfg, policy):
  def act(params, observation, rng, mode):
    """The home pose, if it is the deterministic policy that is asked for."""
    wild = 2.0 * jax.random.choice(rng, np.array([-1.0, 1.0]), (len(mode), 11))
    return jax.numpy.where(mode[:, None] == DETERMINISTIC, 0.0, wild)

  assert quick.QuickEvaluation(small_cfg, act, episodes=2, seconds=2.0)(None)["survival"] == 1.0


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
