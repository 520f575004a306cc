"""A program that is waited for: Ctrl-C does not reach it, and nothing of it is left behind."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from wildrobot_exp.children import run_child

SLEEPS = """
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
pathlib.Path(sys.argv[1]).write_text(f"{child.pid}")
time.sleep(60)
"""  # and so does a program of its own, as ffmpeg beside the renderer


def sleeper(folder: pathlib.Path) -> tuple[list[str], pathlib.Path]:
  note = folder / "pid"
  return [sys.executable, "-c", SLEEPS, str(note)], note


def assert_gone(note: pathlib.Path) -> None:
  """The program of the program has ended, at once or nearly so."""
  until = time.monotonic() + 10
  while pathlib.Path(f"/proc/{note.read_text()}").exists():
    state = pathlib.Path(f"/proc/{note.read_text()}/stat").read_text().split()[2]
    if state == "Z":  # nobody is there to reap it in a container
      return
    assert time.monotonic() < until
    time.sleep(0.05)


def test_its_exit_code_and_its_words_come_back():
  code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
  done = run_child([sys.executable, "-c", code])
  assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_it_is_in_a_session_of_its_own():
  done = run_child([sys.executable, "-c", "import os; print(os.getsid(0))"])
  assert int(done.stdout) != os.getsid(0)


def test_an_exception_in_between_ends_it_and_what_it_started(tmp_path):
  command, note = sleeper(tmp_path)

  def interrupt() -> None:
    if note.exists() and note.read_text():
      raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    run_child(command, between=interrupt)
  assert_gone(note)


def test_one_that_takes_too_long_is_ended(tmp_path):
  command, note = sleeper(tmp_path)
  with pytest.raises(subprocess.TimeoutExpired):
    run_child(command, patience_s=2.0)
  assert_gone(note)


def test_one_that_asks_for_it_ends_when_its_parent_is_killed(tmp_path):
  command, note = sleeper(tmp_path)
  command[2] = f"from wildrobot_exp.children import die_with_the_parent\ndie_with_the_parent()\n{SLEEPS}"
  parent = subprocess.Popen([sys.executable, "-c", WAITS, *command])
  while not (note.exists() and note.read_text()):
    time.sleep(0.05)
  parent.kill()
  parent.wait()
  assert_gone(note)


WAITS = """
import sys
from wildrobot_exp.children import run_child
from wildrobot_exp.interrupts import held
with held(saves=False):
  run_child(sys.argv[1:])
"""


def test_a_second_ctrl_c_ends_it_with_its_parent(tmp_path):
  command, note = sleeper(tmp_path)
  parent = subprocess.Popen([sys.executable, "-c", WAITS, *command], stderr=subprocess.PIPE, text=True)
  while not (note.exists() and note.read_text()):
    time.sleep(0.05)
  parent.send_signal(signal.SIGINT)
  assert parent.stderr.readline().startswith("interrupted: ends after what is computed now")
  assert pathlib.Path(f"/proc/{note.read_text()}").exists() and parent.poll() is None
  parent.send_signal(signal.SIGINT)
  assert parent.wait(30) == 130
  assert parent.stderr.read() == "interrupted again: left at once\n"
  assert_gone(note)
