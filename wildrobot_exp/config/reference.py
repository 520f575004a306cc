"""What a key of the config means: from the comments in conf/, the schema, the ranges and the composed default."""

import dataclasses
import pathlib
import re
from collections.abc import Iterable

from omegaconf import DictConfig, OmegaConf

from wildrobot_exp.config.hydra_keys import KEYS
from wildrobot_exp.config.keys import OPEN, TYPES, describe, is_known, unknown_key, unwrap
from wildrobot_exp.config.launcher import LAUNCHERS
from wildrobot_exp.config.launcher import TYPES as TYPES_OF_LAUNCHERS
from wildrobot_exp.config.metrics import METRICS
from wildrobot_exp.config.ranges import allowed
from wildrobot_exp.config.term_names import OBSERVATIONS, REWARDS, TERMINATIONS
from wildrobot_exp.errors import unknown_name

_LINE = re.compile(r"^(?P<indent> *)(?P<key>[\w.]+):(?P<value>[^#]*?)(?:\s*#\s*(?P<comment>.*))?$")
_NAMES = {  # sections whose keys are names of registered things
  "reward.terms": ("reward terms", REWARDS),
  "env.terminations": ("terminations", TERMINATIONS),
  "env.observations.policy": ("observations", OBSERVATIONS),
  "env.observations.privileged": ("observations", OBSERVATIONS),
}
FREE: dict[str, dict[str, Iterable[str]]] = {  # section: its names, and the parameters of each
  "reward.terms": {name: {"weight", *parameters} for name, parameters in REWARDS.items()},
  "env.terminations": {name: set(parameters) for name, parameters in TERMINATIONS.items()},
  "gates": {name: {"min", "max"} for name in METRICS},
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
  if ("/" in key or key == "experiment") and (options := option_lines(key, conf_dir)):
    return options
  if key.startswith("hydra"):
    return explain_hydra_key(key, conf_dir)
  if not is_known(key):
    raise unknown_key(key, ("experiment",))
  _check_names(key)
  places = settings(key, conf_dir)
  if not places and key not in TYPES:  # a parameter of a term: its line stands in braces beside the term
    places = settings(key.rpartition(".")[0], conf_dir)
  meanings = list(dict.fromkeys(place.comment for place in places if place.comment))
  value = OmegaConf.select(cfg, key)
  lines = [key, *(f"  meaning   {meaning}" for meaning in meanings)]
  if key in TYPES or key.rpartition(".")[0] not in OPEN:
    lines.append(f"  type      {describe(TYPES.get(key, float))}")
  if words := allowed(key) or _term_range(key):
    lines.append(f"  allowed   {words}")
  for section, (what, known) in _NAMES.items():
    if key == section:
      lines.append(f"  known     {what}: {', '.join(known)}")
  if not OmegaConf.is_dict(value):
    lines.append(f"  value     {'absent here' if value is None else value}")
  return lines + [_set_in(place) for place in places]


def option_lines(group: str, conf_dir: pathlib.Path) -> list[str]:
  """A config group (`amp/loss`, `experiment`) and its options; [] where there is no such group in conf/."""
  files = sorted((conf_dir / group).glob("*.yaml")) if group and not group.startswith((".", "/")) else []
  if not files:
    return []
  lines = [group, f"  choose    {group}=OPTION"]
  for path in files:
    comments = [line[1:].strip() for line in path.read_text().splitlines() if line.startswith("#")]
    about = next((comment for comment in comments if not comment.startswith("@package")), "")
    lines.append(f"  {path.stem:9} {about}")
  return lines


def explain_hydra_key(key: str, conf_dir: pathlib.Path) -> list[str]:
  """The same for a key of Hydra's own section that can be set here.

  Raises:
    UserError: no such key.
  """
  if key == "hydra/launcher":
    return [key, f"  options   {', '.join([*LAUNCHERS, 'basic'])}"]
  section, _, name = key.rpartition(".")
  if section == "hydra.launcher":
    confs = {launcher: conf for launcher, conf in LAUNCHERS.items() if name in conf.__dataclass_fields__}
    if not confs or name.startswith("_"):
      raise unknown_name("key in hydra.launcher", name, [known for known in TYPES_OF_LAUNCHERS if known[0] != "_"])
    lines = [key, *(f"  meaning   {about}" for about in _attribute(name, confs.values()))]
    lines.append(f"  type      {describe(unwrap(TYPES_OF_LAUNCHERS[name]))}")
    for launcher, conf in confs.items():
      default = conf.__dataclass_fields__[name].default
      lines.append(f"  default   {'' if default is dataclasses.MISSING else default} with hydra/launcher={launcher}")
    return lines
  places = settings(key, conf_dir)
  if not places or key not in KEYS:
    raise unknown_name("key of Hydra's", key, [*KEYS, "hydra.launcher.n_jobs"])
  return [key, f"  meaning   {places[0].comment}", "  type      a word", *map(_set_in, places)]


def _attribute(name: str, confs: Iterable[type]) -> list[str]:
  """What the first docstring that knows it says about an attribute."""
  for conf in confs:
    found = re.search(rf"^    (?:\w+, )*{name}(?:, \w+)*: (.*)$", conf.__doc__ or "", re.MULTILINE)
    if found:
      return [found[1]]
  return []


def _set_in(place: Setting) -> str:
  return f"  set in    {place.file}:{place.line}{f'  ({place.value})' if place.value else ''}"


def _check_names(key: str) -> None:
  """Refuse what no section of free names can hold."""
  for section, names in FREE.items():
    if not key.startswith(f"{section}."):
      continue
    name, _, parameter = key.removeprefix(f"{section}.").partition(".")
    if name not in names:
      raise unknown_name(f"name in {section}", name, names)
    if parameter and parameter not in names[name]:
      raise unknown_name(f"parameter of {section}.{name}", parameter, names[name])


def _term_range(key: str) -> str:
  section, _, parameter = key.rpartition(".")
  if section.rpartition(".")[0] != "reward.terms":
    return ""
  return "0 or greater" if parameter == "weight" else "greater than 0"


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
