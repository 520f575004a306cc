"""A run is asked to stop from outside, and is told why."""

import os
from pathlib import Path

import pytest

from wildrobot_exp.errors import Stopped
from wildrobot_exp.stop_request import StopRequest, ask_to_stop


def test_a_request_is_obeyed_with_its_reason_and_an_older_one_is_withdrawn(tmp_path: Path):
  ask_to_stop(tmp_path, "old")
  request = StopRequest(tmp_path)
  request.obey()
  ask_to_stop(tmp_path, "behind the others")
  with pytest.raises(Stopped, match="^behind the others$"):
    request.obey()


def test_nobody_sees_half_a_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
  request, replace = StopRequest(tmp_path), os.replace

  def look_first(partial: Path, path: Path) -> None:
    request.obey()
    assert Path(partial).read_text() == "behind\n"
    replace(partial, path)

  monkeypatch.setattr(os, "replace", look_first)
  ask_to_stop(tmp_path, "behind")
  with pytest.raises(Stopped, match="behind"):
    request.obey()
