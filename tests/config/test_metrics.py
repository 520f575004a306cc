"""Which numbers a config measures: asked before the run, and answered as the evaluation then does."""

import numpy as np
import pytest

from wildrobot_exp.config.compose import load
from wildrobot_exp.config.metrics import GAIT_SECONDS, METRICS, NEEDS, SETTLE_SECONDS, why_not_measured
from wildrobot_exp.errors import UserError
from wildrobot_exp.evaluation import gait, measures

WITHOUT = {  # what a config has to lack, and the numbers that go with it
  "evaluation.long_walk.enabled=false": ["long_walk_completed"],
  "evaluation.pushes.enabled=false": ["push_forward_10n_recovered", "push_lateral_10n_recovered"],
  "evaluation.worlds.enabled=false": ["worst_world_survival"],
  "algo=brax_ppo": ["compile_s", "invalid_states", "train_return_gain"],
  "env.command.vx=[0.1,0.3]": ["drift_at_zero_m"],
  "env.command.vx=[-0.3,0.0] evaluation.long_walk.enabled=false evaluation.pushes.enabled=false": [
    "classifier_auc",
    "feature_distance",
    "joint_rms_rad",
    "long_walk_completed",
    "push_forward_10n_recovered",
    "push_lateral_10n_recovered",
  ],
  "evaluation.episode_seconds=2.9": ["stride_frequency_hz", "swing_clearance_m", "symmetry"],
}
ALL_ON = "evaluation.worlds.enabled=true"


@pytest.mark.parametrize("overrides", WITHOUT)
def test_what_is_off_is_not_measured(overrides: str):
  cfg = load(["algo=ppo", ALL_ON, "env.command.zero_share=0", *overrides.split()], probe=False)
  assert sorted(name for name in METRICS if why_not_measured(name, cfg)) == WITHOUT[overrides]


def test_the_default_config_measures_all_but_the_changed_worlds():
  assert [name for name in METRICS if why_not_measured(name, load(probe=False))] == ["worst_world_survival"]
  assert [name for name in METRICS if why_not_measured(name, load([ALL_ON], probe=False))] == []
  assert set(NEEDS) <= set(METRICS)


def test_a_gate_on_a_number_that_is_not_measured_is_refused_and_so_is_an_unknown_one():
  with pytest.raises(UserError, match="gate 'long_walk_completed' is not measured.*long_walk.enabled=true"):
    load(["+gates.long_walk_completed.min=1", "evaluation.long_walk.enabled=false"], probe=False)
  with pytest.raises(UserError, match="unknown gate 'suvival': did you mean 'survival'"):
    load(["+gates.suvival.min=1"], probe=False)


def test_the_seconds_are_those_of_the_evaluation():
  assert (SETTLE_SECONDS, GAIT_SECONDS) == (measures.SETTLE_SECONDS, gait.LEAST_SECONDS)


@pytest.mark.parametrize("steps", [81, 82, 83])
def test_an_episode_of_exactly_a_second_and_a_cycle_has_a_speed_error(steps: int):
  dt, cycle = 0.02, 0.64
  values, alive = np.zeros((steps, 1)), np.ones((steps, 1), bool)
  measured = np.isfinite(measures.cycle_error(values, np.zeros(1), alive, dt, cycle)).all()
  seconds = [f"evaluation.episode_seconds={steps * dt:g}", f"env.gait_period={cycle}", "algo=ppo"]
  assert measured == (why_not_measured("vx_error", load(seconds, probe=False)) is None) == (steps >= 82)
