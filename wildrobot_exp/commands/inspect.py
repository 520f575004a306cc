"""`wildrobot inspect RUN`: what is in a checkpoint."""

import argparse
from pathlib import Path

from wildrobot_exp.checkpoints import Checkpoints
from wildrobot_exp.commands.checkpoint import add_checkpoint, chosen
from wildrobot_exp.errors import UserError
from wildrobot_exp.run_config import chosen_step

_SHOWN = ("learner/params", "normaliser", "amp/params", "amp/mean", "amp/std")  # the rest is optimiser and episodes
_BRAX = {"0/": "normaliser/", "1/": "learner/params/policy/"}  # what Brax's trainer hands back is a tuple of these two


def add_parser(commands: argparse._SubParsersAction) -> None:
  """Register the command."""
  parser = commands.add_parser("inspect", help="what is in a checkpoint: steps, parameters, normaliser, config")
  parser.add_argument("path", type=Path, metavar="RUN", help="a run folder, or one of its checkpoints")
  add_checkpoint(parser)
  parser.add_argument("--all", action="store_true", help="also optimiser moments, replay and episodes")
  parser.set_defaults(run=inspect)


def inspect(args: argparse.Namespace) -> int:
  """Print the checkpoint."""
  import numpy as np
  import yaml

  from wildrobot_exp.incidents import describe, incident_files, read_incident

  folder, which = _place(args.path, args.checkpoint)
  checkpoints = Checkpoints(folder)
  step = chosen_step(folder, which)
  card = checkpoints.info(step)
  brax = (card["config"].get("algo") or {}).get("name") == "brax_ppo"
  arrays = {_our_name(name) if brax else name: array for name, array in checkpoints.arrays(step).items()}
  shown = {name: array for name, array in arrays.items() if args.all or name.startswith(_SHOWN)}
  width = max(map(len, shown), default=0)
  print(f"checkpoint {step}{_called(step, checkpoints)} of {folder}, saved {card['saved_at']}, score {card['score']}")
  print(f"checkpoints here: {', '.join(map(str, checkpoints.steps()))}; best {checkpoints.best_step()}")
  if "bytes" in card:
    print(f"{card['bytes'] / 1e6:.1f} MB on disk; robot {(card['model_hash'] or 'not noted')[:12]}")
  for name, array in shown.items():
    norm = float(np.linalg.norm(array.astype(np.float64)))
    print(f"{name:{width}}  {str(list(array.shape)):12} {array.dtype!s:8} norm {norm:.4g}")
  parameters = sum(array.size for name, array in arrays.items() if name.startswith(("learner/params", "amp/params")))
  size = sum(array.nbytes for array in arrays.values())
  print(f"{parameters:,} parameters; {len(arrays)} arrays, {size / 1e6:.1f} MB; {len(arrays) - len(shown)} not shown")
  for name, value in sorted(card["metrics"].items()):
    print(f"  {name} = {value}")
  for number in range(len(incident_files(folder))):
    print(describe(number, read_incident(folder, number)))
  print(yaml.safe_dump(card["config"], sort_keys=False).rstrip())
  return 0


def _our_name(name: str) -> str:
  """A leaf of algo=brax_ppo by the name that it has in the other algorithms."""
  return next((ours + name.removeprefix(theirs) for theirs, ours in _BRAX.items() if name.startswith(theirs)), name)


def _place(path: Path, typed: str) -> tuple[Path, int | str]:
  """The run folder and which checkpoint of it: a step as the last part of the path names one."""
  if path.parent.name == "checkpoints" and path.name.isdecimal():
    if typed not in ("best", path.name):
      raise UserError(f"{path} is one checkpoint already: leave out --checkpoint")
    return path.parent.parent, int(path.name)
  return path, chosen(typed)


def _called(step: int, checkpoints: Checkpoints) -> str:
  """" (the best)" and the like, where a checkpoint is more than one of many."""
  names = {"best": checkpoints.best_step(), "latest": checkpoints.steps()[-1]}
  found = " and ".join(name for name, its in names.items() if its == step)
  return f" (the {found})" if found else ""
