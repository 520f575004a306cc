"""Put the whole evaluation of one run, and its export, into a file under benchmarks/results.

    wildrobot eval RUN evaluation.worlds.enabled=true
    wildrobot export RUN
    python benchmarks/protocol.py benchmarks/results/protocol.json RUN

Both commands are to be run before, in this order: the second compares with what the first has measured.
"""

import json
import sys
from pathlib import Path


def protocol(run_dir: Path) -> dict:
  """What made the run and its evaluation, the evaluation, and the export's measurements."""
  evaluation = json.loads((run_dir / "evaluation.json").read_text())
  run = json.loads((run_dir / "versions.json").read_text())
  contract = json.loads((run_dir / "export" / "policy.json").read_text())
  made = evaluation.pop("made")
  return {
    "commands": [run["command"], made["command"].replace(str(run_dir), "RUN"), "wildrobot export RUN"],
    "train_wall_s": run["wall_s"],
    "eval_wall_s": made.pop("wall_s"),
    **{key: made[key] for key in ("git_commit", "machine", "versions")},
    "evaluation": evaluation | {"run": "RUN"},
    "export": {key: contract[key] for key in ("checkpoint_step", "parity", "latency", "closed_loop")},
  }


if __name__ == "__main__":
  out, run = sys.argv[1:]
  Path(out).write_text(json.dumps(protocol(Path(run)), indent=1) + "\n")
