"""Style is measured from outside: the reference is its own perfect imitation, and every flaw shows."""

import dataclasses

import numpy as np
import pytest
from made_up import DT, made_up_record

from wildrobot_exp.evaluation.classifier import held_out_auc, roc_auc
from wildrobot_exp.evaluation.gait import reference_gait
from wildrobot_exp.evaluation.strides import joint_rms, record_stride, reference_strides
from wildrobot_exp.evaluation.style import FOLDS, clip_at, measure_style
from wildrobot_exp.motions import make_gait_grid, to_states

STEPS = 250
SPEEDS = (0.1, 0.2)
EPISODES = 8


@pytest.fixture(scope="module")
def clips(robot):
  return make_gait_grid(robot, [0.0, *SPEEDS], 0.8, 0.03, 0.02, 0.2, stand_at_zero=True)


@pytest.fixture(scope="module")
def imitation(robot, clips):
  """imitation(...): episodes that play the clips from random phases, with flaws."""

  def play(noise: float = 0.0, amplitude: float = 1.0, rate: float = 1.0, commands=SPEEDS):
    commands = np.resize(commands, EPISODES)
    rng = np.random.default_rng(3)
    qpos = np.zeros((STEPS, EPISODES, robot.model.nq))
    qvel = np.zeros((STEPS, EPISODES, robot.model.nv))
    for i, speed in enumerate(commands):
      clip = min(clips, key=lambda clip: abs(clip.speed - speed))
      times = rng.uniform(0, clip.seconds) + np.arange(STEPS) * DT * rate
      qpos[:, i], qvel[:, i] = clip_at(clip, to_states(robot, clip), times)
    joints = qpos[..., robot.joint_qpos]
    middle = joints.mean(axis=0)
    qpos[..., robot.joint_qpos] = middle + amplitude * (joints - middle) + noise * rng.normal(size=joints.shape)
    qvel[..., robot.joint_qvel] *= amplitude * rate
    return made_up_record(robot, STEPS, commands, qpos=qpos, qvel=qvel)

  return play


@pytest.fixture(scope="module")
def itself(robot, clips, imitation):
  return measure_style(robot, imitation(), clips)


def test_the_reference_cannot_be_told_from_itself(itself):
  assert itself.classifier_auc == pytest.approx(0.5, abs=0.04)
  assert itself.feature_distance < 0.06
  assert all(auc == pytest.approx(0.5, abs=0.06) for auc in itself.field_auc.values())


@pytest.mark.parametrize(
  "flaws",
  [
    [{"noise": 0.1}, {"noise": 0.2}],
    [{"amplitude": 0.75}, {"amplitude": 0.5}],
    [{"rate": 1.3}, {"rate": 2.0}],
  ],
  ids=["noise", "amplitude", "frequency"],
)
def test_the_worse_the_imitation_the_further_away(robot, clips, imitation, itself, flaws):
  styles = [itself] + [measure_style(robot, imitation(**flaw), clips) for flaw in flaws]
  for measure in ("classifier_auc", "feature_distance"):
    values = [getattr(style, measure) for style in styles]
    assert values[0] + 0.03 < values[1] < values[2], measure


def test_it_names_what_gives_the_policy_away(robot, clips, imitation, itself):
  record = imitation()
  height = record.qpos.copy()
  height[..., 2] += 0.04
  style = measure_style(robot, dataclasses.replace(record, qpos=height), clips)
  assert list(style.field_auc)[0] == "root_height" and list(style.feature_distances)[0] == "root_height/z"
  assert style.field_auc["root_height"] > 0.9 and style.field_auc["joint_vel"] < 0.6
  assert style.classifier_auc > 0.9


def test_the_same_record_gives_the_same_numbers(robot, clips, imitation, itself):
  assert measure_style(robot, imitation(), clips) == itself


def test_only_upright_transitions_at_commands_above_zero_count(robot, clips, imitation, itself):
  record = imitation(commands=(0.0, 0.0, *SPEEDS))
  assert measure_style(robot, record.select(record.commands == 0), clips) is None
  assert measure_style(robot, record, []) is None
  fallen = np.ones_like(record.alive)
  fallen[90:, record.commands == 0.1] = False
  lying = record.qpos.copy()
  lying[90:, record.commands == 0.1, 2] = 0.0
  lying[:, record.commands == 0] = 0.0
  style = measure_style(robot, dataclasses.replace(record, qpos=lying, alive=fallen), clips)
  assert style.classifier_auc == pytest.approx(0.5, abs=0.06)
  nobody = dataclasses.replace(record, alive=np.zeros_like(record.alive))
  assert measure_style(robot, nobody, clips) is None


def test_one_episode_per_speed_and_a_clip_that_is_no_loop_are_enough(robot, clips, imitation):
  record = imitation().select(np.array([0, 1]))
  cut = [dataclasses.replace(clip, loop=False) for clip in clips]
  style = measure_style(robot, record, cut)
  assert style.classifier_auc < 0.75 and style.feature_distance < 0.3


def test_the_classifier_is_scored_on_what_it_never_saw():
  """Folds that hold different things of the policy look the same to a classifier that learns by heart."""
  rng = np.random.default_rng(0)
  samples = np.tile(rng.normal(size=(2, FOLDS, 30, 76)), (1, 1, 20, 1))
  auc = held_out_auc(*samples, np.full(76, 0.01), np.ones((8, 76), dtype=bool), 0)
  np.testing.assert_allclose(auc, 0.5, atol=0.2)


def test_roc_auc_counts_pairs():
  assert roc_auc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1.0
  assert roc_auc(np.array([0.0, 1.0]), np.array([2.0])) == 0.0
  assert roc_auc(np.array([1.0, 1.0]), np.array([1.0])) == 0.5
  assert roc_auc(np.array([0.0, 2.0]), np.array([1.0])) == 0.5


def test_between_frames_a_loop_goes_on_behind_its_end(robot, clips):
  clip = clips[1]
  states = to_states(robot, clip)
  qpos, _ = clip_at(clip, states, np.array([0.0, clip.seconds, clip.seconds - 0.5 / clip.fps]))
  np.testing.assert_allclose(qpos[0], states[0][0])
  np.testing.assert_allclose(qpos[1], states[0][0])
  np.testing.assert_allclose(qpos[2, 7:], (states[0][-1, 7:] + states[0][0, 7:]) / 2)
  np.testing.assert_allclose(np.linalg.norm(qpos[:, 3:7], axis=1), 1.0)


def test_joints_off_over_the_stride(robot, clips, imitation):
  clip = clips[2]
  strides = reference_strides(robot, clips)
  assert strides.keys() == set(SPEEDS)  # the clip of speed 0 stands
  reference = strides[clip.speed]
  frames = np.arange(STEPS) + 13
  qpos = np.tile(to_states(robot, clip)[0][frames % clip.num_frames, None], (1, 2, 1))
  qpos[:, 1, robot.joint_qpos] += 0.1
  load = np.where(clip.contacts, 17.0, 0.0)[frames % clip.num_frames, None]
  record = made_up_record(robot, STEPS, qpos=qpos, feet_load=np.tile(load, (1, 2, 1)))
  off = [joint_rms(record_stride(robot, record.select(np.array([i]))), reference) for i in (0, 1)]
  assert off == pytest.approx([0.0, 0.1], abs=1e-6)
  assert joint_rms(record_stride(robot, record), reference) == pytest.approx(0.05, abs=1e-6)
  assert record_stride(robot, made_up_record(robot, STEPS)) is None
  assert np.isnan(joint_rms(None, reference))


def test_clips_of_one_speed_count_alike(robot, clips):
  clip = clips[1]
  bent = dataclasses.replace(clip, dof_pos=clip.dof_pos + 0.1)
  one, both = (reference_strides(robot, same)[clip.speed] for same in ([clip], [clip, bent]))
  np.testing.assert_allclose(both, one + 0.05)
  gaits = [reference_gait(robot, same)[clip.speed] for same in ([clip], [clip, clip])]
  assert gaits[0] == gaits[1]
