"""Put on PYTHONPATH by the sweep tests: every Python process then finds a toy experiment instead of the real one.

What a job does is told by its config's seed, through the environment: FAKE_<seed>=words (see `run_job`).
"""

import dataclasses
import json
import os
import pathlib
import signal
import sys
import time
import types
from typing import Any, TextIO


def run_job(cfg, run_dir: pathlib.Path) -> dict[str, float]:
  """Leaves a line in starts.jsonl of the sweep folder, then does what is asked; by default it ends well.

  die: kills itself. die-once: in its first attempt, after a checkpoint. fail: raises. exit: leaves with code 7.
  hang: waits for ever, and saves when it is told to stop. hang-once: only in its first attempt.
  deaf: hangs and does not listen. wait: until there is a file `go` in the sweep folder.
  meet: waits for another job that runs at the same time.
  """
  asked = os.environ.get(f"FAKE_{cfg.seed}", "")
  if asked == "deaf":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
  facts = {
    "seed": cfg.seed,
    "pid": os.getpid(),
    "resume": cfg.resume,
    "cpus": sorted(os.sched_getaffinity(0)),
    "threads": os.environ.get("OMP_NUM_THREADS"),
    "jax": "flax" in sys.modules,
  }
  with (run_dir.parent / "starts.jsonl").open("a") as file:
    file.write(json.dumps(facts) + "\n")
  print(f"working on seed {cfg.seed}", flush=True)
  if asked == "die" or (asked == "die-once" and cfg.resume is None):
    (run_dir / "checkpoints" / "100").mkdir(parents=True, exist_ok=asked == "die")
    os.kill(os.getpid(), signal.SIGKILL)
  if asked == "fail":
    raise ValueError("a bug")
  if asked == "exit":
    print("out of luck", flush=True)
    os._exit(7)
  if asked in ("hang", "deaf") or (asked == "hang-once" and cfg.resume is None):
    try:
      _wait(lambda: False)
    except KeyboardInterrupt:
      (run_dir / "checkpoints" / "200").mkdir(parents=True, exist_ok=True)
      raise
  if asked == "wait":
    _wait((run_dir.parent / "go").exists)
  if asked == "meet":
    _wait(lambda: len((run_dir.parent / "starts.jsonl").read_text().splitlines()) > 1)
  return {"survival": 1.0, "return": cfg.seed}


@dataclasses.dataclass(frozen=True)
class Run:
  cfg: Any
  folder: pathlib.Path
  overrides: list[str]
  console: TextIO


def run_together(runs, *, group, memory_gb, verdicts) -> None:
  """Each run does what its seed is asked to; one that dies takes all with it.

  FAKE_LINGER=seconds: the process lives on that long after the last result was written.
  """
  for run in runs:
    print(f"{group}: seed {run.cfg.seed} of {len(runs)}, {memory_gb} GB", file=run.console)
    try:
      verdicts.ok(run, run_job(run.cfg, run.folder))
    except ValueError as error:
      verdicts.failed(run, error)
  time.sleep(float(os.environ.get("FAKE_LINGER", 0)))


def _wait(done) -> None:
  until = time.monotonic() + 60
  while not done() and time.monotonic() < until:
    time.sleep(0.02)


jax = types.ModuleType("jax")
jax.default_backend = lambda: "cpu"
jax.Array = type("Array", (), {})  # SciPy asks what is one
sys.modules["jax"] = jax
experiment = types.ModuleType("wildrobot_exp.experiment")
experiment.run_job = run_job
sys.modules["wildrobot_exp.experiment"] = experiment
vectorised = types.ModuleType("wildrobot_exp.vectorised")
vectorised.Run, vectorised.run_together = Run, run_together
sys.modules["wildrobot_exp.vectorised"] = vectorised
