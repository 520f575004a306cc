"""Which configs are the same experiment."""

import dataclasses
import hashlib
import json

from wildrobot_exp.config.schema import Config

NOT_THE_EXPERIMENT = ("resume", "resume_allow", "sweep", "dry_run")  # keys of the config that steer the start only


def config_hash(config: Config) -> str:
  """The same for equal experiments: of every resolved value but those that only steer the start."""
  values = {key: value for key, value in dataclasses.asdict(config).items() if key not in NOT_THE_EXPERIMENT}
  return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
