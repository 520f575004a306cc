"""A wandb run in a thread of its own: neither its start (a second) nor its server holds up training."""

import dataclasses
import logging
import os
import queue
import threading
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)
_INIT_TIMEOUT_S = 20
_CLOSE_TIMEOUT_S = 120


@dataclasses.dataclass(frozen=True)
class _Finish:
  exit_code: int


class WandbRun:
  """Rows wait in a queue until wandb is ready. What goes wrong is said once; `log` never fails.

  A resumed run is a second wandb run with the same name and group: offline files cannot be reopened.
  """

  name = "wandb"

  def __init__(self, run_dir: Path, *, mode: str, project: str, group: str, run_name: str,
               config_dict: dict[str, Any]):
    """mode: offline or online. Online falls back to offline without an API key or a server."""
    self._mode = mode
    self._init = {"dir": str(run_dir), "project": project, "group": group or None, "name": run_name,
                  "config": config_dict, "reinit": "finish_previous"}
    self._queue: queue.SimpleQueue[dict[str, float] | _Finish] = queue.SimpleQueue()
    self._thread = threading.Thread(target=self._work, name="wandb", daemon=True)
    self._thread.start()

  def log(self, step: int, metrics: dict[str, float]) -> None:
    if self._thread.is_alive():
      self._queue.put({"step": int(step), **metrics})

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

    try:
      run = self._start(wandb)
      run.define_metric("*", step_metric="step")
      while not isinstance(row := self._queue.get(), _Finish):
        run.log(row)
      run.finish(exit_code=row.exit_code)
    except (OSError, wandb.Error, HandleAbandonedError, MailboxClosedError) as error:
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
      _log.warning("wandb is not reachable (%s): logging offline, `wandb sync` sends it later", reason)
    return wandb.init(mode="offline", settings=settings, **self._init)


def _drop_service(wandb: Any) -> None:
  """Lets go of a wandb process that has died, so that the next run in this process gets a new one."""
  try:
    wandb.teardown(exit_code=1)
  except OSError:
    _log.debug("wandb's process was gone already")


def _first_line(error: BaseException) -> str:
  return (str(error).splitlines() or [type(error).__name__])[0]
