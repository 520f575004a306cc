"""A sweep on SLURM, with a stand-in for its commands (slurm_stand_in.py): the real sbatch script, signals and ids."""

import os
import pathlib
import shlex
import signal
import time

import pytest
from omegaconf import OmegaConf
from slurm_stand_in import install_slurm

from wildrobot_exp.config.launcher import SubmititSlurmConf
from wildrobot_exp.run_lock import only_writer

pytest.importorskip("submitit")
from submitit.slurm.slurm import SlurmInfoWatcher, SlurmJob  # noqa: E402

from wildrobot_exp.sweeps import submitit_jobs  # noqa: E402
from wildrobot_exp.sweeps.submitit_jobs import SubmititAttempt  # noqa: E402

SLURM = "hydra/launcher=submitit_slurm"


@pytest.fixture
def slurm(sweep, tmp_path: pathlib.Path):
  """The folder of SLURM's jobs; its commands are on the PATH."""
  for name, value in install_slurm(tmp_path / "slurm").items():
    sweep.patch.setenv(name, value)
  return tmp_path / "slurm" / "jobs"


def test_a_preempted_job_goes_on_and_the_script_says_what_was_asked_for(sweep, slurm):
  sweep.plan(_0="hang-once")
  asked = "partition=gpu account=robots mem_gb=1.5 cpus_per_task=2 timeout_minutes=30 n_jobs=2".split()
  argv = [SLURM, "seed=0,1", *(f"hydra.launcher.{line}" for line in asked), "+hydra.launcher.extra.exclude=node7"]
  parent = sweep.start(*argv, "hydra.launcher.setup=['export FROM_SETUP=1']")
  sweep.wait_for_starts(2)
  sweep.wait_for(lambda: len([job for job in sweep.jobs() if job["cluster_job"]]) == 2)
  number = sweep.jobs()[0]["cluster_job"].removeprefix("submitit_slurm ")
  os.kill(int((slurm / number / "step").read_text()), signal.SIGUSR2)
  out, err = parent.communicate(timeout=60)
  assert parent.returncode == 0, err
  assert sweep.statuses() == ["ok", "ok"] and [job["attempts"] for job in sweep.jobs()] == [2, 1]
  resumed = [start["resume"] for start in sweep.starts() if start["seed"] == 0]
  assert resumed == [None, str(sweep.folder / "0_seed-0")]
  script = (slurm / number / "script").read_text().splitlines()
  options = dict(shlex.split(line)[1].removeprefix("--").partition("=")[::2] for line in script if "#SBATCH" in line)
  wanted = {"partition": "gpu", "account": "robots", "mem": "1536MB", "cpus-per-task": "2", "time": "30", "requeue": ""}
  assert {key: options[key] for key in wanted} == wanted
  assert options["exclude"] == "node7" and options["signal"] == "USR2@90" and options["job-name"] == "sweep/0_seed-0"
  assert "export FROM_SETUP=1" in script and sweep.starts()[0]["threads"] == "2"


def test_a_pending_job_that_is_cancelled_is_noticed_at_once_however_long_it_had_waited(sweep, slurm, monkeypatch):
  class Clock:  # submitit's: the job was submitted an hour ago, so it would ask sacct every ten minutes
    ahead = 0.0
    sleep = staticmethod(time.sleep)

    def time(self) -> float:
      return time.time() + self.ahead

  clock = Clock()
  monkeypatch.setattr("submitit.core.core._time", clock)
  monkeypatch.setattr(SlurmJob, "watcher", SlurmInfoWatcher(delay_s=600))
  (slurm.parent / "full").touch()
  (slurm / "100").mkdir()
  (slurm / "100" / "state").write_text("PENDING")
  cfg = OmegaConf.create({"hydra": {"overrides": {"task": ["seed=0"]}}})
  sweep.folder.mkdir()
  job = SubmititAttempt(cfg, sweep.folder, SlurmJob(slurm.parent, "100"), SubmititSlurmConf(), "")
  clock.ahead = 3600.0
  assert job.ended() is None
  started = time.monotonic()
  while job.ended() is None:
    job.watch([signal.SIGINT])
    assert time.monotonic() < started + 10
    time.sleep(0.05)
  assert (job.result().status, job.result().error) == ("interrupted", "interrupted")
  assert (slurm.parent / "scancel.log").read_text().splitlines() == ["--state=PENDING 100", "--signal=INT 100"]


def test_a_job_whose_record_was_purged_is_not_waited_for_for_ever(sweep, slurm, monkeypatch: pytest.MonkeyPatch):
  monkeypatch.setattr(SlurmJob, "watcher", SlurmInfoWatcher(delay_s=1))
  for name, value in {"LOST_S": 0.2, "POLL_S": {"slurm": 0.05}}.items():
    monkeypatch.setattr(submitit_jobs, name, value)
  cfg = OmegaConf.create({"hydra": {"overrides": {"task": ["seed=0"]}}})
  sweep.folder.mkdir()
  found = submitit_jobs.SubmititJobs(sweep.folder, SubmititSlurmConf()).find(cfg, sweep.folder, "submitit_slurm 100")
  with only_writer(sweep.folder):  # sacct is silent, but the job is at work
    until = time.monotonic() + 1
    while time.monotonic() < until:
      assert found.ended() is None
      time.sleep(0.05)
  sweep.wait_for(lambda: found.ended() is not None)
  assert (found.result().status, "state UNKNOWN" in found.result().error) == ("failed", True)


@pytest.mark.slow
def test_an_interrupt_cancels_after_saving_and_a_job_killed_on_its_node_has_failed(sweep, slurm):
  sweep.plan(_0="hang", _1="hang")
  parent = sweep.start(SLURM, "seed=0,1")
  sweep.wait_for_starts(2)
  sweep.wait_for(lambda: all(job["cluster_job"] for job in sweep.jobs()))
  number = sweep.jobs()[1]["cluster_job"].removeprefix("submitit_slurm ")
  os.kill(next(start["pid"] for start in sweep.starts() if start["seed"] == 1), signal.SIGKILL)
  sweep.wait_for(lambda: sweep.statuses()[1] == "failed")
  assert (slurm / number / "state").read_text() == "COMPLETED"  # the task said how its job ended
  parent.send_signal(signal.SIGINT)
  parent.communicate(timeout=60)
  assert parent.returncode == 130 and sweep.statuses() == ["interrupted", "failed"]
  assert (sweep.folder / "0_seed-0" / "checkpoints" / "200").is_dir()
