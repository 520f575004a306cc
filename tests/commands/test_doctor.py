"""A verdict per check, non-zero where something needed is missing, one line where the hardware is not there."""

import pytest

from wildrobot_exp.commands import doctor, doctor_speed
from wildrobot_exp.commands.main import main

FINE = ("_versions", "_arrays", "_jit", "_brax", "_rendering", "_tensorboard", "_wandb", "_disk")


def fail(*_) -> str:
  raise doctor.NotReady("broken: mend it")


@pytest.fixture
def healthy(monkeypatch):
  for name in FINE:
    monkeypatch.setattr(doctor, name, lambda: "fine")
  for name in ("_physics", "_hardware", "_memory"):
    monkeypatch.setattr(doctor, name, lambda what: "fine")


@pytest.mark.parametrize("name", ["versions", "hardware", "arrays", "jit", "brax", "memory", "tensorboard", "disk"])
def test_something_needed_that_is_missing_is_a_no(healthy, monkeypatch, capsys, name):
  monkeypatch.setattr(doctor, f"_{name}", fail)
  assert not doctor.examine("cpu", quick=True)
  out = capsys.readouterr().out
  assert f"NO  {name:15} broken: mend it" in out and "not ready" in out


def test_a_machine_without_rendering_is_ready_all_the_same(healthy, monkeypatch, capsys):
  monkeypatch.setattr(doctor, "_rendering", fail)
  assert doctor.examine("cpu", quick=True)
  assert "no  rendering       broken: mend it" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["hardware", "memory"])
def test_a_device_that_fails_is_a_no_and_the_other_checks_go_on(healthy, monkeypatch, capsys, name):
  def refuse(_) -> str:
    raise RuntimeError("RESOURCE_EXHAUSTED: out of memory\nwhile allocating")

  monkeypatch.setattr(doctor, f"_{name}", refuse)
  assert not doctor.examine("cpu", quick=True)
  out = capsys.readouterr().out
  assert f"NO  {name:15} RESOURCE_EXHAUSTED: out of memory while allocating\n" in out
  assert "disk            fine" in out and out.endswith("not ready: see the lines marked NO\n")


def test_the_throughput_is_a_table(healthy, monkeypatch, capsys):
  monkeypatch.setattr(doctor, "BATCHES", {"cpu": {"native": (2, 4)}})
  monkeypatch.setattr(doctor_speed, "MEASURED_SECONDS", 0.05)
  assert doctor.examine("cpu")
  lines = capsys.readouterr().out.splitlines()
  assert [line.split()[:2] for line in lines[-3:-1]] == [["native", "2"], ["native", "4"]]
  assert all(float(line.split()[2].replace(",", "")) > 10 for line in lines[-3:-1])


@pytest.mark.parametrize("hardware", ["cpu", "gpu"])
def test_both_engines_are_measured_at_several_sizes_on_either_hardware(hardware):
  assert doctor_speed.BATCHES[hardware].keys() == {"native", "mjx"}
  assert all(len(set(sizes)) > 1 for sizes in doctor_speed.BATCHES[hardware].values())


@pytest.mark.parametrize(("hardware", "steps"), [("cpu", ["native"]), ("gpu", ["native", "mjx"])])
def test_a_quick_look_steps_the_engine_that_trains_there(healthy, monkeypatch, capsys, hardware, steps):
  stepped = []
  monkeypatch.setattr(doctor, "_physics", lambda engine: stepped.append(engine) or "fine")
  assert doctor.examine(hardware, quick=True) and stepped == steps
  assert ("mjx physics" in capsys.readouterr().out) == (hardware == "gpu")


def test_an_mjx_that_does_not_step_on_the_gpu_is_a_no(healthy, monkeypatch):
  monkeypatch.setattr(doctor, "_physics", lambda engine: "fine" if engine == "native" else fail())
  assert not doctor.examine("gpu", quick=True)


def test_tensorboard_reads_what_is_logged():
  assert "reads what is logged" in doctor._tensorboard()


def test_the_native_engine_holds_the_robot_up():
  assert "stands" in doctor._physics("native")


def test_a_robot_that_does_not_stand_is_a_no(monkeypatch):
  monkeypatch.setattr(doctor, "STANDING", (0.6, 0.7))
  with pytest.raises(doctor.NotReady, match="does not stand"):
    doctor._physics("native")


def test_arrays_and_jit_work_here():
  assert "agrees with NumPy" in doctor._arrays()
  assert "times faster" in doctor._jit()


def test_brax_takes_the_env():
  assert "training wrappers" in doctor._brax()


def test_too_little_memory_is_a_no(monkeypatch):
  monkeypatch.setattr(doctor, "LEAST_MEMORY_GB", 1e6)
  with pytest.raises(doctor.NotReady, match="num_envs"):
    doctor._memory("cpu")


def test_optional_packages_are_named_with_how_to_get_them(monkeypatch):
  monkeypatch.setattr(doctor, "OPTIONAL", {"numpy": "export", "no-such-package": "ray"})
  line = doctor._optional()
  assert "numpy " in line and "no-such-package is not installed (pip install -e '.[ray]')" in line


def test_a_gpu_that_is_not_there_is_one_line(monkeypatch, capsys):
  monkeypatch.setattr("glob.glob", lambda pattern: [])
  monkeypatch.delenv("JAX_PLATFORMS", raising=False)
  assert main(["doctor", "--hardware", "gpu"]) == 2
  captured = capsys.readouterr()
  assert captured.out == "" and captured.err.count("\n") == 1 and "no GPU was found" in captured.err
