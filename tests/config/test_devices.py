"""The backend JAX really runs on is held against the chosen hardware."""

import os
import sys

import jax
import pytest

from wildrobot_exp.config.compose import load
from wildrobot_exp.config.devices import check_devices, set_platform
from wildrobot_exp.errors import UserError


@pytest.mark.parametrize("hardware, backend", [("gpu", "cpu"), ("cpu", "gpu")])
def test_jax_on_another_backend_than_chosen_is_refused(monkeypatch, hardware: str, backend: str):
  cfg = load([f"hardware={hardware}"], probe=False)
  monkeypatch.setattr(jax, "default_backend", lambda: backend)
  with pytest.raises(UserError, match=f"runs on {backend} .*use hardware={backend}"):
    check_devices(cfg)


def test_the_chosen_backend_is_accepted(monkeypatch):
  monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
  check_devices(load())


def test_cpu_hardware_keeps_jax_off_a_gpu(monkeypatch):
  monkeypatch.delenv("JAX_PLATFORMS", raising=False)
  monkeypatch.delitem(sys.modules, "jax")
  set_platform(load())
  assert os.environ["JAX_PLATFORMS"] == "cpu"
  monkeypatch.setenv("JAX_PLATFORMS", "cuda")
  set_platform(load())
  assert os.environ["JAX_PLATFORMS"] == "cuda"
