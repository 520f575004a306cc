"""The plan a dry run prints: what would be computed, in numbers."""

from wildrobot_exp.config.derived import iterations, steps_per_iteration, substeps
from wildrobot_exp.config.schema import Config


def plan(cfg: Config, folder: str) -> str:
  """Several lines of text. `folder` is where the run would go; it is not created."""
  per_iteration, count = steps_per_iteration(cfg), iterations(cfg)
  algo = cfg.algo
  robots = cfg.num_envs // algo.minibatches
  lines = [
    f"plan: algo={algo.name} env={cfg.env.name} hardware={cfg.hardware.name} seed={cfg.seed}",
    f"  data: {cfg.num_envs} robots x {algo.horizon} steps x {count} iterations"
    f" = {per_iteration * count} env steps (total_steps={cfg.total_steps})",
    f"  update: {per_iteration} steps / {algo.minibatches} minibatches = {robots} trajectories of"
    f" {algo.horizon} = {robots * algo.horizon} steps; x {algo.epochs} epochs"
    f" = {algo.minibatches * algo.epochs} policy steps per iteration",
    f"  engine: {cfg.physics}, {substeps(cfg)} x {cfg.env.timestep} s per control step",
    f"  policy {algo.policy_hidden}, value {algo.value_hidden}, {algo.activation}",
  ]
  if cfg.amp is not None:
    lines.append(
      f"  amp: weight {cfg.amp.weight}, {cfg.amp.updates} discriminator steps of"
      f" {cfg.amp.batch_size} + {cfg.amp.batch_size} transitions per iteration"
    )
  lines.append(f"  run folder (not created): {folder}")
  return "\n".join(lines)
