"""Files of others are data: a pickle, a tag or a key that names code is refused, and nothing in it runs."""

import json
import os
import pathlib
import pickle
import zlib

import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.config.compose import load
from wildrobot_exp.config.folders import read_overrides
from wildrobot_exp.config.resume import expand_resume
from wildrobot_exp.errors import UserError
from wildrobot_exp.motions.clip import load_clip

TEMPLATE = {"w": jnp.arange(1000.0)}


class Touches:
  """Its pickle creates a file when read."""

  def __init__(self, path: pathlib.Path):
    self.path = path

  def __reduce__(self):
    return os.system, (f"touch '{self.path}'",)


@pytest.fixture
def mark(tmp_path: pathlib.Path):
  """What no file may create."""
  path = tmp_path / "touched"
  yield path
  assert not path.exists()


def forge(folder: pathlib.Path, step: int, name: str, content: bytes) -> None:
  """Replaces a file of a checkpoint, or adds one, and makes the card agree."""
  path = folder / "checkpoints" / str(step) / name
  path.write_bytes(content)
  card_path = folder / "checkpoints" / str(step) / "checkpoint.json"
  card = json.loads(card_path.read_text())
  card["files"][name] = zlib.crc32(content)
  card.pop("crc", None)
  card_path.write_text(json.dumps(card))


def test_a_pickle_in_place_of_any_file_of_a_checkpoint_is_not_run(tmp_path, mark):
  hostile = pickle.dumps(Touches(mark))
  pickle_runs = pathlib.Path(f"{mark}_control")
  pickle.loads(pickle.dumps(Touches(pickle_runs)))
  assert pickle_runs.exists(), "the pickle is a real one"
  Checkpoints(tmp_path).save(1, TEMPLATE, metrics={}, config={})
  folder = tmp_path / "checkpoints" / "1"
  originals = {name: (folder / name).read_bytes() for name in Checkpoints(tmp_path).info(1)["files"]}
  refused = 0
  for name, original in originals.items():
    forge(tmp_path, 1, name, hostile)
    try:
      restored = Checkpoints(tmp_path).restore(1, TEMPLATE)
      assert np.array_equal(restored["w"], TEMPLATE["w"]), name  # a file that is not needed
    except UserError as error:
      assert "\n" not in str(error)
      refused += 1
    forge(tmp_path, 1, name, original)
  assert refused > 0
  assert np.array_equal(Checkpoints(tmp_path).restore(1, TEMPLATE)["w"], TEMPLATE["w"])


@pytest.mark.parametrize("card", ["[]", "{}", "null", '"x"', "[" * 100_000, "\x80\x04K\x01."])
def test_a_card_of_anything_else_is_a_damaged_checkpoint(tmp_path, card, caplog):
  checkpoints = Checkpoints(tmp_path)
  for step in (1, 2):
    checkpoints.save(step, TEMPLATE, metrics={}, config={}, score=float(step))
  (tmp_path / "checkpoints" / "2" / "checkpoint.json").write_bytes(card.encode("latin-1"))
  assert checkpoints.resolve("latest") == checkpoints.resolve("best") == 1
  with pytest.raises(UserError, match="damaged"):
    checkpoints.info(2)


def run_folder(tmp_path: pathlib.Path, overrides: str) -> pathlib.Path:
  (tmp_path / ".hydra").mkdir()
  (tmp_path / ".hydra" / "overrides.yaml").write_text(overrides)
  (tmp_path / "checkpoints" / "64").mkdir(parents=True)
  return tmp_path


@pytest.mark.parametrize("read", [read_overrides, lambda folder: expand_resume([f"resume={folder}"])])
@pytest.mark.parametrize(
  "line",
  [
    "- !!python/object/apply:os.system ['touch {mark}']",
    "- +hydra.callbacks.x._target_=os.system",
    "- '++hydra.callbacks.x={{_target_: os.system, command: touch {mark}}}'",
    "- hydra/launcher=evil",
    "- --config-dir=/tmp",
    "- -m",
    "seed: 3",
    "- [1, 2]",
    "- 'unclosed",
  ],
)
def test_the_overrides_of_a_run_folder_name_no_code(tmp_path, mark, line, read):
  folder = run_folder(tmp_path, line.format(mark=mark) + "\n")
  with pytest.raises(UserError) as refused:
    read(folder)
  assert "\n" not in str(refused.value)


def test_a_target_in_an_override_is_an_unknown_key(mark):
  with pytest.raises(UserError):
    load(["+env._target_=os.system", f"+env.command=touch {mark}"])


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".pkl"])
def test_a_clip_that_is_a_pickle_is_refused(tmp_path, mark, suffix):
  path = tmp_path / f"clip{suffix}"
  path.write_bytes(pickle.dumps(Touches(mark)))
  with pytest.raises(UserError):
    load_clip(path)
