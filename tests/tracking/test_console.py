"""The console: short lines, progress, and never a silent compile."""

import io
import time

import pytest
import rich.console

from wildrobot_exp.tracking.console import Console

METRICS = {"train/return": 3.214, "train/episode_steps": 480.4, "train/vx": 0.213,
           "perf/steps_per_s": 12345.6}


def plain(width: int = 80) -> tuple[Console, io.StringIO]:
  out = io.StringIO()
  return Console(4_000_000, console=rich.console.Console(file=out, width=width)), out


def terminal() -> tuple[Console, io.StringIO]:
  out = io.StringIO()
  terminal_console = rich.console.Console(file=out, force_terminal=True, width=80, _environ={"TERM": "xterm"})
  return Console(4_000_000, console=terminal_console), out


def test_without_a_terminal_a_row_is_one_short_line_with_the_numbers_that_matter():
  console, out = plain()
  console.log(1_360_000, METRICS)
  assert out.getvalue() == (
    "1.36M of 4.00M steps  12,346 steps/s  return 3.21  episode length 480  vx 0.21 m/s\n")


def test_without_a_terminal_rows_are_printed_every_ten_seconds_and_the_last_one_at_the_end(monkeypatch):
  now = [0.0]
  monkeypatch.setattr(time, "monotonic", lambda: now[0])
  console, out = plain()
  for second in range(26):
    now[0] = float(second)
    console.log(10_000 * (second + 1), {})
  assert [line.split()[0] for line in out.getvalue().splitlines()] == ["10k", "110k", "210k"]
  console.close(0)
  assert out.getvalue().splitlines()[-1].startswith("260k of 4.00M steps")


def test_the_time_left_follows_from_the_pace(monkeypatch):
  now = [0.0]
  out = io.StringIO()
  monkeypatch.setattr(time, "monotonic", lambda: now[0])
  console = Console(1_000, console=rich.console.Console(file=out, width=80, get_time=lambda: now[0]))
  for second in range(0, 21, 10):
    now[0] = float(second)
    console.log(second * 10, {})
  assert out.getvalue().splitlines()[-1] == "200 of 1000 steps  1:20 left"


def test_an_evaluation_gets_a_line_of_its_own():
  console, out = plain()
  console.log(500_000, {"eval/survival": 0.9375, "eval/vx_error": 0.0312})
  assert out.getvalue().splitlines()[0] == "evaluation at 500k steps: survival 94%  vx error 0.031 m/s"


def test_compiling_is_announced_and_leaves_one_line_with_the_time():
  console, out = plain()
  with console.compiling("the update"):
    assert out.getvalue() == "compiling the update ...\n"
  assert out.getvalue().splitlines()[1] == "compiled the update (0.0 s)"


def test_a_compile_that_fails_says_so_and_the_error_goes_on():
  console, out = plain()
  with pytest.raises(RuntimeError, match="too large"), console.compiling("the update"):
    raise RuntimeError("too large")
  assert out.getvalue().splitlines()[1] == "failed to compile the update (0.0 s)"


def test_a_terminal_shows_the_seconds_of_a_compile_while_it_lasts(monkeypatch):
  console, out = terminal()
  with console.compiling("the update"):
    time.sleep(1.3)
  console.close(0)
  assert "compiling the update ... (0 s)" in out.getvalue()
  assert "compiling the update ... (1 s)" in out.getvalue()
  assert out.getvalue().count("compiled the update (1.3 s)") == 1


def test_a_terminal_shows_bar_and_numbers_within_eighty_columns():
  console, out = terminal()
  console.log(1_000_000, METRICS)
  console.log(1_360_000, {})
  console.close(0)
  with console._console.capture() as capture:
    console._console.print(console._render())
  lines = rich.text.Text.from_ansi(capture.get()).plain.splitlines()
  assert lines[0].startswith("training ━") and "34% 1.36M of 4.00M steps  12,346 steps/s" in lines[0]
  assert lines[1] == "return 3.21  episode length 480  vx 0.21 m/s"
  assert len(lines) == 2
  assert "\x1b[?25h" in out.getvalue(), "the cursor is shown again"
