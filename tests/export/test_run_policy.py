"""The runner that knows policy.json alone does what the env does: that is what makes the description right."""

import ast
import importlib.util
import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_exp.evaluation import measures
from wildrobot_exp.evaluation.starts import make_start, spread_commands
from wildrobot_exp.export.closed_loop import RUNNER
from wildrobot_exp.learning.networks import make_policy

STEPS = 25  # of the comparison: half a second, in which contacts come and go


@pytest.fixture(scope="module")
def start(tiny):
  """The evaluation's seven starts."""
  return make_start(tiny.env, spread_commands(tiny.env, tiny.cfg.evaluation.episodes))


@pytest.fixture(scope="module")
def walker(exported):
  spec = importlib.util.spec_from_file_location("run_policy", RUNNER)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module.Walker(str(exported))


@pytest.fixture(scope="module")
def originals(tiny, start):
  """observations [T, N, n], actions [T, N, J] and falls [T, N] of the policy in the env, native engine."""
  env, policy = tiny.env, make_policy(tiny.networks, deterministic=True)

  def one_step(state, _):
    action, _ = policy(*tiny.params, state.obs, jax.random.PRNGKey(0))
    after = jax.vmap(env.step)(state, action)
    return after, (state.obs["state"], action, after.done)

  @jax.jit
  def roll():
    keys = jax.random.split(jax.random.PRNGKey(0), len(start))
    commands, phases = jnp.asarray(start.commands, jnp.float32), jnp.asarray(start.phases, jnp.float32)
    return jax.lax.scan(one_step, jax.vmap(env.start)(start.states, keys, commands, phases), None, length=101)[1]

  return tuple(np.asarray(x) for x in roll())


def test_it_starts_where_the_evaluation_starts(walker, start):
  for i, (qpos, qvel, phase) in enumerate(walker.starts(len(start))):
    np.testing.assert_allclose(qpos, start.states.qpos[i], atol=1e-6)
    np.testing.assert_allclose(qvel, start.states.qvel[i], atol=1e-6)
    assert phase == pytest.approx(start.phases[i])


def place(walker, start, i: int) -> None:
  """The runner at the evaluation's start i."""
  qpos, qvel = (np.asarray(x[i], float) for x in (start.states.qpos, start.states.qvel))
  walker.reset(qpos, qvel, float(start.commands[i]), start.phases[i])


def test_every_observation_and_action_is_the_env_s(walker, start, originals, contract):
  """To the float32 that the env rounds its state to at every step."""
  for i in range(len(start)):
    place(walker, start, i)
    for t in range(STEPS):
      seen, expected = walker.observe(), originals[0][t, i]
      for field in contract["observation"]["fields"]:
        part = slice(field["start"], field["start"] + field["size"])
        note = f"{field['name']} of robot {i} at step {t}"
        np.testing.assert_allclose(seen[part], expected[part], rtol=2e-5, atol=2e-5, err_msg=note)
      walker.step()
      np.testing.assert_allclose(walker.last_action, originals[1][t, i], rtol=1e-5, atol=1e-5)


def test_its_survival_and_tracking_are_those_of_the_evaluation(tiny, walker, start, originals, contract):
  column = next(field["start"] for field in contract["observation"]["fields"] if field["name"] == "root_linvel")
  observations, _, done = originals
  vx, alive = observations[1:, :, column], np.cumsum(done, axis=0)[:-1] == 0
  assert len(vx) == contract["trial"]["episode_steps"]
  expected = measures.cycle_error(vx, start.commands, alive, tiny.env.dt, tiny.env.gait_period)
  rows = [walker.walk(*job) for job in zip(np.asarray(start.commands, float), walker.starts(len(start)))]
  survived, _, error = map(np.array, zip(*rows))
  np.testing.assert_array_equal(survived, alive[-1])
  assert survived.any()
  np.testing.assert_allclose(error, expected, atol=2e-3)  # NaN where it fell too early to measure


@pytest.mark.parametrize(
  ("index", "value", "limits", "stands"),
  [
    (2, 0.6, {}, True),
    (2, 0.6, {"base_height_min_m": 0.7}, False),
    (2, 0.2, {"base_height_min_m": None}, True),
    (4, 0.4, {}, True),
    (4, 0.8, {}, False),
    (4, 0.8, {"base_tilt_max_rad": None}, True),
    (2, np.nan, {"base_height_min_m": None}, False),
  ],
)
def test_a_fall_is_what_policy_json_calls_one(walker, monkeypatch, index: int, value: float, limits, stands: bool):
  monkeypatch.setitem(walker.spec, "falls", walker.spec["falls"] | limits)
  qpos = walker.model.key("home").qpos.copy()
  qpos[2], qpos[index] = 0.6, value
  walker.reset(qpos, np.zeros(walker.model.nv), 0.0, 0.0)
  assert bool(walker.step()) == stands


def test_it_is_short_and_imports_nothing_of_the_framework():
  source = RUNNER.read_text()
  assert len(source.splitlines()) < 100
  nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.Import, ast.ImportFrom))]
  assert {name.name for node in nodes for name in node.names} == {"json", "sys", "mujoco", "numpy", "onnxruntime"}


def test_it_runs_by_itself_in_the_exported_folder(exported):
  command = [sys.executable, "-I", "run_policy.py", ".", "0", "0.2"]
  done = subprocess.run(command, cwd=exported, capture_output=True, text=True)
  assert done.returncode == 0 and done.stderr == "", done.stderr
  rows = [json.loads(line) for line in done.stdout.splitlines()]
  assert [(row["vx"], row["episodes"]) for row in rows] == [(0.0, 4), (0.2, 3), (None, 7)]
  assert rows[-1]["survival"] == pytest.approx((4 * rows[0]["survival"] + 3 * rows[1]["survival"]) / 7)


@pytest.mark.parametrize(("speeds", "trained"), [(["0.3", "0.05"], True), (["0.02"], False), (["0.1", "0.4"], False)])
def test_speeds_that_were_not_trained_are_said_in_one_line(exported, speeds, trained: bool):
  command = [sys.executable, "-I", "run_policy.py", ".", *speeds]
  done = subprocess.run(command, cwd=exported, capture_output=True, text=True)
  assert done.returncode == 0, done.stderr
  if trained:
    assert done.stderr == ""
  else:
    assert done.stderr.startswith("warning: not all of these speeds were trained. ") and done.stderr.count("\n") == 1
    assert "trained: 0 and 0.05 to 0.3 m/s" in done.stderr
