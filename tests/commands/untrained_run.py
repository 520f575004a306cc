"""A run folder as training leaves it, of a policy that never trained."""

import jax
import numpy as np
from omegaconf import OmegaConf

from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.config.compose import load
from wildrobot_exp.experiment import build
from wildrobot_exp.learning.networks import init_normaliser
from wildrobot_exp.learning.ppo import Learner
from wildrobot_exp.learning.two_critics import ActorCritics
from wildrobot_exp.learning.update import partial_state

OVERRIDES = [
  "num_envs=16",
  "algo.minibatches=2",
  "algo.policy_hidden=[8]",
  "algo.value_hidden=[4]",
  "motion.speeds=[0.0,0.3]",
  "env.reset.bank_size=4",
  "evaluation.episodes=7",
  "evaluation.episode_seconds=0.5",
  "evaluation.video.seconds=0.2",
  "evaluation.pushes.enabled=false",
  "evaluation.long_walk.enabled=false",
]


def make_run(folder, algo: str):
  """A run folder with checkpoints at steps 64 and 128 of an untrained policy of almost no action."""
  (folder / ".hydra").mkdir(parents=True)
  overrides = [*OVERRIDES, f"algo={algo}"]
  (folder / ".hydra" / "overrides.yaml").write_text("".join(f"- {line}\n" for line in overrides))
  cfg = load(overrides)
  (folder / ".hydra" / "config.yaml").write_text(OmegaConf.to_yaml(cfg))
  experiment = build(cfg)
  shapes = jax.eval_shape(experiment.networks.policy_network.init, jax.random.PRNGKey(0))
  policy = jax.tree.map(lambda leaf: np.full(leaf.shape, 0.01, np.float32), shapes)
  normaliser = init_normaliser(experiment.env.observation_size)
  if algo == "brax_ppo":
    state = (normaliser, policy)
  else:
    learner = Learner(params=ActorCritics(policy=policy, value=None), adam=None)
    state = partial_state(learner=learner, normaliser=normaliser)
  config = OmegaConf.to_container(cfg, resolve=True)
  for step in (64, 128):
    Checkpoints(folder).save(step, state, metrics={}, config=config, score=-step)
  return folder
