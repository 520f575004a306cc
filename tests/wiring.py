"""A whole run with spies in place of what costs time: what every part was given, without a simulation step."""

import contextlib
import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock, patch

import jax
import numpy as np
from omegaconf import OmegaConf

from wildrobot_exp import building, experiment, prior, recording, start_checks
from wildrobot_exp.envs import walk
from wildrobot_exp.errors import UserError
from wildrobot_exp.evaluation import endurance, protocol, run_folder, showpiece, worlds
from wildrobot_exp.learning import brax_ppo
from wildrobot_exp.motions import sources
from wildrobot_exp.tracking import tracker

JOINTS = 11


class Wiring:
  """`seen`: "<part>.<argument>" -> what the part was given last."""

  def __init__(self, tmp: Path):
    self.seen: dict[str, Any] = {}
    self._tmp = tmp

  def see(self, name: str, value: Any) -> None:
    value = OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
    self.seen[name] = list(value) if isinstance(value, tuple) else value

  def run(self, cfg: Any) -> dict[str, Any]:
    """What the parts of a run with this config were given."""
    with contextlib.ExitStack() as patches:
      for module, name, replacement in self._parts():
        patches.enter_context(patch.object(module, name, replacement))
      with contextlib.suppress(UserError):  # the discriminator of another run has nothing to restore here
        experiment.run_job(cfg, self._tmp)
    return self.seen

  def _spy(self, module: Any, name: str, result: Any = None) -> tuple[Any, str, Any]:
    """The real one's arguments are noted; `result` is called with them for an answer, where it is a function."""
    real = inspect.signature(getattr(module, name))

    def call(*args: Any, **kwargs: Any) -> Any:
      bound = real.bind(*args, **kwargs).arguments
      self.see(name, True)
      for key, value in bound.items():
        if not (key == "timestep" and value is None):
          self.see(f"{name}.{key}", value)
      return result(**bound) if inspect.isfunction(result) else MagicMock() if result is None else result

    return module, name, call

  def _trainer(self, update: Any, hp: Any, *_: Any) -> Any:
    for path, leaf in jax.tree_util.tree_leaves_with_path(hp):
      self.see(f"hp.{'.'.join(str(getattr(p, 'name', getattr(p, 'key', p))) for p in path)}", float(leaf))
    return SimpleNamespace(run=lambda state: (state, {"env_steps": 1}))

  def _update(self) -> Any:
    update = MagicMock(steps_per_update=1)
    update.init = lambda rng: self.see("Update.init.rng", np.asarray(rng).tolist()) or MagicMock()
    return update

  def _roller(self, env: Any, act: Any, steps: int) -> Any:
    record = SimpleNamespace(dt=0.02, qpos=np.zeros((5000, 1, 1)), alive=np.ones((2, 1)), commands=np.zeros(1))
    record.select = lambda *_: record
    self.see("Roller.steps", steps)
    return SimpleNamespace(roll=lambda *_: record, env=env, chunk=steps)

  def _worlds(self, cfg: Any, *_: Any) -> list[Any]:
    self.see("worlds", worlds.changed_worlds(cfg))
    return []

  def _brax(self, **given: Any) -> Any:
    for key, value in given.items():
      self.see(f"brax.{key}", value)
    given["network_factory"]({}, JOINTS, None)
    given["progress_fn"](1, {"training/sps": 1.0})
    return None, (None, None, None), None

  def _robot(self, control_dt: float, timestep: float) -> Any:
    return SimpleNamespace(control_dt=control_dt, num_joints=JOINTS, model_hash="")

  def _env(self, rewards: Any) -> Any:
    weights = {name: params["weight"] for name, params in rewards.items()}
    sizes = {"observation_size": {}, "action_size": JOINTS, "reward_weights": weights}
    return SimpleNamespace(dt=0.02, gait_period=0.8, robot=None, **sizes)

  def _parts(self) -> list[tuple[Any, str, Any]]:
    empty = SimpleNamespace(features=np.zeros((3, 9)), floors=None, covered=(0.0, 1.0), names=[], bounds=None)
    spy, nothing = self._spy, MagicMock()
    fallen = SimpleNamespace(alive=np.zeros((1, 1), bool))
    model = SimpleNamespace(opt=SimpleNamespace(timestep=0.0))
    evaluation_env = SimpleNamespace(dt=0.02, gait_period=0.8, robot=SimpleNamespace(model=model))
    others = MagicMock()
    others.info.return_value = {"config": {"amp": None}}
    summaries = MagicMock()
    summaries.outcome.side_effect = lambda *_: {}
    summaries.rate.side_effect = lambda name, _: {f"{name}_ci": None}
    walked = endurance.long_walk

    def long_walk(*given: Any) -> dict[str, Any]:
      answer = walked(*given)
      for key, value in answer.items():
        self.see(f"long_walk.{key}", value)
      return answer

    return [
      (experiment, "prepare_process", nothing),
      (experiment, "check_built", nothing),
      (experiment, "check_update", nothing),
      (experiment, "standing_line", lambda env: ""),
      (experiment, "make_actor", nothing),
      (experiment, "HealthCheck", nothing),
      (experiment, "Trainer", self._trainer),
      spy(experiment, "QuickEvaluation"),
      spy(building, "load_robot", lambda **given: self._robot(**given)),
      (building, "reference_frames", nothing),
      spy(building, "make_physics", lambda engine, robot: SimpleNamespace(robot=robot, name=engine)),
      spy(building, "make_networks"),
      spy(building, "Update", lambda **given: self._update()),
      spy(sources, "make_gait_grid", [MagicMock()]),
      spy(sources, "make_mocap_grid", [MagicMock()]),
      spy(sources, "load_clips", [MagicMock()]),
      (sources, "resample", nothing),
      spy(sources, "mirror_clip"),
      spy(walk, "WalkEnv", lambda **given: self._env(given["rewards"])),
      spy(walk, "make_start_bank"),
      spy(prior, "make_amp_reference", empty),
      spy(prior, "Amp"),
      spy(prior, "Style"),
      spy(start_checks, "Checkpoints", others),
      (experiment, "clip_warnings", lambda *_: []),
      spy(recording, "Checkpoints"),
      spy(recording, "Bookkeeper"),
      spy(recording, "Rollbacks"),
      (recording, "Incidents", nothing),
      (recording, "write_versions", nothing),
      (recording, "write_report", nothing),
      spy(tracker, "CsvFile", MagicMock(last_wall_s=0.0)),
      spy(tracker, "TensorBoardEvents"),
      spy(tracker, "WandbRun"),
      spy(tracker, "Console"),
      (run_folder, "make_actor", nothing),
      (run_folder, "load_robot", nothing),
      (run_folder, "write_json", nothing),
      (run_folder, "gait_arrays", lambda *_: {}),
      (recording, "summary", lambda _: {}),
      spy(showpiece, "write_video"),
      (showpiece, "episode_overlay", lambda *_: []),
      (protocol, "summaries", summaries),
      (endurance, "summaries", summaries),
      *((protocol, name, nothing) for name in ("record_gait", "reference_gait", "reference_strides", "measure_style")),
      spy(protocol, "make_evaluation_env", evaluation_env),
      spy(protocol, "spread_commands", np.zeros(1)),
      (protocol, "make_start", lambda *_: [0]),
      (protocol, "join", lambda *_: [0]),
      (protocol, "Roller", self._roller),
      (protocol, "long_walk", long_walk),
      spy(endurance, "make_start"),
      (endurance, "Roller", lambda env, *_: SimpleNamespace(env=env, chunks=lambda *_: iter([fallen]))),
      (endurance, "distance_walked", lambda _: 0.0),
      (protocol, "push_roller", nothing),
      spy(protocol, "push_recovery", []),
      (protocol, "measure_worlds", self._worlds),
      (brax_ppo.brax_train, "train", self._brax),
      spy(brax_ppo, "make_networks"),
    ]
