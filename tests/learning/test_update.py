"""The update: its order, its arithmetic, no dead knob, and the same numbers again after a stop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.learning.adversarial import LOSSES
from wildrobot_exp.learning.trainer import CompiledUpdate
from wildrobot_exp.motions.features import transition_features

STYLE_REWARD = LOSSES["lsgan"].rewards["quadratic"]


def fresh(state):
  """A copy to be used up."""
  return jax.tree.map(lambda x: x.copy(), state)


def bits(tree) -> list[tuple]:
  leaves = jax.tree_util.tree_leaves_with_path(tree)
  return [(jax.tree_util.keystr(path), np.asarray(leaf).tobytes()) for path, leaf in leaves]


def differing(one, other) -> list[str]:
  """Names of the leaves that differ in any bit."""
  return [name for (name, a), (_, b) in zip(bits(one), bits(other), strict=True) if a != b]


def features_of(job, rollout):
  """[T, N, F] raw, as the discriminator of this job is to see them."""
  features = jax.jit(jax.vmap(jax.vmap(lambda s, t: transition_features(job.experiment.robot, s, t))))
  command = [rollout.command[..., None]] if job.update.style.amp.conditioned else []
  return jnp.concatenate([features(rollout.before, rollout.after), *command], axis=-1)


# shapes and counts


def test_a_rollout_is_time_by_robots(job):
  _, rollout = job.update.collect(job.start())
  shape = (job.cfg.algo.horizon, job.cfg.num_envs)
  assert rollout.task_reward.shape == shape
  assert {leaf.shape[:2] for leaf in jax.tree.leaves(rollout.replace(last_observation=None))} == {shape}
  assert set(rollout.terms) == set(job.cfg.reward.terms)


def test_env_steps_and_gradient_steps_are_counted(job):
  state, _ = job.run(job.start(), 3)
  assert job.update.steps_per_update == 64
  assert int(state.env_steps) == 3 * 64
  assert int(state.learner.adam.count) == 3 * job.cfg.algo.epochs * job.cfg.algo.minibatches
  assert int(state.normaliser.count) == 3 * 64
  if job.update.style:
    assert int(state.amp.adam.count) == 3 * job.cfg.amp.updates


def test_a_second_update_does_not_compile_again(job):
  job.run(job.start(), 3)
  assert job.update.collect._cache_size() == job.update.learn._cache_size() == 1


def test_compiled_aloud_it_is_the_same_update(ppo):
  state = ppo.start()
  compiled = CompiledUpdate(ppo.update, state, ppo.hp)
  assert compiled.compile_s > 0
  again, metrics = compiled(fresh(state), ppo.hp)
  expected, expected_metrics = ppo.run(state, 1)
  assert differing(again, expected) == [] and differing(metrics, expected_metrics) == []


# arithmetic and order


def test_the_reward_made_of_the_terms_is_the_env_s_own(job):
  _, rollout = job.update.collect(job.start())
  total = job.update.env.total_reward(rollout.terms, job.hp.reward_weights)
  np.testing.assert_allclose(total, rollout.task_reward, rtol=1e-5, atol=1e-7)
  by_hand = sum(job.cfg.reward.terms[name]["weight"] * np.asarray(term) for name, term in rollout.terms.items())
  np.testing.assert_allclose(rollout.task_reward, job.cfg.env.control_dt * by_hand, rtol=1e-4, atol=1e-6)


def test_plain_ppo_learns_from_the_task_reward_alone(ppo):
  _, metrics = ppo.run(ppo.start(), 1)
  assert float(metrics["train/total_reward"]) == pytest.approx(float(metrics["train/task_reward"]), rel=1e-5)
  assert not any(name.startswith("amp/") for name in metrics)


def test_style_is_scored_before_the_discriminator_learns(ppo_amp):
  job, state = ppo_amp, ppo_amp.start()
  episodes, rollout = job.update.collect(state)
  features = job.update.style.amp.normalise(state.amp, features_of(job, rollout))
  before = float(jnp.mean(STYLE_REWARD(job.update.style.amp.apply(state.amp.params, features))))
  quick = job.hp.replace(amp=job.hp.amp.replace(learning_rate=jnp.float32(0.1)))
  after_state, metrics = job.update.learn(state, episodes, rollout, quick)
  after = float(jnp.mean(STYLE_REWARD(job.update.style.amp.apply(after_state.amp.params, features))))
  assert float(metrics["amp/style_reward"]) == pytest.approx(before, rel=1e-5)
  assert abs(after - before) > 1e-3 * before


def test_the_total_reward_is_task_plus_weight_times_scaled_style_per_second(ppo_amp):
  _, metrics = ppo_amp.run(ppo_amp.start(), 1)
  style = ppo_amp.cfg.amp.style_scale * ppo_amp.cfg.env.control_dt * float(metrics["amp/style_reward"])
  expected = float(metrics["train/task_reward"]) + ppo_amp.cfg.amp.weight * style
  assert style > 0 and float(metrics["train/total_reward"]) == pytest.approx(expected, rel=1e-4)


def test_the_replay_takes_this_iteration_s_transitions(ppo_amp):
  state = ppo_amp.start()
  episodes, rollout = ppo_amp.update.collect(state)
  rows = ppo_amp.update.style.amp.normalise(state.amp, features_of(ppo_amp, rollout)).reshape(64, -1)
  after, _ = ppo_amp.update.learn(state, episodes, rollout, ppo_amp.hp)
  kept = np.asarray(after.amp.replay.features[: int(after.amp.replay.inserted)])
  nearest = np.abs(kept[:, None] - np.asarray(rows)[None]).max(axis=-1).min(axis=1)
  assert len(kept) == round(ppo_amp.cfg.amp.replay_keep * 64) and nearest.max() < 1e-3


def test_the_discriminator_sees_the_command_of_the_step_it_judges(ppo_amp):
  """A rollout whose commands alone are changed is scored differently, and nothing else is."""
  job, state = ppo_amp, ppo_amp.start()
  episodes, rollout = job.update.collect(state)
  other = rollout.replace(command=rollout.command + 0.1)
  assert job.update.style.amp.conditioned
  _, metrics = job.update.learn(fresh(state), episodes, rollout, job.hp)
  _, changed = job.update.learn(fresh(state), episodes, other, job.hp)
  assert float(metrics["amp/style_reward"]) != float(changed["amp/style_reward"])
  assert float(metrics["train/task_reward"]) == float(changed["train/task_reward"])


def test_without_weight_amp_is_ppo_to_the_bit(ppo, ppo_amp):
  plain, _ = ppo.run(ppo.start(), 3)
  hp = ppo_amp.hp.replace(amp=ppo_amp.hp.amp.replace(weight=jnp.float32(0.0)))
  with_amp, metrics = ppo_amp.run(ppo_amp.start(), 3, hp)
  for name in ("learner", "normaliser", "episodes", "rng"):
    assert differing(getattr(plain, name), getattr(with_amp, name)) == [], name
  assert "amp/accuracy_policy" in metrics  # the discriminator learns all the same


# no dead knob


def leaf_names() -> list[str]:
  ppo = "learning_rate final_learning_rate total_steps discount gae_lambda clip entropy value_coef max_grad_norm"
  amp = "weight style_scale learning_rate gradient_penalty logit_regulariser weight_decay"
  amp += " slow_accuracy slow_contrast slow_factor"
  return [*ppo.split(), "reward_scale", *(f"amp.{name}" for name in amp.split())]


BITING = {"clip": 1e-4, "max_grad_norm": 1e-3}  # half of the default might not bite
BITING |= {"amp.slow_accuracy": 1.0, "amp.slow_contrast": 1.0}  # nothing is saturated then


@pytest.fixture(scope="module")
def second_update(ppo_amp):
  """A state whose discriminator is saturated, a rollout with every reward term awake, and what comes of it."""
  state, _ = ppo_amp.run(ppo_amp.start(), 1)
  state = state.replace(amp=state.amp.replace(saturation=jnp.float32(0.9)))
  episodes, rollout = ppo_amp.update.collect(state)
  keys = jax.random.split(jax.random.PRNGKey(7), len(rollout.terms))
  shape = rollout.task_reward.shape
  terms = {name: jax.random.normal(key, shape) for name, key in zip(rollout.terms, keys, strict=True)}
  rollout = rollout.replace(terms=terms)
  outcome = ppo_amp.update.learn(fresh(state), episodes, rollout, saturated(ppo_amp.hp))[0]
  return state, episodes, rollout, outcome


def saturated(hp):
  """Where a discriminator this untrained counts as saturated."""
  return hp.replace(amp=hp.amp.replace(slow_accuracy=jnp.float32(0.0), slow_contrast=jnp.float32(-1.0)))


def changed_outcome(job, second_update, hp) -> list[str]:
  state, episodes, rollout, outcome = second_update
  other, _ = job.update.learn(fresh(state), episodes, rollout, hp)
  assert job.update.learn._cache_size() == 1  # traced: nothing is compiled again
  return differing(learnt(outcome), learnt(other))


def learnt(state) -> tuple:
  return state.learner.params, (state.amp.params, state.amp.saturation)


def test_the_list_of_knobs_is_complete(ppo_amp):
  leaves = jax.tree_util.tree_leaves_with_path(ppo_amp.hp)
  names = {jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in leaves}
  weights = {f"reward_weights.{name}" for name in ppo_amp.cfg.reward.terms}
  assert names == weights | set(leaf_names())


def test_the_same_numbers_give_the_same_outcome(ppo_amp, second_update):
  assert changed_outcome(ppo_amp, second_update, saturated(ppo_amp.hp)) == []


@pytest.mark.parametrize("name", leaf_names())
def test_every_number_changes_the_outcome_without_compiling_again(ppo_amp, second_update, name):
  hp, (leaf, section) = saturated(ppo_amp.hp), (name.split(".")[-1], name.startswith("amp."))
  old = getattr(hp.amp if section else hp, leaf)
  new = jnp.float32(BITING.get(name, 0.5 * float(old)))
  assert new != old
  hp = hp.replace(amp=hp.amp.replace(**{leaf: new})) if section else hp.replace(**{leaf: new})
  changed = changed_outcome(ppo_amp, second_update, hp)
  discriminator_only = section and leaf not in ("weight", "style_scale")
  assert changed and all(path.startswith("[1]") == discriminator_only for path in changed)


def test_every_reward_weight_changes_the_outcome(ppo_amp, second_update):
  for name, weight in ppo_amp.hp.reward_weights.items():
    weights = ppo_amp.hp.reward_weights | {name: 2.0 * weight}
    assert changed_outcome(ppo_amp, second_update, saturated(ppo_amp.hp).replace(reward_weights=weights)), name


# the same again


def test_the_same_seed_gives_the_same_bits_and_another_does_not(job):
  runs = [job.run(job.start(seed), 2)[0] for seed in (0, 0, 1)]
  assert differing(runs[0], runs[1]) == []
  changed = differing(runs[0].learner.params, runs[2].learner.params)
  assert len(changed) == len(jax.tree.leaves(runs[0].learner.params))


def test_going_on_from_a_checkpoint_is_not_having_stopped(job, tmp_path):
  straight, _ = job.run(job.start(), 4)
  half, _ = job.run(job.start(), 2)
  Checkpoints(tmp_path).save(int(half.env_steps), half, metrics={}, config={})
  restored = Checkpoints(tmp_path).restore("latest", job.start(seed=99))
  assert differing(half, restored) == []
  resumed, _ = job.run(restored, 2)
  assert differing(straight, resumed) == []
  assert job.update.collect._cache_size() == job.update.learn._cache_size() == 1
