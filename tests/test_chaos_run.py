"""Real runs, killed with SIGKILL wherever they write, end as an undisturbed one does."""

import json
import pathlib
import random
import shutil
import subprocess

import pytest
from killed_runs import ITERATION, TINY_AMP, UPDATES, file_events, rows, run, tensorboard_steps, wandb_rows

from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.errors import UserError

KILLS = 50
SEED = 0

pytestmark = pytest.mark.slow


def arrays(folder: pathlib.Path, step: int) -> dict[str, bytes]:
  return {name: array.tobytes() for name, array in Checkpoints(folder).arrays(step).items()}


def ended(done: subprocess.CompletedProcess) -> bool:
  """True if it came to its end, False if it was killed."""
  assert done.returncode in (0, -9), done.stderr
  return done.returncode == 0


def agree(one: pathlib.Path, other: pathlib.Path) -> None:
  """Everything but times is the same."""
  assert rows(one) == rows(other)
  last = UPDATES * ITERATION
  assert Checkpoints(one).steps() == Checkpoints(other).steps()
  assert arrays(one, last) == arrays(other, last)
  evaluations = [json.loads((folder / "evaluation.json").read_text()) | {"run": ""} for folder in (one, other)]
  assert evaluations[0] == evaluations[1]


@pytest.mark.parametrize("physics", ["native", "mjx"])
@pytest.mark.parametrize("algo", [("algo=ppo",), ("algo=ppo_amp", *TINY_AMP)], ids=["ppo", "ppo_amp"])
def test_killed_after_three_of_six_updates_and_resumed(tmp_path: pathlib.Path, algo, physics: str):
  straight, killed = tmp_path / "straight", tmp_path / "killed"
  overrides = (*algo, f"physics={physics}")
  assert ended(run(straight, *overrides))
  assert not ended(run(killed, *overrides, kill_at=f".partial-{4 * ITERATION}"))  # in the fourth save
  assert Checkpoints(killed).steps() == [ITERATION * update for update in (1, 2, 3)]
  assert ended(run(killed))
  agree(straight, killed)
  steps = [int(row["step"]) for row in rows(killed)]
  assert steps == [ITERATION * update for update in (1, 2, 4, 6, 6)]  # the last one: the evaluation afterwards
  assert sorted({*tensorboard_steps(killed, "wall_s")}) == sorted({*steps})
  assert tensorboard_steps(killed, "wall_s") == tensorboard_steps(straight, "wall_s")
  assert [item["step"] for item in wandb_rows(killed)] == steps


def test_random_kills_leave_nothing_behind(tmp_path: pathlib.Path):
  straight = tmp_path / "straight"
  overrides = ("algo=ppo_amp", *TINY_AMP, "logger=csv")
  done = run(straight, *overrides)
  assert ended(done)
  events = file_events(done)
  good = {step: arrays(straight, step) for step in Checkpoints(straight).steps()}
  rng, kills, finished = random.Random(SEED), 0, 0
  while kills < KILLS or not finished:
    folder = tmp_path / f"run_{finished}"
    over = ended(run(folder, *overrides, kill_at=str(rng.randint(1, events // 2) if kills < KILLS else 0)))
    kills += not over
    look_at(folder, good)
    if over:
      agree(straight, folder)
      finished += 1
    elif not Checkpoints(folder).steps():
      shutil.rmtree(folder, ignore_errors=True)  # nothing to resume: it is started again
  print(f"{kills} kills, {finished} runs finished, {events} file events in an undisturbed run")


def look_at(folder: pathlib.Path, good: dict[int, dict[str, bytes]]) -> None:
  """Every checkpoint that can be read is the undisturbed run's, and rows are whole."""
  for step in Checkpoints(folder).steps():
    try:
      assert arrays(folder, step) == good[step]
    except UserError as error:
      assert "damaged" in str(error)
  if (folder / "metrics.csv").exists():
    lines = (folder / "metrics.csv").read_bytes().split(b"\n")
    assert lines[-1] == b"" and len({line.count(b",") for line in lines[:-1]}) == 1
