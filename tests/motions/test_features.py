"""Features: named, in known units, blind to place and heading, and the same for clips and physics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_exp.errors import UserError
from wildrobot_exp.motions import make_gait_grid, to_states
from wildrobot_exp.motions.features import (
  CONTACT_HEIGHT,
  FIELDS,
  STYLE,
  check_names,
  feature_bounds,
  feature_floors,
  feature_names,
  frame_features,
  transition_features,
)
from wildrobot_exp.motions.reference import reference_transitions
from wildrobot_exp.physics.native import NativePhysics, state_bank

UNITS = {
  "joint_pos": "rad", "joint_vel": "rad/s", "root_height": "m", "gravity": "1", "root_linvel": "m/s",
  "root_angvel": "rad/s", "feet_pos": "m",
}  # fmt: skip


@pytest.fixture(scope="module")
def clips(robot):
  return make_gait_grid(robot, [0.0, 0.2], 0.8, 0.035, 0.02, 0.2, stand_at_zero=True)


@pytest.fixture(scope="module")
def features(robot):
  """Of pairs of states: (before [N, ...], after [N, ...]) -> [N, 76]."""
  return jax.jit(jax.vmap(lambda s, t: transition_features(robot, s, t)))


@pytest.fixture(scope="module")
def moves(robot):
  """[20] tilted, turning, bent robots in flight: qpos, qvel."""
  rng = np.random.default_rng(0)
  qpos = np.tile(robot.home_qpos, (20, 1))
  qpos[:, :3] += rng.uniform(-0.2, 0.2, (20, 3)) + [0.0, 0.0, 0.5]
  qpos[:, 3:7] += rng.normal(0.0, 0.3, (20, 4))
  qpos[:, 3:7] /= np.linalg.norm(qpos[:, 3:7], axis=1, keepdims=True)
  qpos[:, robot.joint_qpos] = rng.uniform(*robot.joint_range.T, (20, robot.num_joints))
  return qpos, rng.normal(0.0, 1.0, (20, robot.model.nv))


def of_field(robot, values, field: str, frame: str = "t-1") -> np.ndarray:
  chosen = [i for i, name in enumerate(feature_names(robot)) if name.startswith(f"{frame}/{field}/")]
  return np.asarray(values)[..., chosen]


def test_there_are_76_with_unique_names_and_known_units(robot, features, moves):
  names = feature_names(robot)
  state = state_bank(robot, *moves)
  assert features(state, state).shape == (20, 76)
  assert len(names) == len(set(names)) == 76
  for name in names:
    frame, field, label = name.split("/", 2)
    assert frame in ("t-1", "t") and label.endswith(f" [{UNITS[field]}]")
  assert [name.replace("t-1/", "t/") for name in names[:38]] == names[38:]
  joints = [name.split("/")[2].split(" ")[0] for name in names if name.startswith("t-1/joint_pos/")]
  assert tuple(joints) == robot.joint_names


def test_every_feature_has_a_positive_floor_in_its_own_unit(robot):
  floors = np.asarray(feature_floors(robot))
  assert floors.shape == (76,) and (floors > 0).all()
  for field in STYLE:
    assert set(of_field(robot, floors, field).tolist()) == {np.float32(FIELDS[field].floor).item()}


def test_a_transition_is_its_two_frames(robot, features, moves):
  before = state_bank(robot, *moves)
  after = jax.tree.map(lambda x: x[::-1], before)
  there, back = np.asarray(features(before, after)), np.asarray(features(after, before))
  np.testing.assert_array_equal(there[:, :38], back[:, 38:])
  np.testing.assert_array_equal(there[:, 38:], back[:, :38])


def turned(qpos: np.ndarray, qvel: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
  """The same robots turned about the world's z axis: position, orientation and linear velocity."""
  c, s, c2, s2 = np.cos(angle), np.sin(angle), np.cos(angle / 2), np.sin(angle / 2)
  matrix = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
  qpos, qvel = qpos.copy(), qvel.copy()
  qpos[:, :3], qvel[:, :3] = qpos[:, :3] @ matrix.T, qvel[:, :3] @ matrix.T
  w, x, y, z = qpos[:, 3:7].T
  qpos[:, 3:7] = np.stack([c2 * w - s2 * z, c2 * x - s2 * y, c2 * y + s2 * x, c2 * z + s2 * w], axis=-1)
  return qpos, qvel


@pytest.mark.parametrize("angle", [0.5, 2.0, np.pi, -2.5])
def test_turning_the_whole_robot_changes_no_feature(robot, features, moves, angle):
  here, there = state_bank(robot, *moves), state_bank(robot, *turned(*moves, angle))
  np.testing.assert_allclose(features(here, here), features(there, there), atol=2e-5)


def test_walking_elsewhere_changes_no_feature_but_height_does(robot, features, moves):
  qpos, qvel = moves
  here, there = state_bank(robot, qpos, qvel), state_bank(robot, qpos + np.eye(qpos.shape[1])[0] * 5.0, qvel)
  np.testing.assert_allclose(features(here, here), features(there, there), atol=2e-5)
  higher = state_bank(robot, qpos + np.eye(qpos.shape[1])[2] * 0.1, qvel)
  difference = np.asarray(features(higher, higher)) - np.asarray(features(here, here))
  np.testing.assert_allclose(of_field(robot, difference, "root_height"), 0.1, atol=1e-5)
  heights = [i for i, name in enumerate(feature_names(robot)) if "/root_height/" in name]
  np.testing.assert_allclose(np.delete(difference, heights, axis=1), 0.0, atol=2e-5)


def test_values_of_a_robot_at_home_are_what_their_names_say(robot, features):
  qvel = np.zeros((1, robot.model.nv))
  qvel[0, :6] = [0.3, -0.1, 0.05, 0.2, 0.4, 0.6]
  state = state_bank(robot, robot.home_qpos[None], qvel)
  values = features(state, state)[0]
  np.testing.assert_allclose(of_field(robot, values, "joint_pos"), robot.home_qpos[robot.joint_qpos], atol=1e-6)
  np.testing.assert_allclose(of_field(robot, values, "root_height"), [robot.home_qpos[2]], atol=1e-6)
  np.testing.assert_allclose(of_field(robot, values, "gravity"), [0.0, 0.0, -1.0], atol=1e-6)
  np.testing.assert_allclose(of_field(robot, values, "root_linvel"), [0.3, -0.1, 0.05], atol=1e-6)
  np.testing.assert_allclose(of_field(robot, values, "root_angvel"), [0.2, 0.4, 0.6], atol=1e-6)
  right, left = of_field(robot, values, "feet_pos").reshape(2, 3)
  assert right[1] < 0.0 < left[1] and right[2] < -0.2 and left[2] < -0.2


def test_joint_velocities_are_not_scaled(robot, features):
  qvel = np.zeros((1, robot.model.nv))
  qvel[0, robot.joint_qvel] = np.arange(robot.num_joints)
  state = state_bank(robot, robot.home_qpos[None], qvel)
  np.testing.assert_allclose(
    of_field(robot, features(state, state)[0], "joint_vel"), np.arange(robot.num_joints), atol=1e-5
  )


def test_a_clip_gives_the_features_of_the_physics_state_with_its_positions_and_velocities(robot, clips, features):
  values, _ = reference_transitions(robot, clips)
  physics, first = NativePhysics(robot), 0
  for clip in clips:
    qpos, qvel = (jnp.asarray(x, jnp.float32) for x in to_states(robot, clip))
    states = jax.vmap(physics.reset)(qpos, qvel)
    following = jax.tree.map(lambda x: np.roll(x, -1, axis=0), states)
    expected = features(states, following)
    np.testing.assert_allclose(values[first : first + clip.num_frames], expected, atol=1e-5)
    first += clip.num_frames


def test_a_state_the_engine_stepped_to_gives_the_features_of_its_positions_and_velocities(robot, features, moves):
  """What the policy's side is made of: no feature lags behind a physics step."""
  physics = NativePhysics(robot)
  start = state_bank(robot, *moves)
  ctrl = jnp.tile(jnp.asarray(robot.home_ctrl, jnp.float32), (20, 1))
  stepped = jax.vmap(physics.step)(start, ctrl, jnp.zeros((20, 3)))
  again = jax.vmap(physics.reset)(stepped.qpos, stepped.qvel)
  np.testing.assert_allclose(features(start, stepped), features(start, again), atol=1e-4)
  assert np.abs(np.asarray(stepped.qpos - start.qpos)).max() > 0.01


# chosen fields, longer windows


def test_style_from_outside_is_every_field_but_the_contacts():
  assert set(FIELDS) - set(STYLE) == {"contacts"}


@pytest.mark.parametrize("window", [2, 3, 5])
def test_names_floors_and_bounds_are_those_of_a_frame_repeated(robot, window):
  chosen = ("contacts", "root_height")
  names = feature_names(robot, chosen, window)
  frame = ["contacts/right [1]", "contacts/left [1]", "root_height/z [m]"]
  ages = [f"t-{window - 1 - k}" for k in range(window - 1)] + ["t"]
  assert names == [f"{age}/{name}" for age in ages for name in frame]
  np.testing.assert_allclose(feature_floors(robot, chosen, window), [0.25, 0.25, 0.015] * window)
  bounds = feature_bounds(robot, chosen, window)
  assert bounds.shape == (2, 3 * window) and (bounds[0] < bounds[1]).all()
  np.testing.assert_allclose(bounds[:, :3], [[0.0, 0.0, 0.1], [1.0, 1.0, 0.7]])


def test_a_frame_has_the_chosen_fields_in_the_order_they_were_named(robot, moves):
  states = state_bank(robot, *moves)

  def values(*names):
    return np.asarray(jax.vmap(lambda s: frame_features(robot, s, names))(states))

  both = values("gravity", "joint_pos")
  np.testing.assert_array_equal(both, np.concatenate([values("gravity"), values("joint_pos")], axis=1))


def test_every_reference_feature_lies_in_its_bounds(robot, clips):
  low, high = feature_bounds(robot, tuple(FIELDS))
  values = np.asarray(reference_transitions(robot, clips, tuple(FIELDS))[0])
  assert ((values >= low) & (values <= high)).all()


def test_contacts_fade_from_one_on_the_floor_to_zero_above_it(robot, clips):
  qpos, qvel = (np.asarray(x[:1]) for x in to_states(robot, clips[0]))
  found = []
  for lift in (-0.01, 0.0, 0.5 * CONTACT_HEIGHT, CONTACT_HEIGHT, 0.3):
    raised = qpos + lift * np.eye(qpos.shape[1])[2]
    state = jax.tree.map(lambda x: x[0], state_bank(robot, raised, qvel))
    found.append(np.asarray(frame_features(robot, state, ("contacts",))))
  np.testing.assert_allclose(found, [[1.0, 1.0], [1.0, 1.0], [0.5, 0.5], [0.0, 0.0], [0.0, 0.0]], atol=0.05)


def test_an_unknown_field_is_refused_with_the_nearest_one():
  check_names(tuple(FIELDS))
  with pytest.raises(UserError, match="unknown feature 'joint_po': did you mean 'joint_pos'"):
    check_names(["joint_po"])
