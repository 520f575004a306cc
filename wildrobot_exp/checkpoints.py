"""Checkpoints of a run: save, list, restore to the bit. Written with Orbax, no pickles.

    checkpoints/
      index.json            what there is, with scores: rewritten after every save
      500000/               one folder per checkpoint, called by its step; it appears whole or not at all
        checkpoint.json     step, score, metrics, config, shapes and dtypes, a CRC-32 of every file
        state/              the arrays, an Orbax checkpoint any Orbax can read

A checkpoint is written under a hidden name and renamed when complete, so a killed run leaves the last one
intact. Bits lost later (a copy cut short) show in the CRC and are reported, never loaded.
"""

import dataclasses
import functools
import json
import logging
import math
import os
import shutil
import time
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from wildrobot_exp.errors import RunFailed, UserError
from wildrobot_exp.json_files import write_json
from wildrobot_exp.leaves import LeafSpec, check_specs, named_leaves, rebuild, spec_of

_log = logging.getLogger(__name__)
_CARD = "checkpoint.json"


class Checkpoints:
  """The checkpoints of one run folder. One writer at a time; any number of readers."""

  def __init__(self, run_dir: str | Path, keep: int = 3):
    """`keep`: how many of the newest stay. The best one stays too, whatever its age."""
    self.folder = Path(run_dir).absolute() / "checkpoints"
    self._keep = keep

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
    """What checkpoint.json says: step, score, metrics, config, saved_at, leaves. Raises UserError."""
    if step not in self.steps():
      raise UserError(f"no checkpoint at step {step} in {self.folder}: there is {self._known()}")
    card = self._card(step)
    if card is None:
      raise UserError(f"checkpoint {step} is damaged ({_CARD} cannot be read): there is {self._known()}")
    return card

  def save(self, step: int, state: Any, *, metrics: dict[str, float], config: dict[str, Any],
           score: float | None = None) -> Path:
    """Writes `state` (a pytree of arrays and numbers) and returns its folder once it is complete.

    score: larger is better; None or NaN never makes the best. Raises RunFailed if the disk refuses.
    """
    leaves = named_leaves(state)
    specs = {name: spec_of(name, leaf) for name, leaf in leaves.items()}
    keys = _keys(leaves)
    arrays = {keys[name]: np.asarray(leaf) for name, leaf in leaves.items() if 0 not in specs[name].shape}
    card = {
      "schema": 1, "step": int(step), "score": _finite(score),
      "saved_at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
      "metrics": {name: _finite(value) for name, value in metrics.items()}, "config": config,
      "leaves": {name: dataclasses.asdict(spec) for name, spec in specs.items()},
    }
    partial = self.folder / f".partial-{step}"
    try:
      self.folder.mkdir(parents=True, exist_ok=True)
      self._clear_hidden()
      _orbax().save(partial / "state", args=_args().StandardSave(arrays))
      card["files"] = {path.relative_to(partial).as_posix(): _crc32(path) for path in _files(partial)}
      write_json(partial / _CARD, card)
      self._publish(partial, step)
      self._prune()
      self._write_index()
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
    leaves = self.info(step)["leaves"]
    stored = _orbax().restore(self.folder / str(step) / "state", args=_args().StandardRestore())
    keys = _keys(leaves)
    found = {}
    for name, leaf in leaves.items():  # Orbax stores no array without elements
      found[name] = np.empty(leaf["shape"], np.dtype(leaf["dtype"])) if 0 in leaf["shape"] else stored[keys[name]]
    return found

  def resolve(self, which: int | Literal["latest", "best"]) -> int:
    """The step that `which` stands for, its files checked.

    A damaged checkpoint gives a warning, and the next one back (or next best) is taken. Raises UserError
    if none is left, or if a step asked for by number is missing or damaged.
    """
    if isinstance(which, int):
      self.info(which)
      if damage := self._damage(which):
        raise UserError(f"checkpoint {which} is damaged ({damage}): there is {self._known()}")
      return which
    if not self.steps():
      raise UserError(f"no checkpoint in {self.folder}: the run stopped before its first one")
    candidates = self._ranked() if which == "best" else self.steps()[::-1]
    if not candidates:
      raise UserError(f"no checkpoint in {self.folder} has a score: name one ({self._known()}) or 'latest'")
    for step in candidates:
      damage = self._damage(step)
      if damage is None:
        return step
      _log.warning("checkpoint %d is damaged (%s): looking for another one", step, damage)
    raise UserError(f"every checkpoint in {self.folder} that could serve as {which!r} is damaged")

  def _known(self) -> str:
    return ", ".join(map(str, self.steps())) or "none"

  def _card(self, step: int) -> dict[str, Any] | None:
    try:
      return json.loads((self.folder / str(step) / _CARD).read_text())
    except (OSError, ValueError):
      return None

  def _ranked(self) -> list[int]:
    """Steps with a score, best first."""
    cards = [card for step in self.steps() if (card := self._card(step)) and card["score"] is not None]
    cards.sort(key=lambda card: (card["score"], card["step"]), reverse=True)
    return [card["step"] for card in cards]

  def _damage(self, step: int) -> str | None:
    """What is wrong with a checkpoint's files; None if nothing is."""
    card = self._card(step)
    if card is None:
      return f"{_CARD} cannot be read"
    for name, crc in card["files"].items():
      path = self.folder / str(step) / name
      if not path.is_file():
        return f"{name} is missing"
      if _crc32(path) != crc:
        return f"{name} has changed since it was written"
    return None

  def _publish(self, partial: Path, step: int) -> None:
    final = self.folder / str(step)
    if final.exists():
      os.rename(final, self.folder / f".replaced-{step}")
    os.rename(partial, final)

  def _prune(self) -> None:
    steps = self.steps()
    for step in set(steps) - set(steps[-self._keep:]) - {self.best_step()}:
      os.rename(self.folder / str(step), self.folder / f".replaced-{step}")
    self._clear_hidden()

  def _clear_hidden(self) -> None:
    """Removes what a killed save left behind, and what has been replaced."""
    for pattern in (".partial-*", ".replaced-*"):
      for leftover in self.folder.glob(pattern):
        shutil.rmtree(leftover)

  def _write_index(self) -> None:
    cards = [card for step in self.steps() if (card := self._card(step))]
    steps = [{key: card[key] for key in ("step", "score", "saved_at")} for card in cards]
    index = {"schema": 1, "latest": self.steps()[-1], "best": self.best_step(), "checkpoints": steps}
    write_json(self.folder / "index.json", index)


@functools.cache
def _orbax() -> Any:
  """The Orbax checkpointer; imported at first use because it takes a second."""
  import orbax.checkpoint as ocp

  return ocp.Checkpointer(ocp.StandardCheckpointHandler())


def _args() -> Any:
  import orbax.checkpoint as ocp

  return ocp.args


def _keys(names: Iterable[str]) -> dict[str, str]:
  """Orbax's key of every leaf: its number and name, `0012.policy.params.hidden_0.kernel`."""
  return {name: f"{number:04d}.{name.replace('/', '.')}" for number, name in enumerate(names)}


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
