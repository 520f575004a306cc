"""The script behind human_walk.json: landmarks that move as the shipped walk give the shipped numbers back."""

import importlib.util
import json
import pathlib

import numpy as np

from wildrobot_exp.motions.human_walk import JOINTS, load_human_walk
from wildrobot_exp.robots.robot import FEET

SCRIPT = pathlib.Path(__file__).parents[2] / "tools" / "fit_human_walk.py"
FPS, PERIOD, FRAMES = 150.0, 163, 400


def recording() -> dict:
  """A person of two rods per leg and a foot, walking with the shipped angles."""
  angles = load_human_walk().angles(np.arange(FRAMES) / PERIOD)
  frames = [{"landmark_positions": {}} for _ in range(FRAMES)]
  for foot, side in enumerate(FEET):
    for frame, (hip, knee, ankle) in zip(frames, angles[:, foot], strict=True):
      shank = hip - knee
      toe_up = shank + ankle
      place = {"hip": np.array([0.0, 900.0, 100.0])}
      place["knee"] = place["hip"] + 400 * np.array([np.sin(hip), -np.cos(hip), 0])
      place["ankle"] = place["knee"] + 420 * np.array([np.sin(shank), -np.cos(shank), 0])
      place["heel"] = place["ankle"] - [50, 40, 0]
      place["toe"] = place["heel"] + 200 * np.array([np.cos(toe_up), np.sin(toe_up), 0])
      frame["landmark_positions"] |= {f"{side}_{name}": point.tolist() for name, point in place.items()}
  return {"fps": FPS, "angle_frames": frames, "ground_truth": {"hs_frames": {"right": [0, PERIOD]}}}


def test_the_walk_comes_back_from_landmarks(tmp_path):
  spec = importlib.util.spec_from_file_location("fit_human_walk", SCRIPT)
  script = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(script)
  (tmp_path / "recording.json").write_text(json.dumps(recording()))
  script.main(str(tmp_path / "recording.json"), str(tmp_path / "walk.json"))
  fitted = json.loads((tmp_path / "walk.json").read_text())
  shipped = load_human_walk()
  for foot, side in enumerate(FEET):
    for i, joint in enumerate(JOINTS):
      wanted = shipped.coefficients[foot, i]
      np.testing.assert_allclose(fitted["angles"][side][joint][1:], wanted[1:], atol=2e-3, err_msg=f"{side} {joint}")
      np.testing.assert_allclose(fitted["angles"][side][joint][0], wanted[0], atol=0.02, err_msg=f"{side} {joint}")
  assert fitted["licence"] == shipped.licence == "CC-BY-4.0"
