"""Two processes never write into one run folder."""

import errno
import fcntl
import multiprocessing
import os
import signal
import socket

import pytest

from wildrobot_exp.errors import UserError
from wildrobot_exp.run_lock import LOCK, claimed, in_use, only_writer, refuse_if_in_use

NOBODY = 2**22 + 1  # more than Linux gives out


def hold(folder, ready):
  with only_writer(folder):
    ready.set()
    signal.pause()


@pytest.fixture
def writer(tmp_path):
  """A process that is writing into tmp_path."""
  context = multiprocessing.get_context("spawn")
  ready = context.Event()
  process = context.Process(target=hold, args=(tmp_path, ready), daemon=True)
  process.start()
  assert ready.wait(60)
  yield process
  process.kill()
  process.join()


def test_the_second_writer_is_refused_and_told_who_is_first(tmp_path, writer):
  for attempt in (only_writer(tmp_path).__enter__, lambda: refuse_if_in_use(tmp_path)):
    with pytest.raises(UserError, match=f"in use by process {writer.pid}"):
      attempt()


def test_a_killed_writer_leaves_the_folder_free(tmp_path, writer):
  os.kill(writer.pid, signal.SIGKILL)
  writer.join()
  refuse_if_in_use(tmp_path)
  with only_writer(tmp_path):
    assert (tmp_path / LOCK).read_text() == f"{os.getpid()} {socket.gethostname()}"


def test_a_folder_nobody_wrote_into_stays_as_it_is(tmp_path):
  refuse_if_in_use(tmp_path)
  assert list(tmp_path.iterdir()) == []


def test_looking_whether_a_folder_is_in_use_changes_nothing(tmp_path, writer):
  assert in_use(tmp_path)
  before = (tmp_path / LOCK).read_text()
  os.kill(writer.pid, signal.SIGKILL)
  writer.join()
  assert not in_use(tmp_path) and (tmp_path / LOCK).read_text() == before
  assert not in_use(tmp_path / "nowhere")
  (tmp_path / LOCK).write_text(f"{os.getpid()} {socket.gethostname()}")
  assert not in_use(tmp_path), "a number that another process has now"


def test_a_writer_on_another_machine_is_known_by_its_lock_and_named(tmp_path, writer):
  (tmp_path / LOCK).write_text(f"{NOBODY} node7")
  assert in_use(tmp_path)
  with pytest.raises(UserError, match=f"in use by process {NOBODY} on node7"):
    refuse_if_in_use(tmp_path)
  os.kill(writer.pid, signal.SIGKILL)
  writer.join()
  assert not in_use(tmp_path)


def test_another_user_s_process_is_alive(tmp_path, writer, monkeypatch: pytest.MonkeyPatch):
  def not_yours(pid, signum):
    raise PermissionError(1, "Operation not permitted")

  monkeypatch.setattr("wildrobot_exp.run_lock.os.kill", not_yours)
  assert in_use(tmp_path)


def test_who_holds_a_folder_may_hold_it_once_more(tmp_path):
  with only_writer(tmp_path):
    with only_writer(tmp_path / "."):
      pass
    assert in_use(tmp_path)
  assert not in_use(tmp_path)


def test_a_file_system_without_locks_and_a_lock_that_cannot_be_written_are_one_line(tmp_path, monkeypatch):
  def refuse(*args):
    raise OSError(errno.ENOTSUP, "Operation not supported")

  monkeypatch.setattr(fcntl, "flock", refuse)
  with pytest.raises(UserError, match="file system without locks .Operation not supported.: .*choose another"):
    only_writer(tmp_path).__enter__()
  (tmp_path / "other" / LOCK).mkdir(parents=True)
  with pytest.raises(UserError, match="cannot write to .*/other/.lock: Is a directory; choose another folder"):
    only_writer(tmp_path / "other").__enter__()


def test_a_folder_that_is_taken_is_refused_or_stepped_aside_of(tmp_path, writer):
  def nobody(folder):
    return False

  with pytest.raises(UserError, match="in use by process"), claimed(str(tmp_path), nobody, step_aside=False):
    pass
  with claimed(str(tmp_path), nobody, step_aside=True) as folder:
    assert folder == f"{tmp_path}_2" and in_use(folder)
