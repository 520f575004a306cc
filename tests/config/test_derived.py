"""Iterations, batch arithmetic, observation lists and the printed plan."""

from wildrobot_exp.config.compose import load
from wildrobot_exp.config.derived import iterations, policy_observations, privileged_observations, substeps
from wildrobot_exp.config.plan import plan


def test_iterations_cover_the_asked_steps_and_no_more_than_one_beyond():
  cfg = load(["num_envs=64", "total_steps=60000"])
  assert iterations(cfg) == 47
  assert 0 <= iterations(cfg) * 64 * 20 - 60000 < 64 * 20
  assert iterations(load(["num_envs=64", "total_steps=12800"])) == 10


def test_the_reward_adds_its_observations_once_and_the_critic_sees_them_too():
  cfg = load(["reward=walk_shaped", "env.observations.policy=[gyro,gait_clock]"])
  assert policy_observations(cfg) == ["gyro", "gait_clock"]
  cfg = load(["reward=walk_shaped", "env.observations.policy=[gyro]"])
  assert policy_observations(cfg) == ["gyro", "gait_clock"]
  assert privileged_observations(cfg)[:3] == ["gyro", "gait_clock", "root_linvel"]


def test_the_plan_shows_the_arithmetic():
  cfg = load(["num_envs=64", "total_steps=60000", "env.timestep=0.002"])
  assert substeps(cfg) == 10
  text = plan(cfg, "somewhere")
  assert "64 robots x 20 steps x 47 iterations = 60160 env steps" in text
  assert "8 trajectories of 20 = 160 steps" in text
  assert "native, 10 x 0.002 s" in text
  assert "somewhere" in text
  assert "amp" not in plan(load(["algo=ppo"]), "somewhere")
