"""How much an exported policy bears: the runner's evaluation with late targets, noisy joint velocities, a finer step.

  python benchmarks/deploy_margins.py EXPORT
"""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

RUNNER = Path(__file__).resolve().parents[1] / "examples" / "run_policy.py"
LATE_MS = (4, 8, 12, 20)
VELOCITY_NOISE = (0.1, 0.5)  # rad/s, standard deviation
FINE_TIMESTEP = 0.002  # s


def evaluate(walker: Any) -> str:
  """Survival and speed error of the evaluation's episodes."""
  trial = walker.spec["trial"]
  speeds = np.resize(trial["speeds"], trial["episodes"])
  survived, _, error = np.array([walker.walk(*job) for job in zip(speeds, walker.starts(len(speeds)))]).T
  return f"{survived.mean():.0%}, {np.nanmean(error):.3f} m/s"


def cases(module: Any, folder: str) -> Iterator[tuple[str, Any]]:
  """(what is worse, a walker that has it)."""
  yield "as trained", module.Walker(folder)
  for late in LATE_MS:
    yield f"targets {late} ms late", delayed(module, folder, late / 1000)
  for noise in VELOCITY_NOISE:
    yield f"joint velocities with {noise} rad/s of noise", noisy(module, folder, noise)
  fine = module.Walker(folder)
  fine.spec["physics"]["substeps"] = round(fine.spec["control"]["period_s"] / FINE_TIMESTEP)
  fine.model.opt.timestep = FINE_TIMESTEP
  yield f"physics step {1000 * FINE_TIMESTEP:g} ms", fine


def delayed(module: Any, folder: str, late: float) -> Any:
  """A walker whose servos go on with their last targets for `late` seconds of every control step."""
  walker = module.Walker(folder)
  data, targets = walker.data, {}

  def servos(model: mujoco.MjModel, data: mujoco.MjData) -> None:
    """MuJoCo asks before every physics step: the runner's targets, or those of the control step before."""
    if targets["action"] is not walker.last_action:  # a new decision, which the runner has just written
      targets.update(action=walker.last_action, old=targets["new"], new=data.ctrl.copy(), since=data.time)
    data.ctrl[:] = targets["old" if data.time - targets["since"] < late - 1e-9 else "new"]

  reset = walker.reset

  def reset_servos(*start: Any) -> None:
    mujoco.set_mjcb_control(None)
    reset(*start)
    targets.update(action=walker.last_action, new=data.ctrl.copy())
    mujoco.set_mjcb_control(servos)

  walker.reset = reset_servos
  return walker


def noisy(module: Any, folder: str, noise: float) -> Any:
  """A walker whose joint velocities are read with Gaussian noise, rad/s."""
  walker = module.Walker(folder)
  rng, exact = np.random.default_rng(0), walker.read["joint_vel"]
  walker.read["joint_vel"] = lambda field: exact(field) + rng.normal(0.0, noise, field["size"])
  return walker


if __name__ == "__main__":
  spec = importlib.util.spec_from_file_location("run_policy", RUNNER)
  runner = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(runner)
  for name, changed in cases(runner, sys.argv[1]):
    print(f"| {name} | {evaluate(changed)} |", flush=True)
    mujoco.set_mjcb_control(None)
