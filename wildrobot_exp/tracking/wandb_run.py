"""A wandb run in a thread of its own: neither its start (a second) nor its server holds up training."""

import dataclasses
import logging
import os
import queue
import subprocess
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from wildrobot_exp.tracking.wandb_files import ROLLED_BACK, Branch, Earlier, Row, read_earlier, run_id

_log = logging.getLogger(__name__)
_INIT_TIMEOUT_S = 20
_CLOSE_TIMEOUT_S = 120


@dataclasses.dataclass(frozen=True)
class _Finish:
  exit_code: int


class WandbRun:
  """Rows wait in a queue until wandb is ready. What goes wrong is said once; `log` never fails.

  A resumed run goes on in the same wandb run. Online it is continued; offline it gets one more file under the same id,
  and `wandb sync` puts them together in the order of their starts. What the earlier files hold is not given again,
  and what they lack (rows that were on their way when the process was killed) is given now. wandb takes no row back:
  after a rollback, or where a resumed run goes another way than before, the rows of both branches are there, and a row
  `rolled_back` between them.
  """

  name = "wandb"

  def __init__(self, run_dir: Path, *, mode: str, project: str, group: str, run_name: str,
               config_dict: dict[str, Any], kept: Sequence[tuple[int, dict[str, float]]] | None = None):
    """mode: offline or online. Online falls back to offline without an API key or a server.

    kept: for a resumed run, step and metrics of every row up to its checkpoint. None: a new run. Raises OSError.
    """
    self._mode = mode
    self._run_dir = run_dir
    self._id = run_id(run_dir, resumed=kept is not None)
    self._kept = kept
    self._init = {"dir": str(run_dir), "project": project, "group": group or None, "name": run_name,
                  "config": config_dict, "reinit": "create_new", "id": self._id, "resume": "allow"}
    self._queue: queue.SimpleQueue[dict[str, float] | _Finish] = queue.SimpleQueue()
    self._thread = threading.Thread(target=self._work, name="wandb", daemon=True)
    self._thread.start()

  def log(self, step: int, metrics: dict[str, float]) -> None:
    if self._thread.is_alive():
      self._queue.put({"step": int(step), **metrics})

  def rewind(self, step: int) -> None:
    self.log(step, {ROLLED_BACK: 1.0})

  def close(self, exit_code: int) -> None:
    """Waits until wandb has everything, two minutes at most."""
    self._queue.put(_Finish(exit_code))
    self._thread.join(_CLOSE_TIMEOUT_S)
    if self._thread.is_alive():
      _log.warning("wandb has not finished in %d s: send the rest later with `wandb sync %s/wandb/*run-*`",
                   _CLOSE_TIMEOUT_S, self._init["dir"])

  def _work(self) -> None:
    # Not wandb.setup(settings): it waits for ever on a lock of its own if wandb's process does not come up.
    os.environ.setdefault("WANDB_SILENT", "true")
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # offline means that nothing is sent
    import wandb
    from wandb.sdk.mailbox import HandleAbandonedError, MailboxClosedError
    from wandb.sdk.mailbox.mailbox_handle import ServerResponseError

    gone = (HandleAbandonedError, MailboxClosedError, ServerResponseError)
    try:
      earlier = Earlier() if self._kept is None else read_earlier(self._run_dir, self._id)
      run = self._start(wandb)
      run.define_metric("*", step_metric="step")
      number = max(earlier.next, run.starting_step)
      branch = Branch(earlier)

      def give(rows: Iterable[Row]) -> None:
        nonlocal number
        for row in rows:
          run.log(row, step=number, commit=True)
          number += 1

      for step, metrics in self._kept or ():
        give(branch.give({"step": step, **metrics}))
      while not isinstance(row := self._queue.get(), _Finish):
        give(branch.give(row))
      if row.exit_code == 0:
        give(branch.end())
      run.finish(exit_code=row.exit_code)
    except (OSError, subprocess.SubprocessError, wandb.Error, *gone) as error:
      _log.warning("wandb stopped (%s); training goes on without it", _first_line(error))
      _drop_service(wandb)

  def _start(self, wandb: Any) -> Any:
    settings = wandb.Settings(init_timeout=_INIT_TIMEOUT_S, console="off", silent=True)
    if self._mode == "online":
      try:
        if wandb.login(prompt=False, verify=False):
          return wandb.init(mode="online", settings=settings, **self._init)
        reason = "no API key: `wandb login` stores one"
      except (OSError, wandb.Error) as error:
        reason = _first_line(error)
        self._release_id(wandb)
      _log.warning("wandb is not reachable (%s): logging offline, `wandb sync` sends it later", reason)
    return wandb.init(mode="offline", settings=settings, **self._init)

  def _release_id(self, wandb: Any) -> None:
    """After a start that failed wandb's process takes the id for used: a new process, or where others use it, id."""
    if sum(thread.name == self._thread.name for thread in threading.enumerate()) == 1:
      _drop_service(wandb)
    else:
      self._id = self._init["id"] = run_id(self._run_dir, resumed=False)


def _drop_service(wandb: Any) -> None:
  """Lets go of a wandb process that has died, so that the next run in this process gets a new one."""
  try:
    wandb.teardown(exit_code=1)
  except OSError:
    _log.debug("wandb's process was gone already")


def _first_line(error: BaseException) -> str:
  return (str(error).splitlines() or [type(error).__name__])[0]
