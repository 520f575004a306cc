"""optuna-dashboard opens the study of a search, over its own server on this machine."""

import json
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from omegaconf import OmegaConf

from wildrobot_exp.config.search_space import Searched
from wildrobot_exp.sweeps.result import JobResult
from wildrobot_exp.sweeps.search_record import SearchRecord
from wildrobot_exp.sweeps.study import SearchStudy

pytest.importorskip("optuna_dashboard")
PATIENCE_S = 60.0
COMMAND = "from optuna_dashboard._cli import main; main()"  # what the script optuna-dashboard calls


@pytest.fixture
def study(tmp_path: pathlib.Path) -> str:
  """The URL of a search of three trials: one ended well, one was pruned, one failed."""
  record = SearchRecord("walk", None, "vx_error", "minimize", [], [], "")
  sweeper = OmegaConf.create({"sampler": {"name": "random", "seed": 3}, "pruner": {"name": "none"}})
  space = [Searched("amp.weight", "float", 0.1, 2.0), Searched("amp/loss", "choice", choices=("lsgan", "wgan"))]
  search = SearchStudy(tmp_path, record, space, ["num_envs=64"], sweeper)
  for number, status in enumerate(("ok", "pruned", "failed")):
    trial = search.ask()
    overrides = search.overrides(trial)
    trial.set_user_attr("folder", f"{number}_job")
    search.report(trial, 100, 0.5)
    search.tell(trial, JobResult(f"{number}_job", status, {}, {"vx_error": 0.25}, 1.0))
    assert overrides[0] == "num_envs=64"
  return record.url(tmp_path)


@pytest.fixture
def dashboard(study: str, tmp_path: pathlib.Path) -> Iterator[str]:
  """The address of a running optuna-dashboard."""
  with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
  command = [sys.executable, "-c", COMMAND, study, "--host", "127.0.0.1", "--port", str(port)]
  with (tmp_path / "log").open("w") as log:
    process = subprocess.Popen(command, stdout=log, stderr=log)
  address, until = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE_S
  try:
    while True:
      try:
        read(f"{address}/api/studies")
        break
      except urllib.error.URLError:
        assert process.poll() is None and time.monotonic() < until, (tmp_path / "log").read_text()
        time.sleep(0.1)
    yield address
  finally:
    process.kill()
    process.wait()


def read(address: str) -> str:
  opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
  with opener.open(address, timeout=PATIENCE_S) as answer:
    return answer.read().decode()


def test_the_dashboard_shows_the_study_and_every_trial(dashboard: str):
  (summary,) = json.loads(read(f"{dashboard}/api/studies"))["study_summaries"]
  assert (summary["study_name"], summary["directions"]) == ("walk", ["minimize"])
  study = json.loads(read(f"{dashboard}/api/studies/{summary['study_id']}?after=0"))
  assert [trial["state"] for trial in study["trials"]] == ["Complete", "Pruned", "Fail"]
  assert study["trials"][0]["values"] == [0.25]
  params = {param["name"]: param["param_external_value"] for param in study["trials"][0]["params"]}
  assert 0.1 <= float(params["amp.weight"]) <= 2.0 and params["amp/loss"] in ("lsgan", "wgan")
  assert "<html" in read(f"{dashboard}/dashboard/studies/{summary['study_id']}").lower()
