"""Put on PYTHONPATH by the tests of searches: every Python process then finds a toy experiment, quick to optimise.

Where it is loaded as a plain module, by another name, it replaces nothing.

Told by the environment: FAKE_FAIL=0,3 jobs that raise; FAKE_NAN=1 jobs without a number; FAKE_HANG=2 jobs that save and
wait to be killed in their first attempt; FAKE_EVALUATE=1 jobs write three evaluations and stop when they are asked;
FAKE_BEHIND=2 jobs whose result is bad.
"""

import json
import math
import os
import pathlib
import sys
import time
import types


def run_job(cfg, run_dir: pathlib.Path) -> dict[str, float]:
  """Leaves a line in starts.jsonl of the sweep folder; vx_error is least at amp.weight=1, lsgan."""
  number = run_dir.name.partition("_")[0]
  facts = {"job": int(number), "weight": cfg.amp.weight, "rate": cfg.algo.learning_rate, "loss": cfg.amp.loss.name}
  facts |= {"epochs": cfg.algo.epochs, "resume": cfg.resume}
  with (run_dir.parent / "starts.jsonl").open("a") as file:
    file.write(json.dumps(facts) + "\n")
  error = (cfg.amp.weight - 1) ** 2 + (cfg.amp.loss.name != "lsgan") + 9 * _listed("BEHIND", number)
  if _listed("FAIL", number):
    raise ValueError("a bug")
  if _listed("HANG", number) and cfg.resume is None:
    (run_dir / "checkpoints" / "100").mkdir(parents=True)
    time.sleep(60)
  if "FAKE_EVALUATE" in os.environ:
    _evaluate(run_dir, error, cfg.evaluation.during_training.every_steps)
  return {"survival": 1.0, "vx_error": math.nan if _listed("NAN", number) else error}


def _listed(what: str, number: str) -> bool:
  return number in os.environ.get(f"FAKE_{what}", "").split(",")


def _evaluate(run_dir: pathlib.Path, error: float, every: int) -> None:
  from wildrobot_exp.stop_request import StopRequest

  request = StopRequest(run_dir)
  with (run_dir / "metrics.csv").open("w") as file:
    file.write("step,wall_s,eval/score,train/return\n5,0.1,,3.0\n")
    for i in range(1, 4):
      file.write(f"{i * every + 7},{i},{-error},3.0\n")
      file.flush()
      until = time.monotonic() + 0.7
      while time.monotonic() < until:
        request.obey()
        time.sleep(0.02)


if __name__ == "sitecustomize":
  jax = types.ModuleType("jax")
  jax.default_backend = lambda: "cpu"
  jax.Array = type("Array", (), {})  # SciPy asks what is one
  sys.modules["jax"] = jax
  experiment = types.ModuleType("wildrobot_exp.experiment")
  experiment.run_job = run_job
  sys.modules["wildrobot_exp.experiment"] = experiment
