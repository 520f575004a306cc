"""The report's tables, as rows of text. A missing number is a dash."""

from collections.abc import Mapping, Sequence
from typing import Any

from wildrobot_exp.evaluation.report.criteria import stride_frequency
from wildrobot_exp.evaluation.report.run_files import number
from wildrobot_exp.evaluation.report.words import interval_ends, pair_of, percent

MISSING = "–"
COMMAND_COLUMNS = (  # key, header, unit, format
  ("vx", "Asked", "m/s", "{:.2f}"),
  ("vx_mean", "Got", "m/s", "{:.3f}"),
  ("vx_error", "Error", "m/s", "{:.3f}"),
  ("survival", "Survival", "95% interval", "{:.0%}"),
  ("distance_m", "Distance", "m", "{:.2f}"),
  ("drift_m", "Drift", "m", "{:.2f}"),
  ("stride_hz", "Stride", "Hz", "{:.2f}"),
  ("joint_rms_rad", "Joints off", "rad", "{:.3f}"),
  ("vy_error", "Sideways error", "m/s", "{:.3f}"),
  ("yaw_rate_error", "Turning error", "rad/s", "{:.3f}"),
  ("torque_mean_nm", "Joint torque", "N m", "{:.2f}"),
  ("power_mean_w", "Power", "W", "{:.1f}"),
  ("cost_of_transport", "Cost of transport", "", "{:.2f}"),
)
GAIT_ROWS = (  # keys in order of preference, words, unit, factor to that unit, format; pairs: right | left
  (("stride_frequency_hz",), "Stride frequency", "Hz", 1.0, "{:.2f}"),
  (("duty_factor",), "Time on the ground", "", 1.0, "{:.0%}"),
  (("double_support",), "Both feet on the ground", "", 1.0, "{:.0%}"),
  (("swing_clearance_feet_m", "swing_clearance_m"), "Swing clearance", "mm", 1000.0, "{:.0f}"),
  (("knee_range_knees_rad", "knee_range_rad"), "Knee range", "rad", 1.0, "{:.2f}"),
  (("symmetry",), "Symmetry", "1 is even", 1.0, "{:.2f}"),
)
STYLE_ROWS = (  # key, words, how to read it, format
  ("reference", "Compared with", "", "{}"),
  ("classifier_auc", "Classifier AUC", "0.5: cannot be told apart, 1: always", "{:.2f}"),
  ("feature_distance", "Feature distance", "0: the same", "{:.2f}"),
  ("joint_rms_rad", "Joints off over the stride", "rad", "{:.3f}"),
)
GIVEAWAYS = 3  # fields and features named


def command_table(commands: Sequence[Mapping[str, Any]]) -> dict[str, list] | None:
  """One row per commanded speed; columns nobody measured are left out. None without any."""
  rows = [dict(row) | {"stride_hz": stride_frequency(row.get("gait") or {})} for row in commands]
  columns = [c for c in COMMAND_COLUMNS if any(number(row.get(c[0])) is not None for row in rows)]
  if not columns:
    return None
  return {
    "head": [(header, unit) for _, header, unit, _ in columns],
    "rows": [
      [_rate(row, key) if key == "survival" else _cell(row.get(key), form) for key, _, _, form in columns]
      for row in rows
    ],
  }


def baseline_rows(evaluation: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
  """(who, survival, speed error, return): the policy, then everything it is compared with."""
  fine, baselines = evaluation.get("fine_timestep"), evaluation.get("baselines")
  rows = [("Policy", evaluation), ("Policy with exploration noise", evaluation.get("stochastic"))]
  if isinstance(fine, Mapping):
    rows.append((f"Policy, physics step {_cell(fine.get('timestep'), '{:g}')} s", fine))
  if isinstance(baselines, Mapping):
    rows += [(name.replace("_", " ").capitalize(), row) for name, row in baselines.items()]
  return [
    (
      name,
      _rate(row, "survival"),
      _cell(row.get("vx_error"), "{:.3f}"),
      _cell(row.get("return"), "{:.2f}"),
    )
    for name, row in rows
    if isinstance(row, Mapping)
  ]


def world_rows(evaluation: Mapping[str, Any]) -> list[tuple[str, str, str]]:
  """(world, survival, speed error): the one of the training, then the changed ones; [] without these."""
  worlds = [row for row in evaluation.get("worlds") or [] if isinstance(row, Mapping)]
  rows = [("as trained", evaluation), *((str(row.get("world", MISSING)), row) for row in worlds)]
  table = [(name, _rate(row, "survival"), _cell(row.get("vx_error"), "{:.3f}")) for name, row in rows]
  return table if worlds else []


def push_table(pushes: Sequence[Any]) -> list[tuple[str, str, str]]:
  """(push, trials, share recovered)."""
  return [
    (
      f"{_cell(push.get('force_n'), '{:g}')} N {push.get('direction', '')}, "
      f"{_cell(push.get('seconds'), '{:g}')} s",
      _cell(push.get("trials"), "{:.0f}"),
      _rate(push, "recovered"),
    )
    for push in pushes
    if isinstance(push, Mapping)
  ]


def gait_rows(gait: Any) -> list[tuple[str, str, str, str]]:
  """(what, unit, robot, reference) of the gait block; right | left where there are two numbers."""
  if not isinstance(gait, Mapping):
    return []
  reference = gait.get("reference")
  sides = (gait, reference if isinstance(reference, Mapping) else {})
  return [
    (words, unit, *(_gait_cell(side, keys, factor, form) for side in sides))
    for keys, words, unit, factor, form in GAIT_ROWS
  ]


def style_rows(style: Any) -> list[tuple[str, str, str]]:
  """(what, unit or hint, value) of the style block, and by name what gives the policy away."""
  if not isinstance(style, Mapping):
    return []
  rows = [
    (words, hint, str(style[key]) if form == "{}" else _cell(style[key], form))
    for key, words, hint, form in STYLE_ROWS
    if key in style
  ]
  for key, words, hint in (
    ("field_auc", "Told apart best by", "AUC of one field alone"),
    ("furthest_features", "Furthest from the reference", "distance"),
  ):
    if isinstance(style.get(key), Mapping):
      first = list(style[key].items())[:GIVEAWAYS]
      rows.append((words, hint, ", ".join(f"{_words(name)} {_cell(value, '{:.2f}')}" for name, value in first)))
  return rows


def _words(feature: str) -> str:
  """A field or feature's name for people: joint_pos/left_knee_pitch is "left knee pitch joint pos"."""
  field, _, label = feature.partition("/")
  return " ".join(f"{label} {field}".replace("_", " ").split())


def _gait_cell(gait: Mapping[str, Any], keys: Sequence[str], factor: float, form: str) -> str:
  for key in keys:
    pair, single = pair_of(gait.get(key)), number(gait.get(key))
    if pair:
      return " | ".join(form.format(factor * value) for value in pair)
    if single is not None:
      return form.format(factor * single)
  return MISSING


def _cell(value: Any, form: str) -> str:
  value = number(value)
  if value is None:
    return MISSING
  text = form.format(value)
  return text.lstrip("-") if value and not text.strip("-0.%") else text  # less than nothing is nothing


def _rate(row: Mapping[str, Any], key: str) -> str:
  """A rate in percent, with its 95 % interval behind it where there is one."""
  value, ends = number(row.get(key)), interval_ends(row.get(f"{key}_ci"))
  if value is None:
    return MISSING
  return f"{percent(value)} ({ends})" if ends else percent(value)
