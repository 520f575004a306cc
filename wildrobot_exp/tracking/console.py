"""The console: a progress bar with the numbers that matter; short plain lines where there is no terminal."""

import contextlib
import time
from collections.abc import Iterator

import rich.console
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

_PLAIN_EVERY_S = 10.0
_SPEED_WINDOW_S = 120.0
_HEADLINE = {  # metric: how it is shown
  "train/return": "return {:.2f}",
  "train/episode_steps": "episode length {:.0f}",
  "train/vx": "vx {:.2f} m/s",
  "amp/style_reward": "style {:.2f}",
}
_EVALUATION = {
  "eval/survival": "survival {:.0%}",
  "eval/vx_error": "vx error {:.3f} m/s",
  "eval/return": "return {:.2f}",
}


class _Terminal(rich.console.Console):
  """stdout. Rich ends the program when a pipe's reader goes away (`| head`); training goes on instead."""

  def on_broken_pipe(self) -> None:
    with contextlib.suppress(SystemExit):
      super().on_broken_pipe()


class Console:
  """Progress over env steps. Metrics that a row lacks keep their last value on the bar."""

  name = "console"

  def __init__(self, total_steps: int, first_step: int = 0, console: rich.console.Console | None = None):
    """first_step: where a resumed run starts. console: another output than stdout (tests)."""
    self._console = console or _Terminal()
    self._total = total_steps
    self._headline: dict[str, float] = {}
    self._steps_per_s: float | None = None
    self._compiling: tuple[str, float] | None = None
    self._printed_s = float("-inf")
    self._unprinted: str | None = None
    self._progress = Progress(
      TextColumn("training"), BarColumn(bar_width=16), TextColumn("{task.percentage:.0f}%"),
      TextColumn("{task.fields[counts]}"), console=self._console, speed_estimate_period=_SPEED_WINDOW_S)
    self._task = self._progress.add_task(
      "training", total=total_steps, completed=first_step, counts="", visible=False)
    plain = not self._console.is_terminal or self._console.is_dumb_terminal
    self._live = None if plain else Live(get_renderable=self._render, console=self._console)

  def log(self, step: int, metrics: dict[str, float]) -> None:
    """Raises OSError if stdout is closed."""
    self._headline |= {name: metrics[name] for name in _HEADLINE if name in metrics}
    self._steps_per_s = metrics.get("perf/steps_per_s", self._steps_per_s)
    self._progress.update(self._task, completed=step)
    self._progress.update(self._task, counts=self._counts(step), visible=True)
    if evaluation := _show(_EVALUATION, metrics):
      self._print(f"evaluation at {_short(step)} steps: {evaluation}")
    if self._live:
      self._live.start()
      return
    self._unprinted = f"{self._counts(step)}  {_show(_HEADLINE, self._headline)}".rstrip()
    if time.monotonic() - self._printed_s >= _PLAIN_EVERY_S:
      self._print_row()

  def rewind(self, step: int) -> None:
    """The bar goes back to a step."""
    self._progress.update(self._task, completed=step)
    self._unprinted = None

  @contextlib.contextmanager
  def compiling(self, what: str) -> Iterator[None]:
    """Shows `compiling WHAT ... (t s)` while it lasts and leaves one line with the time it took."""
    outer, start = self._compiling, time.monotonic()
    self._compiling = (what, start)
    if self._live:
      self._live.start()
    else:
      self._print(f"compiling {what} ...")
    verb = "failed to compile"
    try:
      yield
      verb = "compiled"
    finally:
      self._compiling = outer
      if self._live:
        self._live.refresh()
      self._print(f"{verb} {what} ({time.monotonic() - start:.1f} s)")

  def say(self, line: str) -> None:
    """A line that stays. Raises OSError if stdout is closed."""
    self._print(line)

  def close(self, exit_code: int) -> None:
    """Leaves the last state on the screen."""
    if self._live:
      self._live.stop()
    elif self._unprinted:
      self._print_row()

  def _print_row(self) -> None:
    self._print(self._unprinted or "")
    self._printed_s, self._unprinted = time.monotonic(), None

  def _print(self, line: str) -> None:
    self._console.print(line, markup=False, highlight=False, soft_wrap=True)

  def _counts(self, step: int) -> str:
    parts = [f"{_short(step)} of {_short(self._total)} steps"]
    if self._steps_per_s is not None:
      parts.append(f"{self._steps_per_s:,.0f} steps/s")
    left = self._progress.tasks[0].time_remaining
    if left is not None and step < self._total:
      parts.append(f"{_duration(left)} left")
    return "  ".join(parts)

  def _render(self) -> rich.console.Group:
    """What the live display shows now: the compile under way, the bar, the numbers."""
    lines: list[rich.console.RenderableType] = []
    if compiling := self._compiling:
      lines.append(Text(f"compiling {compiling[0]} ... ({time.monotonic() - compiling[1]:.0f} s)"))
    if self._progress.tasks[0].visible:
      lines.append(self._progress.get_renderable())
      lines.append(Text(_show(_HEADLINE, self._headline)))
    return rich.console.Group(*lines)


def _show(formats: dict[str, str], metrics: dict[str, float]) -> str:
  return "  ".join(text.format(metrics[name]) for name, text in formats.items() if name in metrics)


def _short(count: int) -> str:
  """1360000 as 1.36M, 20480 as 20k."""
  if count >= 1_000_000:
    return f"{count / 1e6:.2f}M"
  return f"{count // 1000}k" if count >= 10_000 else str(count)


def _duration(seconds: float) -> str:
  minutes, rest = divmod(round(seconds), 60)
  hours, minutes = divmod(minutes, 60)
  return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
