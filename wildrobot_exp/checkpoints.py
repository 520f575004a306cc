"""Checkpoints of a run: save, list, restore to the bit. Written with Orbax, no pickles.

    checkpoints/
      index.json            what there is, with scores, and what the last save took: rewritten after every save
      500000/               one folder per checkpoint, called by its step; it appears whole or not at all
        checkpoint.json     step, score, metrics, config, model hash, bytes, shapes and dtypes, a CRC-32 of every file
                            and of itself
        state/              the arrays, an Orbax checkpoint any Orbax can read

A checkpoint is written under a hidden name and renamed when complete, so a killed run leaves the last one
intact. Bits lost later (a copy cut short) show in the CRC and are reported, never loaded.
"""

import dataclasses
import json
import logging
import math
import os
import shutil
import time
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np

from wildrobot_exp.checkpoint_card import SCHEMA, read_card, write_card
from wildrobot_exp.errors import RunFailed, UserError
from wildrobot_exp.json_files import write_json
from wildrobot_exp.leaves import LeafSpec, check_specs, named_leaves, rebuild, spec_of
from wildrobot_exp.orbax_arrays import read_arrays, write_arrays

_log = logging.getLogger(__name__)


class Checkpoints:
  """The checkpoints of one run folder. One writer at a time; any number of readers."""

  def __init__(self, run_dir: str | Path, keep: int = 3, model_hash: str | None = None,
               motion_hash: str | None = None):
    """`keep`: how many of the newest stay. The best one stays too, whatever its age.

    model_hash, motion_hash: of the robot's file and of the clips that motion.path names.
    """
    self.folder = Path(run_dir).absolute() / "checkpoints"
    self._keep = keep
    self._model_hash = model_hash
    self._motion_hash = motion_hash

  def steps(self) -> list[int]:
    """The steps at which there is a checkpoint, oldest first."""
    if not self.folder.is_dir():
      return []
    return sorted(int(entry.name) for entry in self.folder.iterdir() if entry.name.isdecimal())

  def best_step(self) -> int | None:
    """The step with the highest score (the later one of equals); None if no checkpoint has a score."""
    ranked = self._ranked()
    return ranked[0] if ranked else None

  def info(self, step: int) -> dict[str, Any]:
    """What checkpoint.json says: step, score, metrics, config, saved_at, model_hash, bytes (of its files), books,
    leaves. Raises UserError.
    """
    if step not in self.steps():
      raise UserError(f"no checkpoint at step {step} in {self.folder}: there is {self._known()}")
    card, damage = read_card(self.folder / str(step))
    if card is None:
      raise UserError(f"checkpoint {step} is damaged ({damage}): there is {self._known()}")
    if card["schema"] != SCHEMA:
      raise UserError(f"checkpoint {step} in {self.folder} has the schema {card['schema']}, and this version reads"
                      f" {SCHEMA}: use the version that wrote it (versions.json names it)")
    return card

  def check_model(self, step: int) -> None:
    """Raises UserError if the robot is another one than the one that was trained up to that step."""
    theirs = self.info(step).get("model_hash")
    if theirs is None or self._model_hash in (None, theirs):
      return
    raise UserError(f"the robot has changed since checkpoint {step} was written (wildrobot.xml was {theirs[:12]}, is"
                    f" {self._model_hash[:12]}): restore it, or accept that with resume_allow=[model]")

  def check_motion(self, step: int) -> None:
    """Raises UserError if the clips are others than those the run was trained with up to that step."""
    theirs = self.info(step)["motion_hash"]
    if theirs is not None and self._motion_hash not in (None, theirs):
      raise UserError(f"the clips of motion.path have changed since checkpoint {step} was written: restore them, or"
                      " accept that with resume_allow=[motion.path]")

  def save(self, step: int, state: Any, *, metrics: dict[str, float], config: dict[str, Any],
           score: float | None = None, books: dict[str, Any] | None = None) -> Path:
    """Writes `state` (a pytree of arrays and numbers) and returns its folder once it is complete.

    score: larger is better; None or NaN never makes the best. books: what else a resumed run has to know, for JSON.
    Raises RunFailed if the disk refuses.
    """
    started = time.monotonic()
    leaves = named_leaves(state)
    specs = {name: spec_of(name, leaf) for name, leaf in leaves.items()}
    card = {
      "schema": SCHEMA, "step": int(step), "score": _finite(score), "model_hash": self._model_hash,
      "motion_hash": self._motion_hash,
      "saved_at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
      "metrics": {name: _finite(value) for name, value in metrics.items()}, "config": config, "books": books or {},
      "leaves": {name: dataclasses.asdict(spec) for name, spec in specs.items()},
    }
    partial = self.folder / f".partial-{step}"
    try:
      self.folder.mkdir(parents=True, exist_ok=True)
      self._clear_hidden()
      write_arrays(partial / "state", {name: np.asarray(leaf) for name, leaf in leaves.items()})
      files = _files(partial)
      card["bytes"] = sum(path.stat().st_size for path in files)
      card["files"] = {path.relative_to(partial).as_posix(): _crc32(path) for path in files}
      write_card(partial, card)
      if damage := _damage(partial):
        raise OSError(damage)
      self._publish(partial, step)
      self._prune()
      self._write_index(saved={"step": step, "seconds": time.monotonic() - started})
    except (OSError, ValueError) as error:
      shutil.rmtree(partial, ignore_errors=True)
      reason = str(error).splitlines()[0]
      raise RunFailed(f"the checkpoint at step {step} could not be written ({reason}): "
                      f"there is {self._known()} in {self.folder}") from error
    return self.folder / str(step)

  def restore(self, which: int | Literal["latest", "best"], template: Any, *, part: bool = False) -> Any:
    """The state saved at a step, equal to the bit, in the structure of `template`.

    template: a state of the same structure, shapes and dtypes (or `jax.ShapeDtypeStruct`s); its numbers are
    not used. part: the template may lack leaves (None in their place), and they stay away. Raises UserError
    as `resolve` does, or naming the first leaf that differs from the template.
    """
    import jax

    step = self.resolve(which)
    saved = {name: LeafSpec(tuple(leaf["shape"]), leaf["dtype"], leaf["kind"])
             for name, leaf in self.info(step)["leaves"].items()}
    wanted = named_leaves(template)
    check_specs(saved, {name: spec_of(name, leaf) for name, leaf in wanted.items()}, part=part)
    arrays = self._arrays(step)
    leaves = [rebuild(arrays[name], saved[name], leaf) for name, leaf in wanted.items()]
    return jax.tree.unflatten(jax.tree.structure(template), leaves)

  def arrays(self, which: int | Literal["latest", "best"]) -> dict[str, np.ndarray]:
    """Every array of a checkpoint by the name of its leaf, as it was saved. Raises UserError as `resolve` does."""
    return self._arrays(self.resolve(which))

  def _arrays(self, step: int) -> dict[str, np.ndarray]:
    shapes = {name: (leaf["shape"], leaf["dtype"]) for name, leaf in self.info(step)["leaves"].items()}
    try:
      return read_arrays(self.folder / str(step) / "state", shapes)
    except ValueError as error:  # files that are whole, yet not what was written
      raise UserError(f"checkpoint {step} in {self.folder} is not what this program writes ({error})") from error

  def resolve(self, which: int | Literal["latest", "best"]) -> int:
    """The step that `which` stands for, its files checked.

    A damaged checkpoint gives a warning, and the next one back (or next best) is taken. Raises UserError
    if none is left, or if a step asked for by number is missing or damaged.
    """
    if isinstance(which, int):
      self.info(which)
      if damage := self.damage(which):
        raise UserError(f"checkpoint {which} is damaged ({damage}): there is {self._known()}")
      return which
    if not self.steps():
      raise UserError(f"no checkpoint in {self.folder}: the run stopped before its first one")
    candidates = self._ranked() if which == "best" else self.steps()[::-1]
    if not candidates:
      raise UserError(f"no checkpoint in {self.folder} has a score: name one ({self._known()}) or 'latest'")
    for step in candidates:
      damage = self.damage(step)
      if damage is None:
        return step
      _log.warning("checkpoint %d is damaged (%s): looking for another one", step, damage)
    raise UserError(f"every checkpoint in {self.folder} that could serve as {which!r} is damaged")

  def damage(self, step: int) -> str | None:
    """What is wrong with a checkpoint's files; None if nothing is."""
    return _damage(self.folder / str(step))

  def drop_beyond(self, step: int) -> None:
    """Remove what is later than a step that training goes on from: of a branch that was given up, or damaged.

    Raises RunFailed if the disk refuses.
    """
    later = [other for other in self.steps() if other > step]
    if not later:
      return
    try:
      self._remove(later)
      self._write_index()
    except OSError as error:
      raise RunFailed(f"the checkpoints after step {step} in {self.folder} could not be removed: {error}") from error

  def _known(self) -> str:
    return ", ".join(map(str, self.steps())) or "none"

  def _card(self, step: int) -> dict[str, Any] | None:
    return read_card(self.folder / str(step))[0]

  def _ranked(self) -> list[int]:
    """Steps with a score, best first."""
    cards = [card for step in self.steps() if (card := self._card(step)) and card["score"] is not None]
    cards.sort(key=lambda card: (card["score"], card["step"]), reverse=True)
    return [card["step"] for card in cards]

  def _publish(self, partial: Path, step: int) -> None:
    final = self.folder / str(step)
    if final.exists():
      os.rename(final, self.folder / f".replaced-{step}")
    os.rename(partial, final)

  def _prune(self) -> None:
    """Remove what is older than those kept. A damaged one is neither one of the newest nor the best."""
    damaged = {step: damage for step in self.steps() if (damage := self.damage(step)) is not None}
    for step, damage in damaged.items():
      _log.warning("checkpoint %d is damaged (%s): it does not count", step, damage)
    good = [step for step in self.steps() if step not in damaged]
    best = next((step for step in self._ranked() if step in good), None)
    kept = {*good[-self._keep:], best}
    self._remove([step for step in self.steps() if step not in kept and step < good[-1]])

  def _remove(self, steps: list[int]) -> None:
    for step in steps:
      os.rename(self.folder / str(step), self.folder / f".replaced-{step}")
    self._clear_hidden()

  def _clear_hidden(self) -> None:
    """Removes what a killed save left behind, and what has been replaced."""
    for pattern in (".partial-*", ".replaced-*"):
      for leftover in self.folder.glob(pattern):
        shutil.rmtree(leftover)

  def save_seconds(self, step: int) -> float | None:
    """What the last save took, as the index has it; None if that was another step's, or cannot be told."""
    try:
      saved = json.loads((self.folder / "index.json").read_text())["saved"]
      return float(saved["seconds"]) if saved["step"] == step else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
      return None

  def _write_index(self, saved: dict[str, float] | None = None) -> None:
    cards = [card for step in self.steps() if (card := self._card(step))]
    steps = [{key: card[key] for key in ("step", "score", "saved_at")} for card in cards]
    index = {"schema": 1, "latest": self.steps()[-1], "best": self.best_step(), "checkpoints": steps,
             "saved": saved}
    write_json(self.folder / "index.json", index)


def _damage(folder: Path) -> str | None:
  card, damage = read_card(folder)
  if card is None or card["schema"] != SCHEMA:
    return damage
  for name, crc in card["files"].items():
    if not (folder / name).is_file():
      return f"{name} is missing"
    try:
      if _crc32(folder / name) != crc:
        return f"{name} has changed since it was written"
    except OSError as error:
      return f"{name} cannot be read: {error.strerror}"
  return None


def _files(folder: Path) -> list[Path]:
  return sorted(path for path in folder.rglob("*") if path.is_file())


def _crc32(path: Path) -> int:
  crc = 0
  with path.open("rb") as file:
    while block := file.read(1 << 20):
      crc = zlib.crc32(block, crc)
  return crc


def _finite(value: float | None) -> float | None:
  """JSON has no NaN: what is not a finite number is stored as null."""
  return float(value) if value is not None and math.isfinite(value) else None
