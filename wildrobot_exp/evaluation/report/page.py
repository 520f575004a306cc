"""A run on one page that needs no network, no server and no other file."""

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import yaml

from wildrobot_exp.evaluation.report.amp_health import giveaway_rows, start_rows
from wildrobot_exp.evaluation.report.charts import (
  AMP,
  LEARNING,
  constants,
  draw_charts,
  never_measured,
  other_charts,
  reward_charts,
)
from wildrobot_exp.evaluation.report.criteria import VX_ERROR, stride_frequency
from wildrobot_exp.evaluation.report.effort_plots import effort_figures
from wildrobot_exp.evaluation.report.gait_plots import aligned_reference, phase_figures, timeline_figures
from wildrobot_exp.evaluation.report.goals import judge, verdict
from wildrobot_exp.evaluation.report.headline import asked, came_out, run_name, short
from wildrobot_exp.evaluation.report.plots import speeds
from wildrobot_exp.evaluation.report.run_files import RunFiles, number, read_run
from wildrobot_exp.evaluation.report.tables import (
  baseline_rows,
  command_table,
  gait_rows,
  push_table,
  style_rows,
  world_rows,
)

REPORT = "report.html"
MAX_VIDEO_BYTES = 17_000_000  # base64 makes it a third bigger; the page stays under 25 MB


def write_report(run_dir: str | os.PathLike) -> Path:
  """Write report.html into a run folder, from the files that are there. What is missing is said.

  Returns:
    The page.

  Raises:
    UserError: the folder is not a run folder, or a file in it is damaged.
  """
  run = read_run(Path(run_dir))
  page = run.folder / REPORT
  write_page(page, render(run))
  return page


def render(run: RunFiles) -> str:
  """The page as text."""
  goals = judge(run.evaluation, _reference_hz(run), run.export)
  context = {
    "name": run_name(run),
    "verdict": verdict(goals),
    "asked": asked(run),
    "came_out": came_out(run, goals),
    "goals": goals,
    **embedded_video(run.video),
    **_evaluation(run),
    **_curves(run),
    **_gait(run),
    **_provenance(run),
  }
  return fill("report.html.j2", context)


def write_page(page: Path, text: str) -> None:
  """Write a page whole or not at all; two processes that do it at once leave one of both."""
  partial = page.with_name(f".{page.name}.{os.getpid()}.partial")
  try:
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, page)
  finally:
    partial.unlink(missing_ok=True)


def fill(template: str, context: Mapping[str, Any]) -> str:
  """A template of this package as text."""
  environment = jinja2.Environment(
    loader=jinja2.PackageLoader("wildrobot_exp.evaluation.report", ""),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
  )
  environment.filters["short"] = short
  return environment.get_template(template).render(context)


def embedded_video(path: Path | None) -> dict[str, str | None]:
  """`video` (base64, None if it cannot be in the page) and `video_missing`, which says why."""
  if path is None:
    return {"video": None, "video_missing": "No video: video.mp4 is not in the run folder."}
  size = path.stat().st_size
  if size > MAX_VIDEO_BYTES:
    megabytes = size / 1e6
    return {
      "video": None,
      "video_missing": f"{path.name} is too big to embed ({megabytes:.0f} MB): open it beside this page.",
    }
  return {"video": base64.b64encode(path.read_bytes()).decode(), "video_missing": ""}


def _evaluation(run: RunFiles) -> dict[str, Any]:
  evaluation = run.evaluation
  if evaluation is None:
    return {"evaluation": None}
  commands = [row for row in evaluation.get("commands") or [] if isinstance(row, Mapping)]
  pairs = [(number(row.get("vx")), number(row.get("vx_mean"))) for row in commands]
  pairs = [(vx, mean) for vx, mean in pairs if vx is not None and mean is not None]
  return {
    "evaluation": evaluation,
    "speed_figure": speeds(*zip(*pairs, strict=True), VX_ERROR) if len(pairs) > 1 else None,
    "command_table": command_table(commands),
    "baselines": baseline_rows(evaluation),
    "gait_rows": gait_rows(evaluation.get("gait")),
    "style_rows": style_rows(evaluation.get("style")),
    "push_table": push_table(evaluation.get("pushes") or []),
    "world_rows": world_rows(evaluation),
    "missing_blocks": [
      name
      for name in ("commands", "stochastic", "baselines", "long_walk", "gait", "pushes", "style", "worlds")
      if not evaluation.get(name)
    ],
  }


def _curves(run: RunFiles) -> dict[str, Any]:
  config = run.config or {}
  metrics = run.metrics if "step" in run.metrics else {}
  terms = (config.get("reward") or {}).get("terms") or {}
  weights = {name: number(term.get("weight")) for name, term in terms.items() if isinstance(term, Mapping)}
  weights = {name: weight for name, weight in weights.items() if weight is not None}
  return {
    "has_metrics": bool(metrics),
    "learning": draw_charts(metrics, LEARNING),
    "other_curves": draw_charts(metrics, other_charts(metrics, ("train/", "eval/", "perf/"))),
    "amp": draw_charts(metrics, AMP + other_charts(metrics, ("amp/",))),
    "giveaways": giveaway_rows(metrics),
    "amp_start": start_rows(run.folder),
    "amp_off": bool(config) and not config.get("amp"),
    "rewards": draw_charts(metrics, reward_charts(metrics, weights)),
    "constants": constants(metrics),
    "never_measured": never_measured(metrics),
  }


def _gait(run: RunFiles) -> dict[str, Any]:
  if run.gait is None or len(run.gait["time"]) < 2:
    return {"has_gait": False}
  command = run.gait.get("command")
  torque, power = effort_figures(run.gait)
  return {
    "has_gait": True,
    "timelines": timeline_figures(run.gait),
    "phases": phase_figures(run.gait),
    "gait_command": None if command is None else float(command.mean()),
    "gait_reference": bool(aligned_reference(run.gait)),
    "no_reference": str(run.gait.get("no_reference", "There is no reference stride beside it.")),
    "torque": torque,
    "power": power,
  }


def _provenance(run: RunFiles) -> dict[str, Any]:
  versions = dict(run.versions or {})
  packages, machine = versions.pop("versions", None), versions.pop("machine", None)
  command, overrides = versions.pop("command", None), versions.pop("overrides", None)
  resumed = versions.get("resumed")
  made = (run.evaluation or {}).get("made")
  return {
    "command": command,
    "resumed": [start for start in resumed if isinstance(start, Mapping)] if isinstance(resumed, list) else [],
    "overrides": overrides,
    "evaluated": _evaluated(made, packages) if isinstance(made, Mapping) else None,
    "packages": packages if isinstance(packages, Mapping) else {},
    "machine": machine if isinstance(machine, Mapping) else {},
    "facts": {key: value for key, value in versions.items() if isinstance(value, str | int | float)},
    "config_text": None if run.config is None else yaml.safe_dump(dict(run.config), sort_keys=False),
  }


def _evaluated(made: Mapping[str, Any], packages: Any) -> dict[str, Any]:
  """How an evaluation was made that is not the run's own; of the versions those that differ from the run's."""
  own = packages if isinstance(packages, Mapping) else {}
  there = made.get("versions")
  there = there if isinstance(there, Mapping) else {}
  return {
    "command": made.get("command"),
    "git_commit": made.get("git_commit"),
    "changed": [f"{name} {version}" for name, version in there.items() if own.get(name) != version],
  }


def _reference_hz(run: RunFiles) -> float | None:
  """Strides per second of the reference, as measured: beside the gait, else of the stride drawn; None without one."""
  gait = (run.evaluation or {}).get("gait")
  reference = gait.get("reference") if isinstance(gait, Mapping) else None
  if isinstance(reference, Mapping):
    return stride_frequency(reference) or None
  if run.gait and "stride_seconds" in run.gait and aligned_reference(run.gait):
    return 1.0 / float(run.gait["stride_seconds"])
  return None
