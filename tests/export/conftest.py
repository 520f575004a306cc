"""What the export tests share: a tiny policy that sees every observation there is, exported once."""

import json

import pytest
from tiny_policy import EVERY_OBSERVATION, make_tiny_policy

from wildrobot_exp.export.bundle import export_policy


@pytest.fixture(scope="session")
def tiny():
  return make_tiny_policy(*EVERY_OBSERVATION)


@pytest.fixture(scope="session")
def exported(tiny, tmp_path_factory):
  """The folder of the tiny policy's export."""
  out = tmp_path_factory.mktemp("export")
  facts = {"run": "tiny", "checkpoint_step": 64}
  export_policy(
    out,
    tiny.cfg,
    tiny.env,
    tiny.networks,
    tiny.params,
    facts=facts,
    evaluation=None,
    observations=40,
  )
  return out


@pytest.fixture(scope="session")
def contract(exported):
  """The content of its policy.json."""
  return json.loads((exported / "policy.json").read_text())
