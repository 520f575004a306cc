"""Does the exported policy walk as well as the original, run by a program that knows nothing of this package?"""

import json
import sys
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from wildrobot_exp.children import run_child
from wildrobot_exp.errors import RunFailed
from wildrobot_exp.evaluation.measures import wilson_interval
from wildrobot_exp.interrupts import raise_held

Json = dict[str, Any]

RUNNER = Path(__file__).resolve().parents[2] / "examples" / "run_policy.py"
MEASURES = ("survival", "vx_error")
TOLERANCE = 0.02  # of survival, and m/s of the tracking error


def run_trial(folder: Path) -> list[Json]:
  """The rows that the runner prints: one per commanded speed, then one for all episodes. Survival has its interval.

  Args:
    folder: with policy.json, policy.onnx, the MJCF and the runner.

  Raises:
    RunFailed: the runner did not finish.
  """
  command = [sys.executable, "-I", str(folder / RUNNER.name), str(folder)]
  done = run_child(command, between=raise_held)
  if done.returncode:
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    raise RunFailed(f"not exported: {RUNNER.name} failed on the exported files: {last}")
  return [_with_interval(json.loads(line)) for line in done.stdout.splitlines()]


def comparable(evaluation: Json | None, contract: Json) -> str | None:
  """Why evaluation.json is no yardstick for this export; None if it is one."""
  if evaluation is None:
    return "there is no evaluation.json"
  if not _is_ours(evaluation):
    return "evaluation.json is not what `wildrobot eval` writes"
  if evaluation["checkpoint_step"] != contract["checkpoint_step"]:
    return f"evaluation.json is of step {evaluation['checkpoint_step']}"
  if evaluation["physics"] != "native":
    return f"evaluation.json was made with physics={evaluation['physics']}"
  trial = contract["trial"]
  steps = round(evaluation["episode_seconds"] / contract["control"]["period_s"])
  if (evaluation["episodes"], steps) != (trial["episodes"], trial["episode_steps"]):
    return f"evaluation.json has {evaluation['episodes']} episodes of {evaluation['episode_seconds']:g} s"
  speeds = [row["vx"] for row in evaluation["commands"]]
  if speeds != [float(f"{speed:.6g}") for speed in np.float32(trial["speeds"])]:
    return "evaluation.json has other commanded speeds"
  return None


def _is_ours(evaluation: Any) -> bool:
  """Whether it holds what is compared here."""
  try:
    rows = [evaluation, *evaluation["commands"]]
    numbers = [evaluation[key] for key in ("checkpoint_step", "episodes", "episode_seconds")]
    numbers += [row["vx"] for row in rows[1:]] + [row[key] for row in rows for key in MEASURES if row[key] is not None]
  except (KeyError, TypeError, IndexError):
    return False
  return "physics" in evaluation and all(isinstance(value, Real) for value in numbers)


def compare(rows: list[Json], evaluation: Json) -> Json:
  """The runner's rows beside the original's.

  Passed if both numbers over all episodes are within .02, and the tracking error at every speed. Survival at one speed
  is not compared: there one of nine episodes that ends differently is eleven points.
  """
  original = [{key: row[key] for key in MEASURES} for row in (*evaluation["commands"], evaluation)]
  passed = _near(rows[-1]["survival"], original[-1]["survival"]) and all(
    _near(row["vx_error"], own["vx_error"]) for row, own in zip(rows, original, strict=True)
  )
  return {"rows": rows, "original": original, "tolerance": TOLERANCE, "passed": passed}


def furthest(rows: list[Json], original: list[Json]) -> tuple[Json, Json]:
  """The row whose tracking error is furthest from the original's, and that; where survival differs, all episodes."""
  if not _near(rows[-1]["survival"], original[-1]["survival"]):
    return rows[-1], original[-1]
  pairs = zip(rows, original, strict=True)
  return max(pairs, key=lambda pair: abs((pair[0]["vx_error"] or 0.0) - (pair[1]["vx_error"] or 0.0)))


def _near(a: float | None, b: float | None) -> bool:
  return a is b is None or (a is not None and b is not None and abs(a - b) <= TOLERANCE)


def _with_interval(row: Json) -> Json:
  """The row with the 95 % interval of its survival."""
  trials = row["episodes"]
  return row | {"survival_ci": list(wilson_interval(round(row["survival"] * trials), trials))}
