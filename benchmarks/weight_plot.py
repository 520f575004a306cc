"""Style against task over amp.weight, from collected results (collect.py); a dot per seed, a line through the means.

    python benchmarks/weight_plot.py benchmarks/results/amp-weight.json docs/images/amp-weight.png
"""

import json
import re
import sys
from collections import defaultdict
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("agg")
import matplotlib.pyplot as plt

PANELS = {  # title: summary number
  "classifier AUC (0.5: like the reference)": "classifier_auc",
  "feature distance (0: like the reference)": "feature_distance",
  "stride, Hz (reference 1.25)": "stride_frequency_hz",
  "speed error, m/s": "vx_error",
}


def weight_of(run: dict) -> float:
  """amp.weight of a run's command: 0 for algo=ppo, 1 (the default) where it is not named."""
  if "algo=ppo" in run["command"].split():
    return 0.0
  found = re.search(r"amp\.weight=([\d.]+)", run["command"])
  return float(found.group(1)) if found else 1.0


def main(results: str, out: str) -> None:
  runs = json.loads(Path(results).read_text())
  figure, axes = plt.subplots(1, len(PANELS), figsize=(13, 3), layout="constrained")
  for axis, (title, name) in zip(axes, PANELS.items(), strict=True):
    by_weight = defaultdict(list)
    for run in runs:
      value = run["summary"].get(name)
      if value is not None:
        by_weight[weight_of(run)].append(value)
    weights = sorted(by_weight)
    places = range(len(weights))
    for place, weight in zip(places, weights, strict=True):
      axis.plot([place] * len(by_weight[weight]), by_weight[weight], "o", color="tab:blue", alpha=0.6)
    axis.plot(places, [np.mean(by_weight[weight]) for weight in weights], color="tab:blue")
    axis.set_xticks(places, [f"{weight:g}" for weight in weights])
    axis.set_title(title, fontsize=10)
    axis.set_xlabel("amp.weight")
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
  figure.savefig(out, dpi=110)


if __name__ == "__main__":
  main(*sys.argv[1:])
