"""The backend JAX really runs on is held against the chosen hardware."""

import os
import subprocess
import sys

import jax
import pytest

from wildrobot_exp.config.compose import load
from wildrobot_exp.config.devices import ANY_MACHINE, check_devices, probe_devices, set_platform
from wildrobot_exp.errors import UserError

CHECKED = """
from wildrobot_exp.config.compose import load
from wildrobot_exp.config.devices import check_devices
from wildrobot_exp.errors import UserError
try:
  check_devices(load())
except UserError as error:
  print(error)
"""


@pytest.mark.parametrize("hardware, backend", [("gpu", "cpu"), ("cpu", "gpu")])
def test_jax_on_another_backend_than_chosen_is_refused(monkeypatch, hardware: str, backend: str):
  cfg = load([f"hardware={hardware}"], probe=False)
  monkeypatch.setattr(jax, "default_backend", lambda: backend)
  with pytest.raises(UserError, match=f"runs on {backend} .*use hardware={backend}"):
    check_devices(cfg)


def test_a_platform_that_jax_cannot_start_is_the_user_s_error_in_one_line(monkeypatch):
  def refuse() -> str:
    raise RuntimeError("Unable to initialize backend 'cuda':\n  no device")

  monkeypatch.setattr(jax, "default_backend", refuse)
  monkeypatch.setenv("JAX_PLATFORMS", "cuda")
  said = r"JAX_PLATFORMS=cuda \(Unable.*'cuda': no device\): unset JAX_PLATFORMS"
  with pytest.raises(UserError, match=said) as error:
    check_devices(load(probe=False))
  assert "\n" not in str(error.value)


def test_what_is_offered_without_a_gpu_keeps_the_networks_of_a_policy_that_was_trained_on_one(monkeypatch):
  monkeypatch.setattr("glob.glob", lambda pattern: [])
  monkeypatch.delenv("JAX_PLATFORMS", raising=False)
  trained = load(["hardware=gpu"], probe=False)
  with pytest.raises(UserError, match="use hardware.platform=cpu physics=native$"):
    probe_devices(trained, " ".join(ANY_MACHINE))
  here = load(["hardware=gpu", *ANY_MACHINE])
  assert here.algo.policy_hidden == trained.algo.policy_hidden != load().algo.policy_hidden


def test_the_chosen_backend_is_accepted(monkeypatch):
  monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
  check_devices(load())


@pytest.mark.parametrize("platform", ["cuda", "abacus"])
def test_a_platform_that_is_not_installed_is_the_user_s_error(platform: str):
  environment = os.environ | {"JAX_PLATFORMS": platform}
  done = subprocess.run([sys.executable, "-c", CHECKED], capture_output=True, text=True, env=environment)
  assert done.returncode == 0, done.stderr
  assert f"JAX_PLATFORMS={platform}" in done.stdout and done.stdout.count("\n") == 1


@pytest.mark.parametrize(
  ("overrides", "asked", "flag"),
  [
    ([], False, False),
    (["physics=mjx"], False, True),
    (["evaluation.worlds.enabled=true"], False, True),
    (["evaluation.worlds.enabled=true", "evaluation.worlds.sim2sim=false"], False, False),
    ([], True, True),
  ],
)
def test_mjx_on_a_cpu_has_the_flag_without_which_it_can_wait_for_ever(monkeypatch, overrides, asked: bool, flag: bool):
  for name in ("JAX_PLATFORMS", "JAX_CPU_ENABLE_ASYNC_DISPATCH"):
    monkeypatch.setenv(name, os.environ.get(name, "cpu"))
  monkeypatch.setenv("XLA_FLAGS", "--xla_other")
  monkeypatch.delitem(sys.modules, "jax")
  set_platform(load(["algo=ppo", *overrides]), mjx=asked)
  assert os.environ["XLA_FLAGS"].startswith("--xla_other")
  assert ("concurrency_optimized_scheduler=false" in os.environ["XLA_FLAGS"]) == flag


def test_cpu_hardware_keeps_jax_off_a_gpu(monkeypatch):
  monkeypatch.delenv("JAX_PLATFORMS", raising=False)
  monkeypatch.delitem(sys.modules, "jax")
  set_platform(load())
  assert os.environ["JAX_PLATFORMS"] == "cpu"
  monkeypatch.setenv("JAX_PLATFORMS", "cuda")
  set_platform(load(probe=False))
  assert os.environ["JAX_PLATFORMS"] == "cuda"
