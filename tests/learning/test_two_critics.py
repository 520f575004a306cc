"""amp.mix=two_critics: a critic for each reward; without style it is Brax's PPO loss, term for term."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brax.training.agents.ppo import losses as ppo_losses
from tiny_job import TINY_AMP, Job, make_job

from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.learning.ppo import brax_transition, init_learner
from wildrobot_exp.learning.two_critics import two_critics_loss


@pytest.fixture(scope="module")
def two() -> Job:
  return make_job("algo=ppo_amp", *TINY_AMP, "amp.mix=two_critics")


@pytest.fixture(scope="module")
def collected(two):
  """(state, rollout, style reward [T, N])."""
  state = two.start()
  _, rollout = two.update.collect(state)
  return state, rollout, jax.random.uniform(jax.random.PRNGKey(5), rollout.task_reward.shape)


@pytest.fixture(scope="module")
def loss(two, collected):
  """loss(task [T, N], style [T, N], weight) -> ((loss, metrics), gradient), on data the policy has moved on from."""
  state, rollout, _ = collected

  @jax.jit
  def evaluate(task, style, hp):
    data = brax_transition(rollout, jnp.stack([task, style], axis=-1))
    params = moved(state.learner.params)
    function = jax.value_and_grad(two_critics_loss, has_aux=True)
    return function(params, state.normaliser, data, jax.random.PRNGKey(3), two.update.networks, hp)

  def weighted(task, style, weight):
    return evaluate(task, style, two.hp.replace(amp=two.hp.amp.replace(weight=jnp.float32(weight))))

  return weighted


def moved(params):
  return jax.tree.map(lambda x: x + 0.01 * jnp.cos(jnp.arange(x.size).reshape(x.shape)), params)


def test_without_style_it_is_brax_s_loss(two, collected, loss):
  state, rollout, style = collected
  (_, metrics), gradient = loss(rollout.task_reward, style, 0.0)
  hp = two.hp

  @jax.jit
  def brax(params):
    return jax.value_and_grad(ppo_losses.compute_ppo_loss, has_aux=True)(
      params,
      state.normaliser,
      brax_transition(rollout, rollout.task_reward),
      jax.random.PRNGKey(3),
      two.update.networks,
      entropy_cost=hp.entropy,
      discounting=hp.discount,
      reward_scaling=hp.reward_scale,
      gae_lambda=hp.gae_lambda,
      clipping_epsilon=hp.clip,
      vf_coefficient=hp.value_coef,
    )

  (_, expected), expected_gradient = brax(moved(state.learner.params))
  for name in ("policy_loss", "entropy_loss", "policy_dist_mean_std"):
    assert float(metrics[name]) == pytest.approx(float(expected[name]), abs=1e-6), name
  for side in ("policy", "value"):
    pair = map(jax.tree.leaves, (getattr(gradient, side), getattr(expected_gradient, side)))
    for a, b in zip(*pair, strict=True):
      np.testing.assert_allclose(a, b, atol=1e-6)
  own = {critic: value_loss(two, collected, critic) for critic in ("value", "style_value")}
  assert float(own["value"]) == pytest.approx(float(expected["v_loss"]), abs=1e-6)
  assert float(metrics["v_loss"]) == pytest.approx(float(own["value"] + own["style_value"]), abs=1e-6)


def value_loss(two, collected, critic: str) -> jax.Array:
  """Brax's value loss of one critic against its own reward."""
  state, rollout, style = collected
  params = moved(state.learner.params)
  data = brax_transition(rollout, rollout.task_reward if critic == "value" else style)
  _, metrics = ppo_losses.compute_ppo_loss(
    params.replace(value=getattr(params, critic)),
    state.normaliser,
    data,
    jax.random.PRNGKey(3),
    two.update.networks,
    discounting=two.hp.discount,
    reward_scaling=two.hp.reward_scale,
    gae_lambda=two.hp.gae_lambda,
    vf_coefficient=two.hp.value_coef,
  )
  return metrics["v_loss"]


def same(one, other) -> bool:
  return all(np.allclose(a, b, atol=1e-9) for a, b in zip(*map(jax.tree.leaves, (one, other)), strict=True))


def test_each_critic_learns_from_its_own_reward_alone(collected, loss):
  _, rollout, style = collected
  task = rollout.task_reward
  _, plain = loss(task, style, 1.0)
  _, other_style = loss(task, style**2, 1.0)
  _, other_task = loss(task**2, style, 1.0)
  assert same(plain.value, other_style.value) and not same(plain.style_value, other_style.style_value)
  assert same(plain.style_value, other_task.style_value) and not same(plain.value, other_task.value)
  assert not same(plain.policy, other_style.policy) and not same(plain.policy, other_task.policy)


def test_the_weight_mixes_the_advantages_and_leaves_the_critics_alone(collected, loss):
  _, rollout, style = collected
  gradients = [loss(rollout.task_reward, style, weight)[1] for weight in (0.0, 1.0, 2.0)]
  assert all(same(gradients[0].value, g.value) and same(gradients[0].style_value, g.style_value) for g in gradients)
  assert not same(gradients[0].policy, gradients[1].policy) and not same(gradients[1].policy, gradients[2].policy)


def test_the_two_critics_start_apart_and_one_critic_is_as_before(ppo, two):
  both = two.start().learner.params
  assert not same(both.value, both.style_value)
  one = init_learner(ppo.update.networks, jax.random.PRNGKey(0)).params
  assert one.style_value is None
  assert same(one, init_learner(ppo.update.networks, jax.random.PRNGKey(0), 2).params.replace(style_value=None))


def test_it_trains_both_critics_and_goes_on_from_a_checkpoint(two, tmp_path):
  first = two.start()
  half, metrics = two.run(two.start(), 2)
  params = (first.learner.params, half.learner.params)
  for side in ("policy", "value", "style_value"):
    assert not same(*(getattr(p, side) for p in params)), side
  assert all(np.isfinite(value).all() for name, value in metrics.items() if name.startswith(("amp/", "train/p")))
  style = two.cfg.amp.style_scale * two.cfg.env.control_dt * float(metrics["amp/style_reward"])
  expected = float(metrics["train/task_reward"]) + two.cfg.amp.weight * style
  assert float(metrics["train/total_reward"]) == pytest.approx(expected, rel=1e-4)
  Checkpoints(tmp_path).save(1, half, metrics={}, config={})
  restored = Checkpoints(tmp_path).restore("latest", two.start(seed=9))
  straight, _ = two.run(half, 1)
  resumed, _ = two.run(restored, 1)
  for a, b in zip(*map(jax.tree.leaves, (straight, resumed)), strict=True):
    assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


def test_the_weight_acts_on_the_policy(two):
  states = []
  for weight in (0.0, 1.0):
    hp = two.hp.replace(amp=two.hp.amp.replace(weight=jnp.float32(weight)))
    states.append(two.run(two.start(), 1, hp)[0].learner.params)
  assert not same(states[0].policy, states[1].policy)
  # clipped by the norm of the whole gradient, the critics' steps may differ; Adam's direction hides most of it
  assert two.update.learn._cache_size() == 1
