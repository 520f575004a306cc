"""The reference: every clip, seam included; speeds and blur; start frames with their command and phase."""

import dataclasses
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_exp.config.compose import load
from wildrobot_exp.errors import UserError
from wildrobot_exp.motions import make_gait_grid, to_states
from wildrobot_exp.motions.features import feature_floors, feature_names
from wildrobot_exp.motions.reference import (
  COMMAND,
  COMMAND_FLOOR,
  make_amp_reference,
  reference_frames,
  reference_transitions,
  stride_phase,
)
from wildrobot_exp.motions.sources import make_clips

SPEEDS = [0.0, 0.1, 0.3]
NAMES = ("joint_pos", "root_height", "contacts")


@pytest.fixture(scope="module")
def clips(robot):
  return make_gait_grid(robot, SPEEDS, 0.8, 0.035, 0.02, 0.2, stand_at_zero=True)


@pytest.fixture(scope="module")
def transitions(robot, clips):
  features, speeds = reference_transitions(robot, clips)
  return np.asarray(features), np.asarray(speeds)


def parts(clips, rows: np.ndarray) -> list[np.ndarray]:
  return np.split(rows, np.cumsum([clip.num_frames for clip in clips])[:-1])


def test_every_frame_of_every_clip_starts_one_transition_labelled_with_its_speed(clips, transitions):
  features, speeds = transitions
  assert features.shape == (sum(clip.num_frames for clip in clips), 76)
  for clip, part in zip(clips, parts(clips, speeds), strict=True):
    np.testing.assert_allclose(part, clip.speed)
  assert np.isfinite(features).all()


def test_each_transition_ends_where_the_next_begins_and_the_last_closes_the_loop(clips, transitions):
  for part in parts(clips, transitions[0]):
    np.testing.assert_array_equal(part[:, 38:], np.roll(part[:, :38], -1, axis=0))


def test_the_seam_is_as_smooth_as_any_other_transition(robot, clips, transitions):
  floors = np.asarray(feature_floors(robot))[:38]
  for part in parts(clips, transitions[0])[1:]:
    change = np.abs(part[:, 38:] - part[:, :38]) / floors
    assert (change[-1] <= change[:-1].max(axis=0) + 0.05).all()


def test_no_two_clips_mix_in_a_transition(robot, clips, transitions):
  """Clips alone give the same rows as clips together."""
  alone = [np.asarray(reference_transitions(robot, [clip])[0]) for clip in clips]
  np.testing.assert_array_equal(np.concatenate(alone), transitions[0])


# windows longer than two, other fields


@pytest.mark.parametrize("window", [2, 3, 5])
def test_windows_of_a_loop_go_on_over_its_seam(robot, clips, window):
  features, speeds = (np.asarray(x) for x in reference_transitions(robot, clips, NAMES, window))
  assert len(features) == len(speeds) == sum(clip.num_frames for clip in clips)
  for part in parts(clips, features):
    frames = part[:, :14]
    for t in range(len(part)):
      expected = np.concatenate([frames[(t + k) % len(frames)] for k in range(window)])
      np.testing.assert_array_equal(part[t], expected)


@pytest.mark.parametrize("window", [2, 4])
def test_windows_of_a_clip_that_does_not_loop_stay_inside_it(robot, clips, window):
  once = dataclasses.replace(clips[1], loop=False)
  looped = np.asarray(reference_transitions(robot, [clips[1]], NAMES, window)[0])
  features, speeds = (np.asarray(x) for x in reference_transitions(robot, [once], NAMES, window))
  assert len(features) == len(speeds) == once.num_frames - window + 1
  inner = slice(1, -window)  # velocities at its two ends are one-sided
  np.testing.assert_allclose(features[inner], looped[1 : len(features) - window], atol=1e-6)


def test_a_clip_shorter_than_the_window_is_refused(robot, clips):
  once = dataclasses.replace(clips[1], loop=False)
  exact = reference_transitions(robot, [once], NAMES, once.num_frames)[0]
  assert len(exact) == 1
  with pytest.raises(UserError, match=f"of {once.num_frames} frames is shorter than amp.window={once.num_frames + 1}"):
    make_amp_reference(robot, [once], condition="none", names=NAMES, window=once.num_frames + 1)


def test_the_reference_of_chosen_fields_has_their_names_floors_and_bounds(robot, clips):
  reference = make_amp_reference(robot, clips, condition="command", names=NAMES, window=3)
  assert reference.features.shape[-1] == len(reference.names) == len(reference.floors) == 3 * 14 + 1
  assert reference.names == [*feature_names(robot, NAMES, 3), COMMAND]
  low, high = reference.bounds
  assert ((np.asarray(reference.features) >= low) & (np.asarray(reference.features) <= high)).all()
  assert np.isfinite(reference.bounds).all() and (low < high).all()


def test_reference_moves_forward_at_its_speed(robot, clips, transitions):
  column = feature_names(robot).index("t-1/root_linvel/x [m/s]")
  for clip, part in zip(clips, parts(clips, transitions[0]), strict=True):
    assert part[:, column].mean() == pytest.approx(clip.speed, abs=1e-3)


def test_conditioned_each_row_ends_with_its_speed_as_the_command(robot, clips, transitions):
  reference = make_amp_reference(robot, clips, condition="command")
  np.testing.assert_array_equal(reference.features[:, :-1], transitions[0])
  np.testing.assert_array_equal(reference.features[:, -1], transitions[1])
  np.testing.assert_allclose(reference.floors, [*np.asarray(feature_floors(robot)), COMMAND_FLOOR], rtol=1e-6)
  assert reference.names == [*feature_names(robot), COMMAND]
  assert reference.bounds.shape == (2, 77) and reference.covered == pytest.approx((0.0, 0.3))


def test_without_condition_there_is_no_command(robot, clips, transitions):
  reference = make_amp_reference(robot, clips, condition="none")
  np.testing.assert_array_equal(reference.features, transitions[0])
  assert len(reference.floors) == len(reference.names) == 76


def test_start_frames_are_the_clips_states_with_their_command_and_phase(robot, clips):
  frames = reference_frames(robot, clips)
  for i, clip in enumerate(clips):
    qpos, qvel = to_states(robot, clip)
    np.testing.assert_array_equal(parts(clips, frames.qpos)[i], qpos)
    np.testing.assert_array_equal(parts(clips, frames.qvel)[i], qvel)
    np.testing.assert_array_equal(parts(clips, frames.command)[i], clip.speed)
    np.testing.assert_array_equal(parts(clips, frames.phase)[i], stride_phase(clip))


def test_the_phase_is_zero_at_the_right_foot_s_touchdown_and_half_at_the_left_one_s(clips):
  for clip in clips[1:]:
    phase = stride_phase(clip)
    assert sorted(phase) == pytest.approx(np.arange(clip.num_frames) / clip.num_frames)
    for foot, expected in ((0, 0.0), (1, 0.5)):
      touchdown = np.flatnonzero(clip.contacts[:, foot] & ~np.roll(clip.contacts[:, foot], 1))
      assert phase[touchdown] == pytest.approx([expected], abs=1.5 / clip.num_frames)


def test_a_clip_that_stands_or_tells_no_contacts_has_no_phase(clips):
  assert np.isnan(stride_phase(clips[0])).all()
  assert np.isnan(stride_phase(dataclasses.replace(clips[1], contacts=None))).all()
  assert np.isnan(stride_phase(dataclasses.replace(clips[1], loop=False))).all()


def test_the_config_s_numbers_reach_the_clips(robot):
  plain = load(["algo=ppo"]).motion
  names = ("speeds", "stride_seconds", "lift", "crouch", "double_support", "stand_at_zero")
  base = {name: plain[name] for name in names} | {"speeds": [0.0, 0.1], "name": "gait", "mirror": False}
  changed = {"speeds": [0.0, 0.15], "stride_seconds": 0.72, "lift": 0.03, "crouch": 0.022}
  changed |= {"double_support": 0.3, "stand_at_zero": False}
  first = make_clips(SimpleNamespace(**base), robot)
  assert [clip.speed for clip in first] == [0.0, 0.1]
  for name, value in changed.items():
    other = make_clips(SimpleNamespace(**(base | {name: value})), robot)
    pairs = [(a.dof_pos, b.dof_pos) for a, b in zip(first, other, strict=True)]
    assert not all(a.shape == b.shape and np.allclose(a, b) for a, b in pairs), name


def test_a_normaliser_with_these_floors_never_divides_by_less(robot, clips):
  reference = make_amp_reference(robot, clips[:1], condition="command")  # it stands: nothing varies
  assert float(jnp.std(reference.features, axis=0).max()) < 1e-4 < float(reference.floors.min())
