"""Iterations, batch arithmetic, observation lists and the printed plan."""

import json

import jax
from omegaconf import OmegaConf

from wildrobot_exp.config.compose import load
from wildrobot_exp.config.derived import iterations, policy_observations, privileged_observations, substeps
from wildrobot_exp.config.plan import plan
from wildrobot_exp.config.sizes import (
  FEATURE_WIDTHS,
  JOINTS,
  joints,
  observation_sizes,
  observation_widths,
  parameters,
)
from wildrobot_exp.envs.observations import OBSERVATIONS
from wildrobot_exp.envs.resets import make_start_bank
from wildrobot_exp.envs.walk import POLICY, PRIVILEGED, make_walk_env
from wildrobot_exp.learning.networks import make_networks
from wildrobot_exp.motions.features import FIELDS, feature_names
from wildrobot_exp.versions import machine_facts


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
  text = plan(cfg, "somewhere/day/time")
  assert "64 robots x 20 steps x 47 iterations = 60160 env steps" in text
  assert "8 trajectories of 20 = 160 steps" in text
  assert "native, 10 x 0.002 s" in text
  assert "policy [128, 128] = " in text and "memory: at least" in text and "JAX on cpu" in text
  assert "somewhere" in text
  assert "amp" not in plan(load(["algo=ppo"]), "somewhere/day/time")


def test_the_plan_of_a_resumed_run_counts_what_is_left(tmp_path):
  for step in (1280, 30720):
    (tmp_path / "checkpoints" / str(step)).mkdir(parents=True)
  text = plan(load(["num_envs=64", "total_steps=60000", f"resume={tmp_path}"]), str(tmp_path))
  assert "x 23 iterations = 29440 env steps (total_steps=60000, 30720 are made)" in text


def test_the_sizes_without_jax_are_those_of_what_is_built(robot, native):
  cfg = load(["reward=walk_shaped", "amp.window=3", "amp.features=[joint_pos,contacts,feet_pos]", "amp.hidden=[7,5]"])
  env = make_walk_env(cfg, native, bank=make_start_bank(robot, 1, 0.0, 0.0, seed=0))
  assert joints() == robot.num_joints
  assert observation_sizes(cfg) == (env.observation_size[POLICY], env.observation_size[PRIVILEGED])
  assert set(observation_widths()) == set(OBSERVATIONS)
  widths = {name: len(feature_names(robot, [name], 1)) for name in FIELDS}
  assert {name: robot.num_joints if width == JOINTS else width for name, width in FEATURE_WIDTHS.items()} == widths
  networks = {"policy_hidden": cfg.algo.policy_hidden, "value_hidden": cfg.algo.value_hidden}
  built = make_networks(env.observation_size, env.action_size, **networks, activation="swish", init_std=0.7)

  def count(network) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(network.init, jax.random.PRNGKey(0))))

  inputs = 3 * (robot.num_joints + 2 + 6) + 1
  assert parameters(cfg) == {
    "policy": count(built.policy_network),
    "value": count(built.value_network),
    "discriminator": (inputs + 1) * 7 + 8 * 5 + 6,
  }
  two = load(["amp.mix=two_critics"])
  assert parameters(two)["value"] == 2 * parameters(load([]))["value"]


def test_the_time_is_that_of_an_equal_run_on_this_machine_and_otherwise_unknown(tmp_path):
  cfg, new = load([]), str(tmp_path / "outputs" / "day" / "new")
  assert "time: unknown" in plan(cfg, new)
  old = tmp_path / "outputs" / "day" / "old"
  (old / ".hydra").mkdir(parents=True)
  OmegaConf.save(cfg, old / ".hydra" / "config.yaml")
  (old / "versions.json").write_text(json.dumps({"machine": machine_facts()}))
  (old / "metrics.csv").write_text("step,perf/steps_per_s\n1,900.0\n2,\n3,1000.0\n4,1100.0\n")
  assert "time: about 50.0 min of training, at the 1,000 env steps/s of outputs/day/old" in plan(cfg, new)
  assert "time: unknown" in plan(load(["num_envs=64"]), new)
  (old / "versions.json").write_text(json.dumps({"machine": {"cpu": "another"}}))
  assert "time: unknown" in plan(cfg, new)


def test_the_state_of_the_compilation_cache_is_told(tmp_path, monkeypatch):
  monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path))
  assert "empty: everything is compiled first" in plan(load([]), "a/b/c")
  (tmp_path / "jit_learn-abc-cache").touch()
  assert f"{tmp_path}, 1 compiled programs" in plan(load([]), "a/b/c")
