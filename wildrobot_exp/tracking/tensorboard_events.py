"""TensorBoard event files, with what was swept, or else the config, on its HParams page.

Written by tensorboardX's event writer directly. Its SummaryWriter puts a thread and a bounded queue between:
a full disk ends the thread, and ten rows later training waits for ever.
"""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_SEED = "seed"
_ON_HPARAMS_PAGE = (  # TensorBoard takes the columns from whichever run it finds first: they are the same in all
  "final/survival",
  "final/vx_error",
  "final/classifier_auc",
  "final/feature_distance",
  "final/long_walk_completed",
  "final/return",
  "final/wall_s",
)


class TensorBoardEvents:
  """One event per row, flushed as it happens; the same names as in metrics.csv."""

  name = "TensorBoard"

  def __init__(
    self,
    folder: Path,
    config_dict: dict[str, Any],
    resume_step: int | None = None,
    overrides: Mapping[str, str] | None = None,
    kept: Sequence[tuple[int, dict[str, float]]] = (),
  ):
    """Start an event file.

    Args:
      folder: of the run's event files.
      config_dict: the composed config as plain dicts.
      resume_step: TensorBoard hides what earlier files hold beyond that step.
      overrides: key -> value as typed, what was swept for a job of a sweep: these and the seed are its
        hyperparameters on the HParams page. None: every key of the config is.
      kept: step and metrics of a resumed run's rows; those of that step are written again, for there may have been
        one more, which concluded the run.

    Raises:
      OSError: the file cannot be written.
    """
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.summary import hparams

    folder.mkdir(parents=True, exist_ok=True)
    # TensorBoard reads the files in the order of their names, which else come from a clock that may be set back.
    starts = len(list(folder.glob("*.out.tfevents.*")))
    self._writer = EventsWriter(str(folder / f"events_{starts:04d}"))
    self._begun = time.time(), time.monotonic()
    if resume_step is not None:
      again = [row for step, row in kept if step == resume_step]
      self._hide_beyond(resume_step - bool(again))
      for row in again:
        self.log(resume_step, row)
    metrics = dict.fromkeys(_ON_HPARAMS_PAGE)
    experiment, session_start, self._session_end = hparams(_shown(config_dict, overrides), metrics)
    self._write(summary=experiment)
    self._write(summary=session_start)
    self._writer.flush()

  def log(self, step: int, metrics: dict[str, float]) -> None:
    """Raises OSError."""
    from tensorboardX.proto.summary_pb2 import Summary
    from tensorboardX.summary import scalar

    summary = Summary()
    for name, value in metrics.items():
      summary.MergeFrom(scalar(name, value))
    self._write(step=int(step), summary=summary)
    self._writer.flush()
    if not Path(self._writer._file_name).exists():
      raise FileNotFoundError(f"{self._writer._file_name} has been removed")

  def rewind(self, step: int) -> None:
    """TensorBoard hides what was logged beyond a step so far. Raises OSError."""
    self._hide_beyond(step)
    self._writer.flush()

  def close(self, exit_code: int) -> None:
    """Marks the session as a success if `exit_code` is 0. Raises OSError."""
    if exit_code == 0:
      self._write(summary=self._session_end)
    self._writer.close()

  def _hide_beyond(self, step: int) -> None:
    from tensorboardX.proto.event_pb2 import SessionLog

    self._write(step=step + 1, session_log=SessionLog(status=SessionLog.START))

  def _write(self, **fields: Any) -> None:
    from tensorboardX.proto.event_pb2 import Event

    time_of_day, started = self._begun  # read once: a clock that is set back meanwhile does not bend the curves
    self._writer.write_event(Event(wall_time=time_of_day + time.monotonic() - started, **fields))


def _shown(config: dict[str, Any], overrides: Mapping[str, str] | None) -> dict[str, bool | int | float | str]:
  flat = _flat(config)
  if overrides is None:
    return flat
  seed = {_SEED: flat[_SEED]} if _SEED in flat else {}
  return {key: flat.get(key, typed) for key, typed in overrides.items()} | seed


def _flat(config: dict[str, Any], prefix: str = "") -> dict[str, bool | int | float | str]:
  """Nested dicts as dotted keys; lists as JSON text; keys without a value left out."""
  flat: dict[str, bool | int | float | str] = {}
  for key, value in config.items():
    if isinstance(value, dict):
      flat |= _flat(value, f"{prefix}{key}.")
    elif isinstance(value, (bool, int, float, str)):
      flat[f"{prefix}{key}"] = value
    elif value is not None:
      flat[f"{prefix}{key}"] = json.dumps(value)
  return flat
