"""Both loggers tell the jobs of a sweep apart by what was swept: read back as TensorBoard and wandb themselves do."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2, get_experiment, list_session_groups
from tensorboard.plugins.hparams.backend_context import Context

from wildrobot_exp.config.compose import load
from wildrobot_exp.sweeps.summary import swept_overrides
from wildrobot_exp.tracking import make_tracker

TASK = ["num_envs=64", "amp.weight=0.25,1", "amp/loss=bce,lsgan"]
LINES = [["num_envs=64", "amp.weight=0.25", "amp/loss=bce"], ["num_envs=64", "amp.weight=1", "amp/loss=lsgan"]]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory) -> Path:
  """Two jobs of a sweep, logged as the experiment does."""
  folder = tmp_path_factory.mktemp("logged") / "my_sweep"
  folder.mkdir()
  hydra = {"sweeper": {"_target_": "a.BasicSweeper"}, "overrides": {"task": TASK}}
  (folder / "multirun.yaml").write_text(yaml.safe_dump({"hydra": hydra}))
  choices = SimpleNamespace(
    tensorboard=True, progress=False, every=5, wandb=SimpleNamespace(mode="offline", project="p")
  )
  for number, line in enumerate(LINES):
    config = OmegaConf.to_container(load(line), resolve=True)
    tracker = make_tracker(
      choices,
      folder / f"{number}_job",
      run_name=f"{number}_job",
      group=folder.name,
      config_dict=config,
      total_steps=100,
      overrides=swept_overrides(folder, line),
    )
    tracker.log(50, {"train/return": 1.0})
    tracker.log(100, {"final/survival": 1.0 - number / 4, "final/vx_error": 0.5})
    tracker.close(0)
  return folder


@pytest.fixture(scope="module")
def page(sweep: Path) -> tuple:
  """What TensorBoard's HParams plugin answers about the sweep: the experiment, and its sessions by run."""
  multiplexer = EventMultiplexer()
  multiplexer.AddRunsFromDirectory(str(sweep))
  multiplexer.Reload()
  context = Context(TBContext(data_provider=MultiplexerDataProvider(multiplexer, str(sweep))))
  experiment = get_experiment.Handler(RequestContext(), context, "", api_pb2.GetExperimentRequest()).run()
  columns_ = [
    api_pb2.ColParams(hparam=info.name, include_in_result=True) for info in experiment.hparam_infos
  ] + [api_pb2.ColParams(metric=info.name, include_in_result=True) for info in experiment.metric_infos]
  request = api_pb2.ListSessionGroupsRequest(
    start_index=0, slice_size=10, col_params=columns_, allowed_statuses=api_pb2.Status.values()
  )
  groups = list_session_groups.Handler(RequestContext(), context, "", request).run().session_groups
  return experiment, {Path(group.sessions[0].name).parts[0]: group for group in groups}


def test_the_hparams_page_has_a_column_for_what_was_swept_and_none_for_the_rest(page):
  experiment, _ = page
  assert {info.name for info in experiment.hparam_infos} == {"amp.weight", "amp/loss", "seed"}
  assert {"final/survival", "final/vx_error"} < {info.name.tag for info in experiment.metric_infos}


def test_every_job_is_a_row_with_its_values_and_its_final_numbers(page):
  _, rows = page
  assert sorted(rows) == ["0_job", "1_job"]
  assert [rows[job].hparams["amp.weight"].number_value for job in sorted(rows)] == [0.25, 1.0]
  assert [rows[job].hparams["seed"].number_value for job in sorted(rows)] == [0.0, 0.0]
  assert rows["0_job"].hparams["amp/loss"].string_value == "bce"
  numbers = {name: {m.name.tag: m.value for m in row.metric_values} for name, row in rows.items()}
  assert numbers["0_job"] == {"final/survival": 1.0, "final/vx_error": 0.5}
  assert numbers["1_job"]["final/survival"] == 0.75


def test_one_event_file_holds_the_curves_and_the_hparams(sweep: Path):
  files = list((sweep / "0_job" / "tensorboard").iterdir())
  assert len(files) == 1
  events = EventAccumulator(str(files[0])).Reload()
  assert "_hparams_/session_start_info" in events.summary_metadata
  assert [(event.step, event.value) for event in events.Scalars("train/return")] == [(50, 1.0)]
  assert [event.step for event in events.Scalars("final/survival")] == [100]


def test_wandb_has_a_run_per_job_in_the_sweep_s_group_with_every_hyperparameter(sweep: Path):
  for number, line in enumerate(LINES):
    files = list((sweep / f"{number}_job").glob("wandb/offline-run-*/*.wandb"))
    assert len(files) == 1
    leet = [str(Path(sys.executable).with_name("wandb")), "leet", "inspect", "--json", str(files[0])]
    said = subprocess.run(leet, capture_output=True, text=True, check=True).stdout
    records = [json.loads(record) for record in said.splitlines()]
    run = next(record["run"] for record in records if record["type"] == "run")
    assert (run["display_name"], run["run_group"]) == (f"{number}_job", "my_sweep")
    logged = {key: value for key, value in run["config"]["update"].items() if key != "_wandb"}
    assert logged == OmegaConf.to_container(load(line), resolve=True)
    history = [record["history"]["item"] for record in records if record["type"] == "history"]
    assert history[-1]["final/survival"] == 1.0 - number / 4
