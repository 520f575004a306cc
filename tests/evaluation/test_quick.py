"""Picking a checkpoint, and judging it, are two different things."""

import numpy as np

from wildrobot_exp.evaluation import quick
from wildrobot_exp.evaluation.policies import make_actor
from wildrobot_exp.evaluation.starts import SELECTION_SEED, make_evaluation_env, make_start, spread_commands


def test_a_checkpoint_is_not_judged_on_the_starts_it_was_picked_by(small_cfg):
  judged = make_evaluation_env(small_cfg, states=32)
  picked = make_evaluation_env(small_cfg, states=32, seed=SELECTION_SEED)
  commands = spread_commands(judged, 32)
  starts = make_start(judged, commands), make_start(picked, commands, seed=SELECTION_SEED)
  poses, other_poses = (np.asarray(start.states.qpos) for start in starts)
  home = 0  # the first start is the home pose, in every evaluation
  assert (np.abs(poses - other_poses).max(axis=1)[home + 1 :] > 0.01).all()
  assert not np.any(starts[0].phases == starts[1].phases)
  np.testing.assert_array_equal(starts[0].commands, starts[1].commands)


def test_the_selection_uses_them(small_cfg, monkeypatch):
  seen = []

  def watched(real):
    return lambda *args, **given: seen.append(given["seed"]) or real(*args, **given)

  for name in ("make_evaluation_env", "make_start"):
    monkeypatch.setattr(quick, name, watched(getattr(quick, name)))
  quick.QuickEvaluation(small_cfg, make_actor, episodes=7)
  assert seen == [SELECTION_SEED] * 2
