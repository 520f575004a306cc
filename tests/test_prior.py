"""The motion prior of a config: what is built, a discriminator from another run, and its health at the start."""

import dataclasses
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from omegaconf import OmegaConf

from wildrobot_exp.building import build, make_update
from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.config.compose import load
from wildrobot_exp.errors import UserError
from wildrobot_exp.learning.hyperparameters import make_hyperparameters
from wildrobot_exp.motions import make_gait
from wildrobot_exp.prior import START_TABLE, HealthCheck, clip_warnings, make_reference, make_style, with_discriminator

TINY = (
  "num_envs=16",
  "algo.horizon=4",
  "algo.minibatches=2",
  "algo.epochs=1",
  "algo.policy_hidden=[16]",
  "algo.value_hidden=[16]",
  "total_steps=640",
  "motion.speeds=[0.0,0.3]",
  "env.reset.bank_size=8",
  "amp.hidden=[16]",
  "amp.batch_size=32",
  "amp.replay_size=80",
)


def config(*overrides: str):
  return load([*TINY, *overrides])


@pytest.fixture(scope="module")
def experiment():
  return build(config())


@pytest.fixture(scope="module")
def trained(experiment):
  """(update, hp, state after two updates) of the plain config."""
  cfg = config()
  update = make_update(cfg, experiment)
  hp = make_hyperparameters(cfg, experiment.env)
  state = update.init(jax.random.PRNGKey(3))
  for _ in range(2):
    state, _ = update(state, hp)
  return update, hp, state


@pytest.fixture(scope="module")
def source(trained, tmp_path_factory):
  """The folder of a ppo_amp run, as far as a discriminator needs it."""
  folder = tmp_path_factory.mktemp("source")
  plain = OmegaConf.to_container(config(), resolve=True)
  Checkpoints(folder).save(128, trained[2], metrics={}, config=plain)
  return folder


def bits(tree) -> list[bytes]:
  return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]


# what is built


@pytest.mark.parametrize("window, fields, width", [(2, "joint_pos,contacts", 13), (4, "root_height", 1)])
def test_the_discriminator_sees_the_fields_and_frames_of_the_config(experiment, window, fields, width):
  cfg = config(f"amp.features=[{fields}]", f"amp.window={window}", "amp.updates=1")
  style = make_style(cfg, experiment.robot, experiment.clips)
  state = style.amp.init(jax.random.PRNGKey(0))
  assert state.mean.shape == (window * width + 1,)  # and the command
  assert state.history.shape == (window - 2, 16, width)
  names = make_reference(cfg, experiment.robot, experiment.clips).names
  assert len(names) == window * width + 1 and {name.split("/")[1] for name in names[:-1]} == set(fields.split(","))


def test_a_window_of_four_trains_and_goes_on_from_a_checkpoint(experiment, tmp_path):
  cfg = config("amp.window=4", "amp.loss.penalty_on=both", "amp.updates=1")
  update, hp = make_update(cfg, experiment), make_hyperparameters(cfg, experiment.env)
  state, metrics = update(update.init(jax.random.PRNGKey(0)), hp)
  assert all(np.isfinite(metrics[name]).all() for name in metrics if name.startswith("amp/"))
  assert np.abs(np.asarray(state.amp.history)).max() > 0
  Checkpoints(tmp_path).save(1, state, metrics={}, config={})
  restored = Checkpoints(tmp_path).restore("latest", update.init(jax.random.PRNGKey(9)))
  assert bits(update(restored, hp)[0]) == bits(update(state, hp)[0])


# a discriminator from another run


def test_the_discriminator_and_its_normaliser_come_from_the_other_run_and_nothing_else_does(source, trained):
  update, _, theirs = trained
  state = update.init(jax.random.PRNGKey(11))
  found = with_discriminator(config(f"amp.discriminator={source}"), state)
  for name in ("params", "mean", "std"):
    assert bits(getattr(found.amp, name)) == bits(getattr(theirs.amp, name)), name
  assert bits(found.amp.params) != bits(state.amp.params)
  for name in ("adam", "replay", "saturation"):
    assert bits(getattr(found.amp, name)) == bits(getattr(state.amp, name)), name
  assert bits(found.learner) == bits(state.learner) and int(found.env_steps) == 0


def test_without_a_source_the_state_stays_as_it_is(trained):
  state = trained[0].init(jax.random.PRNGKey(11))
  assert with_discriminator(config(), state) is state
  assert with_discriminator(load(["algo=ppo"]), state) is state


def test_a_frozen_discriminator_never_changes_while_the_policy_learns(source, experiment):
  cfg = config(f"amp.discriminator={source}", "amp.freeze=true")
  update, hp = make_update(cfg, experiment), make_hyperparameters(cfg, experiment.env)
  state = with_discriminator(cfg, update.init(jax.random.PRNGKey(5)))
  frozen, policy = bits((state.amp.params, state.amp.mean, state.amp.std)), bits(state.learner.params.policy)
  for _ in range(2):
    state, metrics = update(state, hp)
    assert bits((state.amp.params, state.amp.mean, state.amp.std)) == frozen
  assert bits(state.learner.params.policy) != policy
  assert np.isfinite(metrics["amp/loss"])


def test_the_reference_is_seen_through_the_normaliser_of_the_other_run(source, experiment, trained):
  """Both sides, or the scale alone would tell them apart."""
  state = trained[0].init(jax.random.PRNGKey(11))
  wider = state.replace(amp=state.amp.replace(std=2.0 * state.amp.std, mean=state.amp.mean + 0.1))
  amp = trained[0].style.amp

  def drawn(amp_state):
    policy = amp.normalise(amp_state, jnp.zeros((64, len(amp_state.mean))))  # commanded to stand
    return np.asarray(amp._draw_reference(amp_state, policy, jax.random.PRNGKey(1)))[:, :-1]

  shift = 0.1 / np.asarray(state.amp.std)[:-1]
  np.testing.assert_allclose(drawn(wider.amp), (drawn(state.amp) - shift) / 2.0, atol=1e-4)


@pytest.mark.parametrize(
  "override, message",
  [
    ("amp.window=3", r"trained with amp.window=2, this run has 3"),
    ("amp.features=[joint_pos]", r"trained with amp.features=\[.*\], this run has \['joint_pos'\]"),
    ("amp.hidden=[8]", r"trained with amp.hidden=\[16\], this run has \[8\]"),
    ("amp.condition=none", r"trained with amp.condition=command, this run has none"),
  ],
)
def test_a_discriminator_that_looks_at_other_things_is_refused(source, trained, override, message):
  with pytest.raises(UserError, match=message) as refusal:
    with_discriminator(config(f"amp.discriminator={source}", override), trained[2])
  assert "\n" not in str(refusal.value)


def test_a_run_without_a_discriminator_is_refused(tmp_path, trained):
  plain = OmegaConf.to_container(load(["algo=ppo"]), resolve=True)
  Checkpoints(tmp_path).save(1, trained[2].replace(amp=None), metrics={}, config=plain)
  with pytest.raises(UserError, match="has no discriminator: name a run of algo=ppo_amp") as refusal:
    with_discriminator(config(f"amp.discriminator={tmp_path}"), trained[2])
  assert "\n" not in str(refusal.value)


def test_a_run_without_a_checkpoint_is_refused(tmp_path, trained):
  (tmp_path / "checkpoints").mkdir()
  with pytest.raises(UserError, match="stopped before its first one"):
    with_discriminator(config(f"amp.discriminator={tmp_path}"), trained[2])


# its health at the start


def test_the_first_rollout_is_compared_and_the_table_written(experiment, trained, tmp_path):
  cfg, said = config(), []
  update = trained[0]
  check = HealthCheck(update.style, make_reference(cfg, experiment.robot, experiment.clips), tmp_path, said.append)
  state = update.init(jax.random.PRNGKey(0))
  check.start(state, update.collect(state)[1])
  table = (tmp_path / START_TABLE).read_text().splitlines()
  assert len(table) == 1 + 77 and START_TABLE in said[0]


def test_a_first_rollout_too_short_for_one_window_is_no_crash(experiment, tmp_path):
  cfg, said = config("amp.window=8"), []
  update = make_update(cfg, experiment)
  check = HealthCheck(update.style, make_reference(cfg, experiment.robot, experiment.clips), tmp_path, said.append)
  state = update.init(jax.random.PRNGKey(0))
  check.start(state, update.collect(state)[1])
  assert len(said) == 1


def test_a_rollout_with_exploded_steps_is_compared_without_them(experiment, trained, tmp_path):
  update, said = trained[0], []
  check = HealthCheck(update.style, make_reference(config(), experiment.robot, experiment.clips), tmp_path, said.append)
  state = update.init(jax.random.PRNGKey(0))
  _, rollout = update.collect(state)
  broken = rollout.after.replace(qpos=rollout.after.qpos.at[0].set(1e3))
  rollout = rollout.replace(after=broken, invalid=rollout.invalid.at[0].set(1.0))
  check.start(state, rollout)
  with pytest.raises(UserError, match="policy feature"):
    check.start(state, rollout.replace(invalid=jnp.zeros_like(rollout.invalid)))


def test_own_clips_that_the_gate_would_refuse_are_named_at_the_start(robot, tmp_path):
  good = make_gait(robot, 0.2, 0.8, 0.035, 0.02, 0.2)
  column = good.joint_names.index("left_hip_pitch")
  flipped = good.dof_pos.copy()
  flipped[:, column] *= -1
  bad = dataclasses.replace(good, dof_pos=flipped)
  own = SimpleNamespace(motion=SimpleNamespace(name="file"))
  assert clip_warnings(own, robot, [good]) == []
  lines = clip_warnings(own, robot, [bad, bad])
  assert lines and len(lines) == len(set(lines)) and all(line.startswith("warning: motion.path: ") for line in lines)
  assert clip_warnings(SimpleNamespace(motion=SimpleNamespace(name="gait")), robot, [bad]) == []
