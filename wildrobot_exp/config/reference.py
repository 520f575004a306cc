"""What a key of the config means: from the comments in conf/, the schema, the ranges and the composed default."""

import dataclasses
import pathlib
import re

from omegaconf import DictConfig, OmegaConf

from wildrobot_exp.config.keys import TYPES, describe, is_known, unknown_key
from wildrobot_exp.config.ranges import allowed
from wildrobot_exp.config.term_names import OBSERVATIONS, REWARDS, TERMINATIONS

_LINE = re.compile(r"^(?P<indent> *)(?P<key>[\w.]+):(?P<value>[^#]*?)(?:\s*#\s*(?P<comment>.*))?$")
_NAMES = {  # sections whose keys are names of registered things
  "reward.terms": ("reward terms", REWARDS),
  "env.terminations": ("terminations", TERMINATIONS),
  "env.observations.policy": ("observations", OBSERVATIONS),
  "env.observations.privileged": ("observations", OBSERVATIONS),
}


@dataclasses.dataclass(frozen=True)
class Setting:
  """Where a file of conf/ sets a key.

  Attributes:
    file: relative to the folder of conf/.
    line: from 1.
    value: as written there; empty for a section.
    comment: what it says about the key.
  """

  file: pathlib.Path
  line: int
  value: str
  comment: str


def settings(key: str, conf_dir: pathlib.Path) -> list[Setting]:
  """Every place in conf/ that sets a dotted key, files in order of their names."""
  found = []
  for path in sorted(conf_dir.rglob("*.yaml")):
    group = path.parent.relative_to(conf_dir)
    prefix = "" if group.name in ("", "experiment") else ".".join(group.parts) + "."
    if path.parent.name == "amp":
      prefix = "amp."
    found += [
      Setting(path.relative_to(conf_dir.parent), number, value, comment)
      for number, name, value, comment in _keys(path.read_text())
      if prefix + name == key
    ]
  return found


def explain_key(key: str, cfg: DictConfig, conf_dir: pathlib.Path) -> list[str]:
  """Lines that say what a key means, what it may be, what it is and who says so.

  Args:
    key: dotted, `amp.weight`.
    cfg: a composed config, for the value.
    conf_dir: the folder with config.yaml.

  Raises:
    UserError: no such key; the nearest one is named.
  """
  if not is_known(key):
    raise unknown_key(key)
  places = settings(key, conf_dir)
  if not places and key not in TYPES:  # a parameter of a term: its line stands in braces beside the term
    places = settings(key.rpartition(".")[0], conf_dir)
  meanings = list(dict.fromkeys(place.comment for place in places if place.comment))
  value = OmegaConf.select(cfg, key)
  lines = [key, *(f"  meaning   {meaning}" for meaning in meanings)]
  if key in TYPES:
    lines.append(f"  type      {describe(TYPES[key])}")
  if words := allowed(key):
    lines.append(f"  allowed   {words}")
  for section, (what, known) in _NAMES.items():
    if key == section:
      lines.append(f"  known     {what}: {', '.join(known)}")
  if not OmegaConf.is_dict(value):
    lines.append(f"  value     {'absent here' if value is None else value}")
  lines += [f"  set in    {place.file}:{place.line}{f'  ({place.value})' if place.value else ''}" for place in places]
  return lines


def _keys(text: str) -> list[tuple[int, str, str, str]]:
  """(line, dotted key, value, comment) of every key of a YAML file of conf/, `defaults` left out."""
  found, path = [], []
  for number, line in enumerate(text.splitlines(), 1):
    match = _LINE.match(line)
    if match is None:
      continue
    depth = len(match["indent"]) // 2
    path = [*path[:depth], match["key"]]
    if path[0] != "defaults":
      found.append((number, ".".join(path), match["value"].strip(), match["comment"] or ""))
  return found
