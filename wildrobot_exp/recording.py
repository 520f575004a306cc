"""A run on record: its folder, from versions.json at the start to the evaluation and the report at the end."""

# isort: off
from wildrobot_exp.physics import quiet_mjx as _quiet_mjx  # noqa: F401  before Brax imports mujoco.mjx, aloud

# isort: on
import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from omegaconf import OmegaConf

from wildrobot_exp.building import Experiment, policy_params
from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.config.resume import absolute_paths
from wildrobot_exp.errors import RunFailed, UserError
from wildrobot_exp.evaluation.protocol import Programs
from wildrobot_exp.evaluation.report import write_report
from wildrobot_exp.evaluation.run_folder import evaluate_into, summary
from wildrobot_exp.incidents import Incidents
from wildrobot_exp.learning.bookkeeper import Bookkeeper, Columns, QuickEvaluation
from wildrobot_exp.learning.rollback import FILE as ROLLBACKS
from wildrobot_exp.learning.rollback import Rollbacks
from wildrobot_exp.learning.update import TrainState
from wildrobot_exp.motions.files import clips_hash
from wildrobot_exp.robots import Robot, model_hash
from wildrobot_exp.run_config import check_files
from wildrobot_exp.stop_request import StopRequest
from wildrobot_exp.sweeps.record import job_words
from wildrobot_exp.sweeps.summary import swept_overrides
from wildrobot_exp.tracking import Tracker, make_tracker
from wildrobot_exp.versions import other_versions, read_versions, write_versions


class Recording:
  """What goes into a run's folder while and after it is trained, whoever trains it.

  Attributes:
    cfg: the run's config.
    run_dir: its folder.
    config: the same config as plain dicts.
    tracker, checkpoints: of the run.
    resume_step: the checkpoint it goes on from, None for a new run.
    numbers: of the concluded run, see `conclude`.
  """

  def __init__(
    self,
    cfg: Any,
    run_dir: Path,
    config: dict[str, Any],
    tracker: Tracker,
    checkpoints: Checkpoints,
    resume_step: int | None,
  ):
    self.cfg = cfg
    self.run_dir = run_dir
    self.config = config
    self.tracker = tracker
    self.checkpoints = checkpoints
    self.resume_step = resume_step
    self.numbers: dict[str, float] = {}
    self._books: Bookkeeper | None = None

  def books(
    self,
    steps_per_update: int,
    quick: Callable[[Any], dict[str, float]] | None,
    columns: Columns | None,
    robot: Robot,
  ) -> Bookkeeper:
    """The bookkeeper of the training; `quick` evaluates (normaliser, policy parameters)."""
    resumed = self.resume_step is not None
    known = self.checkpoints.info(self.resume_step)["books"] if resumed else None
    facts = {"seed": self.cfg.seed, "control_dt": robot.control_dt, "model_hash": robot.model_hash}
    evaluation: QuickEvaluation | None = None if quick is None else lambda state: quick(policy_params(state))
    self._books = Bookkeeper(
      self.tracker,
      self.checkpoints,
      steps_per_update=steps_per_update,
      total_steps=self.cfg.total_steps,
      log_every=self.cfg.logger.every,
      save_every=self.cfg.checkpoints.every_steps,
      evaluate_every=self.cfg.evaluation.during_training.every_steps,
      config=self.config,
      quick_evaluation=evaluation,
      columns=columns,
      rollbacks=Rollbacks(self.cfg.checkpoints.rollback_after, self.run_dir / ROLLBACKS, go_on=resumed),
      incidents=Incidents(self.run_dir, facts, self.tracker.say, resume_step=self.resume_step),
      obey=StopRequest(self.run_dir).obey,
      books=known,
    )
    return self._books

  def best(self, state: TrainState) -> tuple[Any, int]:
    """(normaliser, policy parameters) of the best checkpoint that can be read, or of the last `state`; its step."""
    step, best = int(state.env_steps), self.checkpoints.best_step()
    if best in (None, step):
      return policy_params(state), step
    try:
      found = self.checkpoints.resolve("best")
      if found != step:
        step, state = found, self.checkpoints.restore(found, state)
    except UserError as damaged:
      self.tracker.say(f"warning: {damaged}")
    if step != best:
      self.tracker.say(f"warning: the best checkpoint, of step {best}, is damaged: step {step} is evaluated instead")
    return policy_params(state), step

  def conclude(
    self,
    experiment: Experiment,
    params: Any,
    step: int,
    numbers: dict[str, float],
    started: float,
    programs: Programs | None = None,
  ) -> dict[str, float]:
    """Evaluate a policy trained for `step` env steps, with programs that are compiled already, if there are any.

    Returns:
      The numbers that a sweep compares and gates test: `numbers` of the training, and those of the evaluation;
      wall_s counts from time.monotonic() = started, and what earlier starts of the run took.

    Raises:
      RunFailed: the disk does not take the evaluation; all else is done.
    """
    self.tracker.say(f"evaluating the policy of step {step}")
    unwritten: OSError | None = None
    try:
      numbers = numbers | summary(self._evaluated(experiment, params, step, programs))
    except OSError as error:  # a full disk costs the evaluation, not the training's last row and the report
      unwritten = error
    numbers["wall_s"] = self.tracker.earlier_s + time.monotonic() - started
    saved = self._books.saved() if self._books else {}  # the last checkpoint has no later row
    self.tracker.log(int(numbers["env_steps"]), {f"final/{name}": value for name, value in numbers.items()} | saved)
    self.numbers = numbers
    if unwritten is not None:
      raise RunFailed(
        f"the evaluation could not be written ({unwritten.strerror or unwritten}); the trained policy is saved:"
        f" wildrobot eval {self.run_dir}"
      ) from unwritten
    return numbers

  def _evaluated(self, experiment: Experiment, params: Any, step: int, programs: Programs | None) -> dict[str, Any]:
    return evaluate_into(
      self.run_dir,
      self.cfg,
      experiment.networks,
      params,
      step=step,
      clips=experiment.clips,
      say=self.tracker.say,
      programs=programs,
    )


@contextlib.contextmanager
def recording(
  cfg: Any, run_dir: Path, *, overrides: Sequence[str], group: str, console: TextIO | None = None
) -> Iterator[Recording]:
  """Record a run while inside; if it was concluded, its report is written at the end.

  Args:
    cfg: a checked config.
    run_dir: the run folder; exists.
    overrides: as typed for this run.
    group: name of the sweep it belongs to, or "".
    console: where lines for people go, instead of stdout.

  Raises:
    UserError: it is to be resumed and there is no good checkpoint, or the robot has changed since.
  """
  clips = clips_hash(cfg.motion.path) if cfg.motion.path is not None else None
  checkpoints = Checkpoints(run_dir, keep=cfg.checkpoints.keep, model_hash=model_hash(), motion_hash=clips)
  resume_step = checkpoints.resolve("latest") if cfg.resume else None
  if resume_step is not None:
    check_files(checkpoints, resume_step, cfg.resume_allow)
    checkpoints.drop_beyond(resume_step)
  versions = run_dir / "versions.json"
  resumed = None if resume_step is None else (resume_step, read_versions(versions))
  facts: dict[str, Any] = {"run": run_dir.name, "total_steps": cfg.total_steps}
  command = (job_words(run_dir) or ["run.py", *overrides]) if group else None  # repeats a sweep's job by itself
  write_versions(versions, overrides=overrides, facts=facts, command=command, resumed=resumed)
  config = _stored(cfg, checkpoints, resume_step)
  tracker = make_tracker(
    cfg.logger,
    run_dir,
    run_name=run_dir.name,
    group=group,
    config_dict=config,
    total_steps=cfg.total_steps,
    resume_step=resume_step,
    overrides=swept_overrides(run_dir.parent, overrides) if group else None,
    console=console,
  )
  if resumed is not None and (other := other_versions(resumed[1])):
    tracker.say(f"warning: resumed under other versions ({other}): not to the bit what it would have been")
  run = Recording(cfg, run_dir, config, tracker, checkpoints, resume_step)
  exit_code = 1
  try:
    yield run
    exit_code = 0
  finally:
    tracker.close(exit_code)
    if run.numbers:  # it was concluded, whatever could not be written
      facts |= {"wall_s": run.numbers["wall_s"]}
      try:
        write_versions(versions, overrides=overrides, facts=facts, command=command, resumed=resumed)
        write_report(run_dir)
      except OSError as refused:
        tracker.say(f"warning: the report could not be written ({refused.strerror}): wildrobot report {run_dir}")


def _stored(cfg: Any, checkpoints: Checkpoints, resume_step: int | None) -> dict[str, Any]:
  """The config as plain dicts; clips and the run its discriminator came from are found from any folder."""
  config = OmegaConf.to_container(cfg, resolve=True)
  if config["motion"]["path"] is not None:
    config["motion"]["path"] = absolute_paths(config["motion"]["path"])
  amp = config["amp"]
  if amp and amp["discriminator"] is not None:
    source = os.path.abspath(amp["discriminator"])
    if resume_step is not None:  # as the first start found it, perhaps from another folder
      source = (checkpoints.info(resume_step)["config"].get("amp") or {}).get("discriminator") or source
    amp["discriminator"] = source
  return config
