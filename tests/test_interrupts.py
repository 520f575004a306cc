"""Signals: the first one waits for the iteration and is an exception then, a second Ctrl-C leaves at once."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from wildrobot_exp.interrupts import (
  TERMINATING,
  Terminated,
  collected,
  held,
  raise_held,
  raise_on_sigterm,
  was_answered,
)

NUMBERS = (signal.SIGINT, *TERMINATING)


@pytest.fixture(autouse=True)
def own_handlers():
  before = {number: signal.getsignal(number) for number in NUMBERS}
  signal.signal(signal.SIGINT, signal.default_int_handler)
  signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
  raise_on_sigterm()
  yield
  signal.set_wakeup_fd(-1)
  for number, handler in before.items():
    signal.signal(number, handler)


@pytest.mark.parametrize("number", TERMINATING)
def test_slurms_signals_mean_what_sigterm_means(number):
  with pytest.raises(Terminated):
    os.kill(os.getpid(), number)
    time.sleep(5)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_held_signal_waits_until_it_is_asked_for(number):
  finished = []
  with pytest.raises(KeyboardInterrupt) as caught, held() as raise_held:
    os.kill(os.getpid(), number)
    finished.append("the iteration")
    raise_held()
    finished.append("another one")
  assert finished == ["the iteration"]
  assert isinstance(caught.value, Terminated) == (number != signal.SIGINT)


def test_without_a_signal_everything_is_as_before():
  before = [signal.getsignal(number) for number in NUMBERS]
  with held() as raise_held:
    raise_held()
  assert [signal.getsignal(number) for number in NUMBERS] == before


def test_further_terminating_signals_do_not_disturb_the_saving():
  with pytest.raises(Terminated), held() as raise_held:
    for number in (signal.SIGUSR2, signal.SIGTERM, signal.SIGTERM):
      os.kill(os.getpid(), number)
    raise_held()
  os.kill(os.getpid(), signal.SIGTERM)  # while loggers are closed
  time.sleep(0.01)


def test_an_ignored_ctrl_c_stays_ignored():
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  with held() as raise_held:
    os.kill(os.getpid(), signal.SIGINT)
    raise_held()
  assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_one_hold_inside_another_is_the_same_one():
  with pytest.raises(Terminated), held() as raise_outer:
    with held() as raise_inner:
      os.kill(os.getpid(), signal.SIGTERM)
    assert raise_inner is raise_outer
    raise_outer()


def test_what_came_too_late_to_be_raised_inside_is_raised_once_afterwards():
  with held():
    os.kill(os.getpid(), signal.SIGINT)
  with pytest.raises(KeyboardInterrupt):
    raise_held()
  raise_held()


def test_a_hangup_that_nohup_ignores_stays_ignored():
  signal.signal(signal.SIGHUP, signal.SIG_IGN)
  raise_on_sigterm()
  with held() as raise_now:
    os.kill(os.getpid(), signal.SIGHUP)
    raise_now()
  assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_another_thread_has_no_signals_to_hold():
  seen = []

  def work() -> None:
    with held() as raise_held:
      seen.append(raise_held())

  thread = threading.Thread(target=work)
  thread.start()
  thread.join()
  assert seen == [None]


def test_a_signal_that_was_held_was_answered():
  with held(saves=False) as raise_now:
    assert not was_answered()
    os.kill(os.getpid(), signal.SIGTERM)
    assert was_answered()
    with pytest.raises(Terminated):
      raise_now()


LEAVES = """
import pathlib, sys, time
from wildrobot_exp.interrupts import before_leaving, held
def fail():
  raise RuntimeError
with held(saves=False), before_leaving(lambda: pathlib.Path(sys.argv[1]).unlink()), before_leaving(fail):
  with before_leaving(lambda: pathlib.Path(sys.argv[2]).unlink()):
    pass
  print("training", flush=True)
  time.sleep(60)
"""


def test_what_must_not_outlive_the_process_is_done_before_a_second_ctrl_c_leaves(tmp_path):
  inside, outside = tmp_path / "inside", tmp_path / "outside"
  for path in (inside, outside):
    path.touch()
  process = start(LEAVES, str(inside), str(outside))
  process.send_signal(signal.SIGINT)
  assert process.stderr.readline() == b"interrupted: ends after what is computed now; Ctrl-C once more leaves at once\n"
  process.send_signal(signal.SIGINT)
  assert process.wait(30) == 130 and process.stderr.read() == b"interrupted again: left at once\n"
  assert not inside.exists() and outside.exists()


SAVES_SLOWLY = """
import time
from wildrobot_exp.interrupts import held, raise_on_sigterm
raise_on_sigterm()
with held() as raise_held:
  print("training", flush=True)
  for _ in range(200):
    time.sleep(0.05)
    try:
      raise_held()
    except KeyboardInterrupt:
      print("saving", flush=True)
      time.sleep(60)
"""


SAVES_AND_WRITES = """
import pathlib, sys, time
from wildrobot_exp.interrupts import Terminated, held, raise_on_sigterm
raise_on_sigterm()
try:
  with held() as raise_held:
    print("training", flush=True)
    for _ in range(200):
      time.sleep(0.05)
      raise_held()
except Terminated:
  print("to nobody", flush=True)
  print("to nobody", file=sys.stderr, flush=True)
  pathlib.Path(sys.argv[1]).write_text("whole")
  sys.exit(143)
"""

FIRST = b"interrupted: finishing what is under way, then saving; Ctrl-C once more leaves at once\n"
SECOND = b"interrupted again: left at once; the last whole checkpoint stays\n"

COMPUTES = """
import numpy
from wildrobot_exp.interrupts import held, raise_on_sigterm
raise_on_sigterm()
matrix = numpy.ones((12_000, 12_000))
with held():
  print("training", flush=True)
  matrix @ matrix @ matrix @ matrix @ matrix
"""  # for half a minute, in one call of a library, without a look at Python's signal handlers


def start(script: str, *arguments: str) -> subprocess.Popen:
  pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
  process = subprocess.Popen([sys.executable, "-c", script, *arguments], **pipes)
  assert process.stdout.readline() == b"training\n"
  return process


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_second_ctrl_c_leaves_at_once(first):
  process = start(SAVES_SLOWLY)
  process.send_signal(first)
  assert process.stdout.readline() == b"saving\n"
  started = time.monotonic()
  process.send_signal(signal.SIGINT)
  assert process.wait(30) == 130 and time.monotonic() - started < 10
  assert process.stderr.read() == FIRST + SECOND


def test_ctrl_c_is_answered_and_the_second_one_obeyed_while_the_main_thread_is_inside_a_library():
  process = start(COMPUTES)
  started = time.monotonic()
  process.send_signal(signal.SIGINT)
  assert process.stderr.readline() == FIRST
  process.send_signal(signal.SIGINT)
  assert process.wait(30) == 130 and time.monotonic() - started < 5
  assert process.stderr.read() == SECOND


CLOSES_THE_TERMINAL = f"""
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
  os.execv(sys.executable, [sys.executable, "-c", {SAVES_AND_WRITES!r}, sys.argv[1]])
while b"training" not in os.read(terminal, 100):
  pass
os.close(terminal)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_a_closed_terminal_is_time_to_save(tmp_path):
  saved = tmp_path / "saved"
  done = subprocess.run([sys.executable, "-c", CLOSES_THE_TERMINAL, saved], timeout=60)
  assert done.returncode == 143 and saved.read_text() == "whole"


def test_a_sweep_collects_slurms_warning_as_one_sigterm():
  with collected() as signals:
    for number in (signal.SIGUSR1, signal.SIGUSR2):
      os.kill(os.getpid(), number)
    assert signals == [signal.SIGTERM]
    os.kill(os.getpid(), signal.SIGINT)
    assert signals == [signal.SIGTERM, signal.SIGINT]
