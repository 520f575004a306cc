"""Put the evaluations of some runs into one file under benchmarks/results, with what is needed to repeat them.

    python benchmarks/collect.py benchmarks/results/NAME.json RUN [RUN ...]

A run takes the place of one with the same command; others that are in the file stay.
"""

import json
import sys
from pathlib import Path

from wildrobot_exp.evaluation.run_folder import summary

SPEED_KEYS = "vx survival vx_mean vx_error drift_m joint_rms_rad torque_mean_nm power_mean_w cost_of_transport".split()
GAIT_KEYS = "stride_frequency_hz swing_clearance_feet_m symmetry duty_factor".split()


def collect(run_dir: Path) -> dict:
  """One run's command, versions and numbers, and its gait at every speed beside the reference's."""
  evaluation = json.loads((run_dir / "evaluation.json").read_text())
  versions = json.loads((run_dir / "versions.json").read_text())
  speeds = []
  for row in evaluation["commands"]:
    gait = row.get("gait", {})
    reference = gait.get("reference", {})
    speeds.append(
      {key: row[key] for key in SPEED_KEYS if key in row}
      | {key: gait[key] for key in GAIT_KEYS if key in gait}
      | {f"reference_{key}": reference[key] for key in GAIT_KEYS[:2] if key in reference}
    )
  return {
    "command": " ".join(["python run.py", *versions["overrides"]]),
    "seed": evaluation["seed"],
    "wall_s": versions["wall_s"],
    "checkpoint_step": evaluation["checkpoint_step"],
    "summary": summary(evaluation),
    "style": evaluation.get("style"),
    "baselines": evaluation["baselines"],
    "speeds": speeds,
    "git_commit": versions["git_commit"],
    "machine": versions["machine"],
    "versions": versions["versions"],
  }


if __name__ == "__main__":
  out, *runs = sys.argv[1:]
  known = json.loads(Path(out).read_text()) if Path(out).exists() else []
  rows = {row["command"]: row for row in [*known, *(collect(Path(run)) for run in runs)]}
  Path(out).write_text(json.dumps(list(rows.values()), indent=1) + "\n")
