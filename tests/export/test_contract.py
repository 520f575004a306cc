"""policy.json describes every observation and termination there is, and says what the config and the model say."""

import hashlib
import json

import jax
import numpy as np
import pytest
from tiny_policy import make_tiny_policy

from wildrobot_exp.envs.observations import OBSERVATIONS
from wildrobot_exp.envs.terminations import TERMINATIONS
from wildrobot_exp.errors import UserError
from wildrobot_exp.evaluation.starts import spread_commands
from wildrobot_exp.evaluation.summaries import number
from wildrobot_exp.export import contract as module
from wildrobot_exp.export.closed_loop import comparable
from wildrobot_exp.export.contract import FALLS, FIELDS, falls, make_contract


def test_every_observation_and_termination_is_described():
  assert set(FIELDS) == set(OBSERVATIONS)
  assert set(FALLS) == set(TERMINATIONS)
  assert all(parameter in TERMINATIONS.parameters(name) for name, (parameter, _, _) in FALLS.items())


def test_fields_lie_in_the_order_and_the_sizes_of_the_observation(tiny, contract):
  fields = contract["observation"]["fields"]
  assert [field["name"] for field in fields] == list(tiny.cfg.env.observations.policy)
  assert [field["start"] for field in fields] == [sum(f["size"] for f in fields[:i]) for i in range(len(fields))]
  assert contract["onnx"]["input"]["shape"] == [1, tiny.env.observation_size["state"]]
  assert all(field["unit"] and field["how"] and field["on_robot"] for field in fields)


def test_the_reward_s_own_observations_are_in_it():
  other = make_tiny_policy("reward=walk_shaped", "env.gait_period=0.9")
  last = make_contract(other.cfg, other.env, {})["observation"]["fields"][-1]
  assert last["name"] == "gait_clock" and last["period_s"] == 0.9


def test_numbers_are_those_of_the_config_and_the_model(tiny, contract, exported):
  action, physics = contract["action"], contract["physics"]
  assert action["joints"] == list(tiny.env.robot.joint_names) and action["joints"][0] == "right_hip_pitch"
  assert action["home_rad"] == tiny.env.robot.home_ctrl.tolist()
  assert action["scale_rad"] == tiny.cfg.env.action_scale and len(action["clip_rad"]) == 11
  assert physics["timestep_s"] * physics["substeps"] == pytest.approx(contract["control"]["period_s"])
  assert physics["solver"] == "mjSOL_NEWTON" and physics["integrator"] == "mjINT_EULER"
  assert contract["command"]["range"] == [0.0, 0.3] and len(contract["trial"]["speeds"]) == 7
  assert contract["falls"]["base_height_min_m"] == 0.3 and contract["falls"]["base_tilt_max_rad"] == 1.0
  model = (exported / contract["model"]["file"]).read_bytes()
  assert hashlib.sha256(model).hexdigest() == contract["model"]["sha256"]
  assert contract["schema"] == 1 and contract["parity"]["observations"] == 40


def test_a_policy_that_never_walks_slowly_is_tried_at_the_speeds_of_its_evaluation():
  other = make_tiny_policy("env.command.vx=[0.1,0.4]", "evaluation.episodes=8")
  contract = make_contract(other.cfg, other.env, {"checkpoint_step": 64})
  commands = np.unique(spread_commands(other.env, 8))
  assert commands[0] == 0.0 and contract["command"]["zero"] is True
  assert "0 and 0.1 to 0.4 m/s" in contract["command"]["how"]
  found = {"survival": 1.0, "vx_error": 0.1}
  rows = [{"vx": number(speed)} | found for speed in commands]
  evaluation = {"checkpoint_step": 64, "physics": "native", "episodes": 8, "episode_seconds": 2.0, "commands": rows}
  evaluation |= found
  assert comparable(evaluation, contract) is None


def test_a_limit_that_the_task_does_not_have_is_null():
  found = falls({"tilted": {"max_tilt": 0.7}})
  assert found["base_height_min_m"] is None and found["base_tilt_max_rad"] == 0.7
  assert "lower than this" not in found["how"]


def test_what_is_not_described_is_refused(tiny, monkeypatch):
  with pytest.raises(UserError, match="termination crossed cannot be exported"):
    falls({"crossed": {}})
  monkeypatch.setattr(module, "FIELDS", {name: FIELDS[name] for name in FIELDS if name != "gyro"})
  with pytest.raises(UserError, match="observation gyro cannot be exported"):
    make_contract(tiny.cfg, tiny.env, {})


def test_it_is_json_without_nan_and_needs_no_jax_types(tiny):
  contract = make_contract(tiny.cfg, tiny.env, {"run": "x"})
  assert json.loads(json.dumps(contract, allow_nan=False)) == contract
  assert not any(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(contract))
