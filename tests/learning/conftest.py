"""What the learning tests share: one small job per algorithm, compiled once."""

import pytest
from tiny_job import TINY_AMP, Job, make_job


@pytest.fixture(scope="session")
def ppo() -> Job:
  return make_job("algo=ppo")


@pytest.fixture(scope="session")
def ppo_amp() -> Job:
  return make_job("algo=ppo_amp", *TINY_AMP)


@pytest.fixture(params=["ppo", "ppo_amp"])
def job(request) -> Job:
  return request.getfixturevalue(request.param)
