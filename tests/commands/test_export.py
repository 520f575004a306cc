"""wildrobot export: files and numbers for a run of any algorithm; one line and the right exit code otherwise."""

import importlib.util
import json
import shutil
import subprocess
import sys

import pytest
from untrained_run import make_run

from wildrobot_exp.commands import export
from wildrobot_exp.commands.main import main
from wildrobot_exp.config.compose import load
from wildrobot_exp.errors import RunFailed
from wildrobot_exp.export import bundle, onnx_parity


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  return make_run(tmp_path_factory.mktemp("runs") / "mine", "ppo")


@pytest.fixture
def few(monkeypatch):
  """Parity on 20 observations, for speed."""
  monkeypatch.setattr(bundle, "real_observations", lambda *parts: onnx_parity.real_observations(*parts[:3], 20))


def test_the_best_checkpoint_goes_into_the_run_folder_and_its_numbers_are_printed(run, few, capsys):
  assert main(["export", str(run)]) == 0
  out = capsys.readouterr().out
  assert "parity      largest difference of an action" in out and "on 20 observations; 1e-05 allowed" in out
  assert "latency     median" in out and "on one core" in out
  assert "0.3 m/s     survival 1.000" in out and "not compared: there is no evaluation.json" in out
  assert out.splitlines()[-1] == str(run / "export")
  contract = json.loads((run / "export" / "policy.json").read_text())
  assert contract["run"] == "mine" and contract["checkpoint_step"] == 64 and contract["algo"] == "ppo"
  assert len(contract["config_hash"]) == 16


def test_brax_s_policies_and_other_folders_and_checkpoints_work_too(tmp_path, few, capsys):
  run = make_run(tmp_path / "theirs", "brax_ppo")
  out = tmp_path / "out"
  assert main(["export", str(run), "--out", str(out), "--checkpoint", "latest", "--no-check"]) == 0
  contract = json.loads((out / "policy.json").read_text())
  assert contract["checkpoint_step"] == 128 and contract["algo"] == "brax_ppo" and "closed_loop" not in contract
  assert "survival" not in capsys.readouterr().out and not (run / "export").exists()


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (["--checkpoint", "newest"], "use best, latest, or a step"),
    (["--checkpoint", "7"], "no checkpoint at step 7"),
    (["--out", "missing/deeper"], "no such folder"),
    (["--out", "/dev/null"], "it is a file"),
    (["--out", "/proc/nowhere"], "cannot write to /proc/nowhere"),
  ],
)
def test_wrong_arguments_are_one_line_and_exit_code_2(run, arguments: list[str], message: str, capsys):
  before = sorted(run.iterdir())
  refused(["export", str(run), *arguments], message, capsys)
  assert sorted(run.iterdir()) == before


def refused(command: list[str], message: str, capsys) -> None:
  assert main(command) == 2
  captured = capsys.readouterr()
  assert captured.err.startswith("error: ") and captured.err.count("\n") == 1 and message in captured.err
  assert captured.out == ""


def test_a_folder_without_a_run_is_refused(tmp_path, capsys):
  refused(["export", str(tmp_path)], "is not a run folder", capsys)


def test_a_damaged_checkpoint_is_refused(run, tmp_path, capsys):
  copy = tmp_path / "copy"
  shutil.copytree(run, copy)
  victim = next(path for path in (copy / "checkpoints" / "64" / "state").rglob("*") if path.is_file())
  victim.write_bytes(b"lost")
  refused(["export", str(copy), "--checkpoint", "64"], "checkpoint 64 is damaged", capsys)


def test_without_the_packages_the_answer_is_how_to_get_them(run, monkeypatch, capsys):
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  refused(["export", str(run)], "export needs onnx and onnxruntime: pip install -e '.[export]'", capsys)


def test_a_refused_export_leaves_no_folder_and_exits_with_1(run, tmp_path, monkeypatch, capsys):
  def refuse(*_, **__):
    raise RunFailed("not exported: the graph differs")

  monkeypatch.setattr(bundle, "export_policy", refuse)
  assert main(["export", str(run), "--out", str(tmp_path / "out")]) == 1
  assert capsys.readouterr().err == "error: not exported: the graph differs\n"
  assert list(tmp_path.iterdir()) == []


def test_a_run_trained_on_a_gpu_is_exported_on_a_machine_without_one():
  cfg = load(["hardware=gpu", *export.ANY_MACHINE])
  assert cfg.hardware.platform == "cpu" and cfg.physics == "native"
  assert cfg.algo.policy_hidden == load(["hardware=gpu"], probe=False).algo.policy_hidden


def test_the_other_commands_start_without_onnx():
  code = "import sys, wildrobot_exp.commands.main; sys.exit(any('onnx' in name for name in sys.modules))"
  assert subprocess.run([sys.executable, "-c", code]).returncode == 0
  assert export.PACKAGES == ("onnx", "onnxruntime")
