"""From a rollout to what the discriminator judges: whole windows of one episode, and commands it knows."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_exp.learning.rollout import Rollout
from wildrobot_exp.learning.style import Style
from wildrobot_exp.motions.features import frame_features, transition_features, windows
from wildrobot_exp.physics.native import state_bank

NAMES = ("joint_pos", "root_height", "contacts")
COVERED = (0.1, 0.3)
ROBOTS = 3


class NoAmp:
  """What Style.features asks of a discriminator."""

  def __init__(self, conditioned: bool = False):
    self.conditioned = conditioned


def style(robot, window=2, conditioned=False, uncovered="refuse", names=NAMES) -> Style:
  return Style(NoAmp(conditioned), robot, names=names, window=window, covered=COVERED, uncovered=uncovered)


def made_up_rollout(robot, steps: int, ends: tuple[tuple[int, int], ...] = (), seed: int = 0) -> Rollout:
  """[steps, 3] random poses; episodes end after the steps (time, robot) of `ends`."""
  rng = np.random.default_rng(seed)
  count = (steps + 1) * ROBOTS
  qpos = np.tile(robot.home_qpos, (count, 1))
  qpos[:, 2] = rng.uniform(0.3, 0.5, count)
  qpos[:, robot.joint_qpos] = rng.uniform(*robot.joint_range.T, (count, robot.num_joints))
  bank = state_bank(robot, qpos, rng.normal(size=(count, robot.model.nv)))
  states = jax.tree.map(lambda x: jnp.asarray(x).reshape(steps + 1, ROBOTS, -1), bank)
  before = jax.tree.map(lambda x: x[:-1], states)
  after = jax.tree.map(lambda x: x[1:], states)
  length = np.zeros((steps, ROBOTS), np.int32)
  for robot_index in range(ROBOTS):
    made = 0
    for t in range(steps):
      made += 1
      length[t, robot_index] = made
      if (t, robot_index) in ends:  # what follows starts afresh; the true last state stays where it is
        made = 0
        terminal = jax.tree.map(lambda x: x[t, robot_index] * 1.01, after)
        after = jax.tree.map(lambda x, y: x.at[t, robot_index].set(y), after, terminal)  # noqa: B023
  fields = dict.fromkeys(Rollout.__dataclass_fields__)
  return Rollout(
    **fields
    | dict(
      before=before,
      after=after,
      episode_steps=jnp.asarray(length),
      invalid=jnp.zeros((steps, ROBOTS)),
      command=jnp.asarray(rng.uniform(*COVERED, (steps, ROBOTS)), jnp.float32),
    )
  )


@pytest.fixture(scope="module")
def frame(robot):
  """[T, N, f] of states [T, N, ...]."""
  return jax.jit(jax.vmap(jax.vmap(lambda s: frame_features(robot, s, NAMES))))


def part(rollout: Rollout, steps: slice) -> Rollout:
  return jax.tree.map(lambda x: x[steps], rollout)


# windows


@pytest.mark.parametrize("length", [2, 3, 5])
def test_windows_are_the_last_frames_oldest_first(length):
  rng = np.random.default_rng(0)
  frames, after = rng.normal(size=(length - 2 + 7, 4, 3)), rng.normal(size=(7, 4, 3))
  found = np.asarray(windows(jnp.asarray(frames), jnp.asarray(after), length))
  assert found.shape == (7, 4, 3 * length)
  for t in range(7):
    rows = [frames[t + k] for k in range(length - 1)] + [after[t]]
    np.testing.assert_allclose(found[t], np.concatenate(rows, axis=-1), rtol=1e-6)


@pytest.mark.parametrize("window", [2, 3, 5])
def test_two_rollouts_in_a_row_give_the_windows_of_one_twice_as_long(robot, frame, window):
  rollout = made_up_rollout(robot, 8, ends=((2, 0), (5, 1)))
  history = jnp.zeros((window - 2, ROBOTS, frame(rollout.before).shape[-1]))
  stage = jax.jit(style(robot, window).features)
  whole, mask, last = stage(history, rollout)
  first, first_mask, between = stage(history, part(rollout, slice(0, 4)))
  second, second_mask, end = stage(between, part(rollout, slice(4, 8)))
  np.testing.assert_array_equal(whole, jnp.concatenate([first, second]))
  np.testing.assert_array_equal(mask, jnp.concatenate([first_mask, second_mask]))
  np.testing.assert_array_equal(last, end)


@pytest.mark.parametrize("window", [2, 3, 5])
def test_no_window_that_counts_mixes_two_episodes(robot, frame, window):
  ends = ((2, 0), (5, 1), (6, 1), (3, 0))
  rollout = made_up_rollout(robot, 10, ends=ends)
  width = frame(rollout.before).shape[-1]
  features, mask, _ = jax.jit(style(robot, window).features)(jnp.full((window - 2, ROBOTS, width), 7.0), rollout)
  before, after = np.asarray(frame(rollout.before)), np.asarray(frame(rollout.after))
  for n in range(ROBOTS):
    episode = []
    for t in range(10):
      episode.append(before[t, n])
      assert mask[t, n] == (len(episode) >= window - 1)
      if mask[t, n]:
        expected = np.concatenate([*episode[len(episode) - window + 1 :], after[t, n]])
        np.testing.assert_allclose(features[t, n], expected, atol=1e-6)
      if (t, n) in ends:
        episode = []
  assert 0 < float(mask.sum()) and (window == 2) == bool(mask.all())


def test_a_window_longer_than_the_rollout_is_filled_over_several_of_them(robot, frame):
  rollout = made_up_rollout(robot, 6)
  history = jnp.zeros((3, ROBOTS, frame(rollout.before).shape[-1]))
  stage = jax.jit(style(robot, 5).features)
  whole, whole_mask, _ = stage(history, rollout)
  masks, found = [], []
  for t in range(0, 6, 2):
    features, mask, history = stage(history, part(rollout, slice(t, t + 2)))
    found.append(features), masks.append(mask)
  np.testing.assert_array_equal(jnp.concatenate(found), whole)
  np.testing.assert_array_equal(jnp.concatenate(masks), whole_mask)
  np.testing.assert_array_equal(whole_mask[:, 0], [0, 0, 0, 1, 1, 1])


def test_a_window_of_two_is_a_transition(robot):
  rollout = made_up_rollout(robot, 4)
  features, mask, history = jax.jit(style(robot).features)(jnp.zeros((0, ROBOTS, 14)), rollout)
  pair = jax.jit(jax.vmap(jax.vmap(lambda s, t: transition_features(robot, s, t, NAMES))))
  np.testing.assert_array_equal(features, pair(rollout.before, rollout.after))
  assert mask.all() and history.shape == (0, ROBOTS, 14)


def test_a_step_in_which_the_simulation_exploded_does_not_count(robot):
  rollout = made_up_rollout(robot, 4)
  rollout = rollout.replace(invalid=rollout.invalid.at[2, 1].set(1.0))
  _, mask, _ = jax.jit(style(robot).features)(jnp.zeros((0, ROBOTS, 14)), rollout)
  np.testing.assert_array_equal(mask, 1.0 - rollout.invalid)


# commands beyond the reference's speeds


COMMANDS = np.array([[0.1, 0.3, 0.2], [0.0, 0.0999, 0.5], [0.3, 0.31, 0.1]], np.float32)
INSIDE = (COMMANDS > 0.0999) & (COMMANDS < 0.301)


@pytest.fixture(scope="module")
def judged(robot):
  """judged(uncovered) -> (the command the discriminator is told, mask)."""
  rollout = made_up_rollout(robot, 3).replace(command=jnp.asarray(COMMANDS))

  @functools.cache
  def get(uncovered):
    stage = style(robot, conditioned=True, uncovered=uncovered)
    features, mask, _ = jax.jit(stage.features)(jnp.zeros((0, ROBOTS, 14)), rollout)
    assert features.shape[-1] == 2 * 14 + 1
    return np.asarray(features[..., -1]), np.asarray(mask)

  return get


def test_clamp_tells_the_nearest_covered_speed(judged):
  told, mask = judged("clamp")
  np.testing.assert_allclose(told, np.clip(COMMANDS, 0.1, 0.3), rtol=1e-6)
  assert mask.all()


def test_gate_leaves_those_steps_out(judged):
  told, mask = judged("gate")
  np.testing.assert_array_equal(mask, INSIDE)
  np.testing.assert_array_equal(told[INSIDE], COMMANDS[INSIDE])


def test_refuse_leaves_every_command_as_it_is(judged):
  told, mask = judged("refuse")
  np.testing.assert_array_equal(told, COMMANDS)
  assert mask.all()
