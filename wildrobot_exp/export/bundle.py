"""The export of one policy: built, compared with the original, measured, and only then put into its folder."""

# isort: off
from wildrobot_exp.physics import quiet_mjx as _quiet_mjx  # noqa: F401  before Brax imports mujoco.mjx, aloud

# isort: on
import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from brax.training.agents.ppo import networks as ppo_networks

from wildrobot_exp.envs.walk import WalkEnv
from wildrobot_exp.errors import RunFailed
from wildrobot_exp.evaluation.run_folder import EVALUATION, kept_evaluation
from wildrobot_exp.export.closed_loop import RUNNER, comparable, compare, furthest, run_trial
from wildrobot_exp.export.contract import JSON_FILE, MODEL_FILE, ONNX_FILE, make_contract
from wildrobot_exp.export.onnx_parity import (
  OBSERVATIONS,
  check_parity,
  make_session,
  measure_latency,
  real_observations,
)
from wildrobot_exp.export.onnx_policy import build_onnx
from wildrobot_exp.interrupts import before_leaving, raise_held
from wildrobot_exp.json_files import write_json
from wildrobot_exp.robots.robot import model_xml

Json = dict[str, Any]


def export_policy(
  out: Path,
  cfg: Any,
  env: WalkEnv,
  networks: ppo_networks.PPONetworks,
  params: Any,
  *,
  facts: Json,
  evaluation: Json | None,
  check: bool = True,
  observations: int = OBSERVATIONS,
) -> Json:
  """Write policy.onnx, policy.json, the MJCF and the runner into a folder: all of them or nothing.

  Args:
    out: the folder; made if it is not there.
    cfg: the run's config.
    env: its task.
    networks: of the policy.
    params: (normaliser, policy parameters).
    facts: written down; holds `checkpoint_step`.
    evaluation: the content of the run's evaluation.json, if it has one.
    check: repeat the evaluation with the runner.
    observations: how many the graph is compared on.

  Returns:
    The content of policy.json.

  Raises:
    UserError: something in the config cannot be exported.
    RunFailed: the exported policy is not the original.
  """
  raise_held()
  model = build_onnx(params, cfg.algo.activation)
  session = make_session(model)
  contract = make_contract(cfg, env, facts)
  seen, actions = real_observations(cfg, networks, params, observations)
  raise_held()
  contract["parity"] = check_parity(session, seen, actions)
  contract["latency"] = measure_latency(session, seen)
  raise_held()
  try:
    with _stage(out) as stage:
      (stage / ONNX_FILE).write_bytes(model)
      (stage / MODEL_FILE).write_text(model_xml())
      shutil.copyfile(RUNNER, stage / RUNNER.name)
      write_json(stage / JSON_FILE, contract)
      if check:
        contract["closed_loop"] = _closed_loop(stage, contract, evaluation)
        write_json(stage / JSON_FILE, contract)
      _put(stage, out)
  except OSError as error:
    raise RunFailed(f"the export could not be written to {out}: {error.strerror or error}") from error
  return contract


@contextlib.contextmanager
def _stage(out: Path) -> Iterator[Path]:
  """A folder in `out` for files in the making. `out` is made if it is missing, and then does not stay empty."""
  made = not out.exists()
  out.mkdir(exist_ok=True)
  stage = Path(tempfile.mkdtemp(prefix=".export-", dir=out))

  def clear() -> None:
    shutil.rmtree(stage, ignore_errors=True)
    if made:
      with contextlib.suppress(OSError):  # there is an export in it
        out.rmdir()

  try:
    with before_leaving(clear):
      yield stage
  finally:
    clear()


def _put(stage: Path, out: Path) -> None:
  """Two exports into one folder do it one after the other: its files fit together."""
  folder = os.open(out, os.O_RDONLY)
  try:
    fcntl.flock(folder, fcntl.LOCK_EX)
    for path in sorted(stage.iterdir()):
      os.replace(path, out / path.name)
  finally:
    os.close(folder)


def read_evaluation(run_dir: Path, step: int) -> Json | None:
  """The run's evaluation.json, or the one of this step in native physics that was kept; None if none can be read."""
  kept = kept_evaluation(run_dir, "native", step)
  try:
    return json.loads((kept if kept.exists() else run_dir / EVALUATION).read_text())
  except (OSError, ValueError):
    return None


def _closed_loop(stage: Path, contract: Json, evaluation: Json | None) -> Json:
  rows = run_trial(stage)
  why_not = comparable(evaluation, contract)
  if why_not is not None:
    return {"rows": rows, "original": None, "passed": None, "how": f"not compared: {why_not}"}
  result = compare(rows, evaluation)
  if not result["passed"]:
    found, original = furthest(rows, result["original"])
    where = "over all speeds" if found["vx"] is None else f"at {found['vx']:g} m/s"
    raise RunFailed(
      f"not exported: outside of the framework the policy walks differently {where}: survival {found['survival']}"
      f" against {original['survival']}, vx_error {found['vx_error']} against {original['vx_error']}"
    )
  return result | {"how": f"{RUNNER.name} on these files, against the run's evaluation.json"}
