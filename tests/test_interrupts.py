"""Signals: the first one waits for the iteration and is an exception then, a second Ctrl-C leaves at once."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from wildrobot_exp.interrupts import TERMINATING, Terminated, collected, held, raise_on_sigterm

NUMBERS = (signal.SIGINT, *TERMINATING)


@pytest.fixture(autouse=True)
def own_handlers():
  before = {number: signal.getsignal(number) for number in NUMBERS}
  signal.signal(signal.SIGINT, signal.default_int_handler)
  raise_on_sigterm()
  yield
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


def test_another_thread_has_no_signals_to_hold():
  seen = []

  def work() -> None:
    with held() as raise_held:
      seen.append(raise_held())

  thread = threading.Thread(target=work)
  thread.start()
  thread.join()
  assert seen == [None]


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


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_second_ctrl_c_leaves_at_once(first):
  process = subprocess.Popen([sys.executable, "-c", SAVES_SLOWLY], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
  assert process.stdout.readline() == b"training\n"
  process.send_signal(first)
  assert process.stdout.readline() == b"saving\n"
  started = time.monotonic()
  process.send_signal(signal.SIGINT)
  assert process.wait(30) == 130 and time.monotonic() - started < 10
  assert process.stderr.read() == b"interrupted again: left at once; the last whole checkpoint stays\n"


def test_a_sweep_collects_slurms_warning_as_one_sigterm():
  with collected() as signals:
    for number in (signal.SIGUSR1, signal.SIGUSR2):
      os.kill(os.getpid(), number)
    assert signals == [signal.SIGTERM]
    os.kill(os.getpid(), signal.SIGINT)
    assert signals == [signal.SIGTERM, signal.SIGINT]
