"""AMP's health: the inputs of both sides side by side before training, and by what the policy is told during it."""

import csv
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.special import ndtr

from wildrobot_exp.errors import UserError

MOST_OUTSIDE = 0.05  # share of values outside of a feature's bounds that can still be an accident
STILL = 1e-6  # a standard deviation below this is a constant
TELLING_AUC = 0.97  # a single feature that separates the sides this well before training is suspicious
AUC_SAMPLES = 400  # of each side
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)  # the columns p05 to p95 of the table
TOP = 3  # features named in a message
GIVEAWAY = "amp/giveaway"  # the update's metric, [F] shares
START_TABLE = "amp_start.csv"  # file of a run folder
SHARES = "giveaway/"  # prefix of its columns: field/label


@dataclasses.dataclass(frozen=True)
class Row:
  """One feature of both sides before training, in its own unit."""

  feature: str
  reference_min: float
  reference_mean: float
  reference_std: float
  reference_max: float
  reference_p05: float
  reference_p25: float
  reference_p50: float
  reference_p75: float
  reference_p95: float
  policy_min: float
  policy_mean: float
  policy_std: float
  policy_max: float
  policy_p05: float
  policy_p25: float
  policy_p50: float
  policy_p75: float
  policy_p95: float
  auc: float  # of this feature alone, see one_feature_auc

  def line(self) -> str:
    """One line for the console."""
    sides = [
      f"{side} {getattr(self, f'{side}_min'):.2f} to {getattr(self, f'{side}_max'):.2f}"
      f" (mean {getattr(self, f'{side}_mean'):.2f})"
      for side in ("reference", "policy")
    ]
    return f"{self.feature}: {', '.join(sides)}, auc {self.auc:.2f}"


def compare(names: Sequence[str], reference: np.ndarray, policy: np.ndarray, floors: np.ndarray) -> list[Row]:
  """A row per feature, the most telling first.

  Args:
    names: [F].
    reference: [M, F] raw features.
    policy: [S, F] raw features.
    floors: [F] differences below these are not style.
  """

  def stats(values: np.ndarray) -> list[float]:
    known = [float(f(values)) for f in (np.min, np.mean, np.std, np.max)]
    return known + [float(value) for value in np.quantile(values, QUANTILES)]

  rows = [
    Row(name, *stats(reference[:, i]), *stats(policy[:, i]), one_feature_auc(reference[:, i], policy[:, i], floors[i]))
    for i, name in enumerate(names)
  ]
  return sorted(rows, key=lambda row: -row.auc)


def one_feature_auc(reference: np.ndarray, policy: np.ndarray, floor: float) -> float:
  """How well a threshold on one feature [M] and [S] tells the sides apart: .5 not at all, 1 without error.

  Both sides are seen through Gaussian noise of the floor's size, as differences below it are not style.
  """
  gaps = _spread(reference)[:, None] - _spread(policy)[None]
  auc = float(ndtr(gaps / (np.sqrt(2) * floor)).mean())
  return max(auc, 1 - auc)


def _spread(values: np.ndarray) -> np.ndarray:
  """At most AUC_SAMPLES of them, evenly spread."""
  return values[np.linspace(0, len(values) - 1, min(len(values), AUC_SAMPLES)).astype(int)]


def refuse_nonsense(side: str, names: Sequence[str], values: np.ndarray, bounds: np.ndarray) -> None:
  """Raises UserError for the first of `values` [M, F] that leaves its `bounds` [2, F] too often."""
  outside = np.mean((values < bounds[0]) | (values > bounds[1]), axis=0)
  worst = int(np.argmax(outside))
  if outside[worst] > MOST_OUTSIDE:
    column = values[:, worst]
    raise UserError(
      f"{side} feature {names[worst]} is {column.min():.3g} to {column.max():.3g}, outside of"
      f" {bounds[0, worst]:.3g} to {bounds[1, worst]:.3g} in {outside[worst]:.0%} of the frames: the {side} is wrong"
      " there (joint order, signs, units?), or leave the field out of amp.features"
    )


def refuse_dead(names: Sequence[str], reference: np.ndarray, policy: np.ndarray, floors: np.ndarray) -> None:
  """Raises UserError for a feature that is constant on one side where the other one varies elsewhere.

  A joint that a reference never moves is no mistake as long as the policy moves around the same value.
  """
  gap = np.abs(reference.mean(axis=0) - policy.mean(axis=0))
  for side, dead, alive in (("policy", policy, reference), ("reference", reference, policy)):
    spread = alive.std(axis=0)
    found = (dead.std(axis=0) < STILL) & (spread > floors) & (gap > np.maximum(floors, spread))
    if found.any():
      i = int(np.argmax(found * gap / floors))
      raise UserError(
        f"{side} feature {names[i]} is always {dead[0, i]:.3g}, the other side goes from {alive[:, i].min():.3g} to"
        f" {alive[:, i].max():.3g}: that alone gives the {side} away; repair it or leave the field out of amp.features"
      )


class Health:
  """Watches AMP for the trainer.

  Args:
    names: [F] of the discriminator's features, `frame/field/label [unit]`.
    reference: [M, F] raw features.
    floors: [F] differences below these are not style.
    bounds: [2, F] of values that make sense.
    file: where the table of the start goes.
    say: prints a line.

  Raises:
    UserError: the reference makes no sense on this robot.
  """

  def __init__(
    self,
    names: Sequence[str],
    reference: np.ndarray,
    floors: np.ndarray,
    bounds: np.ndarray,
    *,
    file: Path,
    say: Callable[[str], None],
  ):
    self._names = list(names)
    self._reference = np.asarray(reference)
    self._floors = np.asarray(floors)
    self._bounds = bounds
    self._file = file
    self._say = say
    self._slowed = False
    refuse_nonsense("reference", self._names, self._reference, bounds)

  def start(self, policy: np.ndarray) -> None:
    """Compare with what the untrained policy does, [S, F] raw features: a table in the file, the rest said.

    Raises:
      UserError: an input of one side is broken.
    """
    if not len(policy):
      self._say("amp: no step of the first rollout has a whole window that counts: nothing compared before training")
      return
    rows = compare(self._names, self._reference, policy, self._floors)
    with self._file.open("w", newline="") as file:
      writer = csv.writer(file)
      writer.writerow([field.name for field in dataclasses.fields(Row)])
      writer.writerows(dataclasses.astuple(row) for row in rows)
    refuse_nonsense("policy", self._names, policy, self._bounds)
    refuse_dead(self._names, self._reference, policy, self._floors)
    self._say(f"amp: reference and untrained policy compared in {self._file.name}; furthest apart:")
    for row in rows[:TOP]:
      self._say(f"  {row.line()}")
    telling = [row.feature for row in rows if row.auc > TELLING_AUC]
    if telling:
      self._say(f"warning: {', '.join(telling[:TOP])} alone tells policy from reference before training: is it right?")

  def columns(self, metrics: dict[str, float | np.ndarray]) -> dict[str, float]:
    """The row to log: the shares of GIVEAWAY as one column per field and label, summed over frames.

    Says when the discriminator is slowed down, or no longer.
    """
    shares = metrics.get(GIVEAWAY)
    row = {name: value for name, value in metrics.items() if name != GIVEAWAY}
    if shares is None:
      return row
    by_label = self._by_label(shares)
    slowed = row.get("amp/slowed", 0.0) > 0.5
    if slowed != self._slowed:
      self._slowed = slowed
      self._say(self._verdict(slowed, row, by_label))
    return row | {f"{SHARES}{name}": value for name, value in by_label.items()}

  def _by_label(self, shares: np.ndarray) -> dict[str, float]:
    sums: dict[str, float] = {}
    for name, share in zip(self._names, shares, strict=True):
      label = name.split(" [")[0]
      label = label.split("/", 1)[1] if label.startswith("t") else label
      sums[label] = sums.get(label, 0.0) + float(share)
    return sums

  def _verdict(self, slowed: bool, row: dict[str, float], by_label: dict[str, float]) -> str:
    if not slowed:
      return "amp: the discriminator is no longer saturated, it learns at its own rate again"
    return (
      f"warning: amp: the discriminator is saturated (style reward {row['amp/style_reward']:.2f}), its learning rate is"
      f" lowered; the policy is given away by {top(by_label)}"
    )


def top(by_label: dict[str, float]) -> str:
  """The largest shares as text: `feet_pos/right_z 21 %, ...`."""
  largest = sorted(by_label.items(), key=lambda item: -item[1])[:TOP]
  return ", ".join(f"{name} {share:.0%}" for name, share in largest)
