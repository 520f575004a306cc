"""States that went bad: the last good states and actions of such a robot, in the run folder. No pickles.

    incidents/000.npz, 001.npz, ...

Each holds the steps [K] of the rollout since the robot's episode began, the last one being the step that failed:
qpos, qvel, warmstart (before the step), action, command; episode_steps (control steps made before), control_dt,
env_steps (of the run, at the end of the rollout), iteration, robot, seed, model_hash.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wildrobot_exp.errors import UserError
from wildrobot_exp.npz_files import read_npz, write_npz

if TYPE_CHECKING:
  from wildrobot_exp.learning.rollout import Rollout

FOLDER = "incidents"
MOST = 20  # files of a run; beyond them incidents are only counted
SCHEMA = 1


class Incidents:
  """Writes the incidents of one run.

  Args:
    run_dir: the run folder.
    facts: seed, control_dt and model_hash of the run.
    say: told of the first one, of the last one kept, and of a disk that refuses.
    resume_step: env steps a resumed run goes on from: what it went through until then is kept. None: a new run.
  """

  def __init__(
    self, run_dir: Path, facts: dict[str, Any], say: Callable[[str], None], *, resume_step: int | None = None
  ):
    self._run_dir = run_dir
    self._facts = facts
    self._say = say
    self._refused = False
    self.rewind(-1 if resume_step is None else resume_step)

  @property
  def full(self) -> bool:
    """Whether no more are kept."""
    return self._kept >= MOST or self._refused

  def rewind(self, step: int) -> None:
    """Training goes on from an earlier step: what went bad beyond it is removed, as it may do so again."""
    for path in incident_files(self._run_dir):
      if step < 0 or _env_steps(path) > step:
        path.unlink()
    files = incident_files(self._run_dir)
    self._kept = int(files[-1].stem) + 1 if files else 0

  def keep(self, rollout: "Rollout", env_steps: int, iteration: int) -> None:
    """Keep what is invalid in a rollout [T, N, ...], earliest first."""
    bad = np.argwhere(np.asarray(rollout.invalid) > 0)
    states = {name: np.asarray(getattr(rollout.before, name)) for name in ("qpos", "qvel", "warmstart")}
    steps = states | {"action": np.asarray(rollout.action), "command": np.asarray(rollout.command)}
    made = np.asarray(rollout.episode_steps)
    run = self._facts | {"schema": SCHEMA, "env_steps": env_steps, "iteration": iteration}
    for step, robot in bad.tolist():
      if self.full:
        return
      first = max(0, step + 1 - int(made[step, robot]))
      part = slice(first, step + 1)
      arrays = {name: values[part, robot] for name, values in steps.items()}
      self._write(arrays | {"episode_steps": made[part, robot] - 1}, run | {"robot": robot})

  def _write(self, arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> None:
    number = self._kept
    folder = self._run_dir / FOLDER
    try:
      folder.mkdir(exist_ok=True)
      write_npz(folder / f"{number:03}.npz", arrays | facts)
    except OSError as error:
      self._refused = True
      self._say(f"warning: an incident could not be kept ({error.strerror}): they are only counted from now on")
      return
    self._kept += 1
    if number == 0:
      self._say(
        f"warning: a robot's state or action went bad, its episode was ended; kept as {FOLDER}/000.npz:"
        f" wildrobot play {self._run_dir} --incident 0 --video incident.mp4"
      )
    if self._kept == MOST:
      self._say(f"warning: {MOST} incidents are kept in {FOLDER}/: more of them are only counted")


def incident_files(run_dir: Path) -> list[Path]:
  """The incidents of a run, number 0 first."""
  return sorted((run_dir / FOLDER).glob("[0-9]*.npz"))


def _env_steps(path: Path) -> float:
  """Of the run when a state went bad; infinity where the file is damaged."""
  try:
    return float(read_npz(path, "")["env_steps"])
  except (UserError, KeyError, TypeError, ValueError):
    return math.inf


def read_incident(run_dir: Path, number: int) -> dict[str, np.ndarray]:
  """The arrays of one incident.

  Raises:
    UserError: there is none of that number, or its file is damaged.
  """
  files = incident_files(run_dir)
  if not 0 <= number < len(files):
    there = f"there are 0 to {len(files) - 1}" if files else "no state of this run went bad"
    raise UserError(f"no incident {number} in {run_dir / FOLDER}: {there}")
  return read_npz(files[number], "choose another incident")


def describe(number: int, incident: dict[str, np.ndarray]) -> str:
  """One line about an incident."""
  steps, dt = len(incident["qpos"]), float(incident["control_dt"])
  return (
    f"incident {number}: robot {int(incident['robot'])} in iteration {int(incident['iteration'])},"
    f" {float(incident['episode_steps'][-1]) * dt:.2f} s into its episode, commanded"
    f" {float(incident['command'][-1]):.2f} m/s; {steps} steps kept"
  )
