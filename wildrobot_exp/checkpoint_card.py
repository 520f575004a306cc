"""checkpoint.json, the card of a checkpoint: what is in it, sealed so that a bit that flips is noticed."""

import json
import zlib
from pathlib import Path
from typing import Any

from wildrobot_exp.json_files import write_json

CARD = "checkpoint.json"
SCHEMA = 1
_SEAL = "crc"  # CRC-32 of everything else; cards were without it once
_TYPES: dict[str, type | tuple[type, ...]] = {
  "schema": int,
  "step": int,
  "score": (int, float, type(None)),
  "model_hash": (str, type(None)),
  "motion_hash": (str, type(None)),
  "saved_at": str,
  "metrics": dict,
  "config": dict,
  "books": dict,
  "bytes": int,
  "files": dict,
  "leaves": dict,
}
_NEEDED = {"schema", "step", "score", "files", "leaves"}
_LEAF: dict[str, type] = {"shape": list, "dtype": str, "kind": str}


def write_card(folder: Path, card: dict[str, Any]) -> None:
  """Write the card of the checkpoint in a folder. Raises OSError, or ValueError for what JSON does not have."""
  write_json(folder / CARD, card | {_SEAL: _crc(card)})


def read_card(folder: Path) -> tuple[dict[str, Any] | None, str | None]:
  """The card of the checkpoint in a folder, and what is wrong with it.

  Returns:
    The card without its seal, None if it cannot be used; and the damage in words, None if there is none. A card of
    another schema is not looked into.
  """
  try:
    card = json.loads((folder / CARD).read_text())
  except (OSError, ValueError, RecursionError):
    return None, f"{CARD} cannot be read"
  if not isinstance(card, dict) or not card.keys() >= _NEEDED:
    return None, f"{CARD} cannot be read"
  seal = card.pop(_SEAL, None)
  if type(card["schema"]) is int and card["schema"] != SCHEMA:
    return card, None
  wrong = next((key for key, kind in _TYPES.items() if key in card and not _is(card[key], kind)), None)
  if wrong is None and not all(map(_is_leaf, card["leaves"].values())):
    wrong = "leaves"
  if wrong is None and not all(type(crc) is int for crc in card["files"].values()):
    wrong = "files"
  if wrong is not None:
    return None, f"{CARD}: {wrong} is not what belongs there"
  if seal is not None and seal != _crc(card):
    return None, f"{CARD} has changed since it was written"
  if folder.name.isdecimal() and card["step"] != int(folder.name):
    return None, f"it is the checkpoint of step {card['step']}"
  absent = {"metrics": {}, "config": {}, "books": {}, "saved_at": "", "model_hash": None, "motion_hash": None}
  return absent | card, None


def _crc(card: dict[str, Any]) -> int:
  plain = json.loads(json.dumps(card, allow_nan=False))  # as it will be read: all keys are text
  return zlib.crc32(json.dumps(plain, sort_keys=True).encode())


def _is(value: Any, kind: type | tuple[type, ...]) -> bool:
  return isinstance(value, kind) and not isinstance(value, bool)


def _is_leaf(leaf: Any) -> bool:
  if not isinstance(leaf, dict) or not all(isinstance(leaf.get(key), kind) for key, kind in _LEAF.items()):
    return False
  return leaf.keys() == _LEAF.keys() and all(type(size) is int and size >= 0 for size in leaf["shape"])
