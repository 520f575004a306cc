"""Files of arrays are read whole or refused in one line, and written whole or not at all."""

import numpy as np
import pytest

from wildrobot_exp.errors import UserError
from wildrobot_exp.npz_files import read_npz, write_npz

ARRAYS = {"time": np.arange(100.0), "names": np.array(["left", "right"])}


def test_what_is_written_is_read(tmp_path):
  write_npz(tmp_path / "a.npz", ARRAYS)
  read = read_npz(tmp_path / "a.npz")
  assert read.keys() == ARRAYS.keys() and all(np.array_equal(read[name], ARRAYS[name]) for name in ARRAYS)
  assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_a_write_that_fails_leaves_the_file_that_was_there(tmp_path, monkeypatch):
  write_npz(tmp_path / "a.npz", ARRAYS)

  def full_disk(file, **arrays):
    file.write(b"PK")
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(np, "savez", full_disk)
  with pytest.raises(OSError):
    write_npz(tmp_path / "a.npz", {})
  assert read_npz(tmp_path / "a.npz").keys() == ARRAYS.keys()


def cut(content: bytes, compressed: bytes) -> bytes:
  return content[: len(content) // 2]


def changed(content: bytes, compressed: bytes) -> bytes:
  place = content.index(ARRAYS["time"].tobytes()) + 80
  return content[:place] + b"lost" + content[place + 4 :]


def changed_inside(content: bytes, compressed: bytes) -> bytes:
  return compressed[:150] + b"\xff" * 20 + compressed[170:]


@pytest.mark.parametrize(
  "damage",
  [
    lambda content, compressed: b"",
    lambda content, compressed: b"no zip",
    lambda content, compressed: b"PK\x03\x04 cut short",
    cut,
    changed,
    changed_inside,
  ],
  ids=["empty", "text", "magic", "cut", "changed", "compressed"],
)
def test_a_damaged_file_is_the_user_s_error_in_one_line(tmp_path, damage):
  path = tmp_path / "a.npz"
  np.savez_compressed(path, **ARRAYS)
  compressed = path.read_bytes()
  write_npz(path, ARRAYS)
  path.write_bytes(damage(path.read_bytes(), compressed))
  with pytest.raises(UserError, match=r"a\.npz cannot be read \(.*\): make it again") as error:
    read_npz(path, "make it again")
  assert "\n" not in str(error.value)


def test_a_single_array_under_the_name_is_refused(tmp_path):
  with (tmp_path / "a.npz").open("wb") as file:
    np.save(file, ARRAYS["time"])
  with pytest.raises(UserError, match="cannot be read"):
    read_npz(tmp_path / "a.npz")
