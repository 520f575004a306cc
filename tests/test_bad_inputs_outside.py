"""A sample of the bad inputs through run.py in a process of its own: in a moment, without JAX, nothing left."""

import os
import pathlib
import resource
import subprocess
import sys

import pytest
from test_bad_inputs import OVERRIDES

RUN_PY = pathlib.Path(__file__).resolve().parents[1] / "run.py"
MOST_CPU_S = 5.0
LATE = ["motion.lift=0.5", "--experimental-rerun evil.pickle", "motion=file motion.path=nowhere.npz"]
SAMPLE = [*list(OVERRIDES)[::40], *LATE]

_DRIVER = """
import runpy, sys
sys.argv = sys.argv[1:]
try:
  runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as end:
  print(end.code, sorted({"jax", "flax", "brax", "optax", "wandb"} & set(sys.modules)))
"""


@pytest.mark.parametrize("typed", SAMPLE)
def test_it_is_answered_in_a_moment_without_jax(typed: str, tmp_path: pathlib.Path):
  before = resource.getrusage(resource.RUSAGE_CHILDREN)
  done = subprocess.run(
    [sys.executable, "-c", _DRIVER, str(RUN_PY), *typed.split()],
    cwd=tmp_path,
    env={**os.environ, "PYTHONPATH": str(RUN_PY.parent)},
    capture_output=True,
    text=True,
    timeout=120,
  )
  after = resource.getrusage(resource.RUSAGE_CHILDREN)
  assert done.stdout == "2 []\n"
  assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
  assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < MOST_CPU_S
  assert list(tmp_path.iterdir()) == []
