"""Read a finished (or interrupted) run back: its config, its objects, its policy."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import jax

from wildrobot_exp.building import Experiment, build, policy_params
from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.config.resume import MODEL
from wildrobot_exp.learning.networks import init_normaliser
from wildrobot_exp.learning.ppo import Learner, init_learner
from wildrobot_exp.learning.update import partial_state
from wildrobot_exp.robots import model_hash
from wildrobot_exp.run_config import chosen_step, run_config


@dataclasses.dataclass(frozen=True)
class Run:
  """A run and one of its policies.

  Attributes:
    cfg: its config, as the checkpoint was written with it.
    experiment: what the config builds.
    params: (normaliser, policy parameters) of the checkpoint.
    step: env steps the checkpoint was trained for.
  """

  cfg: Any
  experiment: Experiment
  params: Any
  step: int


def load_run(
  run_dir: Path,
  overrides: Sequence[str] = (),
  which: int | Literal["best", "latest"] = "best",
  *,
  probe: bool = True,
) -> Run:
  """The run in a folder.

  Args:
    run_dir: the run folder.
    overrides: on top of the run's config; they win.
    which: the checkpoint; "best" falls back to the latest where none has a score.
    probe: also refuse a run whose hardware is not here.

  Raises:
    UserError: no run there, no such checkpoint, it is of another robot, or the overrides do not fit it.
  """
  cfg = run_config(run_dir, overrides, which, probe=probe)
  step = chosen_step(run_dir, which)
  checkpoints = Checkpoints(run_dir, model_hash=model_hash())
  if MODEL not in cfg.resume_allow:
    checkpoints.check_model(step)
  experiment = build(cfg)
  rng = jax.random.PRNGKey(cfg.seed)
  if cfg.algo.name == "brax_ppo":
    template = (init_normaliser(experiment.env.observation_size), experiment.networks.policy_network.init(rng))
    return Run(cfg, experiment, checkpoints.restore(step, template), step)
  learner = jax.eval_shape(lambda key: init_learner(experiment.networks, key), rng)
  learner = Learner(params=learner.params.replace(value=None), adam=None)
  normaliser = init_normaliser(experiment.env.observation_size)
  template = partial_state(learner=learner, normaliser=normaliser)
  return Run(cfg, experiment, policy_params(checkpoints.restore(step, template, part=True)), step)
