"""A pytree as named numpy arrays, and back, without changing a bit.

A leaf's name is its path: `policy/params/hidden_0/kernel`. Next to every array goes the kind of object it
was, so that a Python float, a NumPy scalar and a weakly typed JAX array come back as what they were: a
program compiled for the one would be compiled again for the other.
"""

import dataclasses
from typing import Any

import numpy as np

from wildrobot_exp.errors import UserError


@dataclasses.dataclass(frozen=True)
class LeafSpec:
  """What is known of a leaf without its numbers. `kind`: jax, jax_weak, numpy, numpy_scalar or python."""

  shape: tuple[int, ...]
  dtype: str
  kind: str

  def __str__(self) -> str:
    return f"{self.dtype}{list(self.shape)}"

  def fits(self, other: "LeafSpec") -> bool:
    """True if one may stand for the other: same shape and dtype; a Python or weak scalar takes any width."""
    if self.shape != other.shape:
      return False
    if {self.kind, other.kind} & {"python", "jax_weak"}:
      return _family(self.dtype) == _family(other.dtype)
    return self.dtype == other.dtype


def named_leaves(tree: Any) -> dict[str, Any]:
  """The leaves of `tree` by name, as `jax.tree.leaves` orders them. Raises ValueError if two share a name."""
  import jax

  leaves: dict[str, Any] = {}
  for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
    name = jax.tree_util.keystr(path, simple=True, separator="/")
    if name in leaves:
      raise ValueError(f"two leaves of the state are called {name!r}")
    leaves[name] = leaf
  return leaves


def spec_of(name: str, leaf: Any) -> LeafSpec:
  """The spec of an array, a number or a `jax.ShapeDtypeStruct`. Raises TypeError for anything else."""
  import jax

  if isinstance(leaf, (jax.Array, jax.ShapeDtypeStruct)):
    kind, shape, dtype = ("jax_weak" if getattr(leaf, "weak_type", False) else "jax"), leaf.shape, leaf.dtype
  else:
    array = np.asarray(leaf)
    shape, dtype = array.shape, array.dtype
    kind = "numpy"
    if isinstance(leaf, np.generic):
      kind = "numpy_scalar"
    elif isinstance(leaf, (bool, int, float, complex)):
      kind = "python"
  if _family(str(dtype)) == "other":
    raise TypeError(f"leaf {name!r} holds {dtype}, not plain numbers (PRNG keys: raw uint32)")
  return LeafSpec(tuple(int(n) for n in shape), str(dtype), kind)


def check_specs(saved: dict[str, LeafSpec], template: dict[str, LeafSpec], *, part: bool = False) -> None:
  """Raises UserError naming the first leaf in which a saved state differs from the one this run builds.

  part: the saved state may have more leaves than the template.
  """
  fix = "use the settings it was trained with (checkpoint.json beside it lists them)"
  for name, wanted in template.items():
    if name not in saved:
      raise UserError(f"the checkpoint has no leaf {name!r}, which this run needs: {fix}")
    if not saved[name].fits(wanted):
      raise UserError(f"leaf {name!r} is {saved[name]} in the checkpoint and {wanted} in this run: {fix}")
  for name in () if part else saved:
    if name not in template:
      raise UserError(f"the checkpoint has a leaf {name!r}, which this run does not have: {fix}")


def rebuild(array: np.ndarray, spec: LeafSpec, template: Any) -> Any:
  """The leaf that was saved as `array`, as the kind of object it was.

  A leaf whose template lies on several devices is placed like the template.
  """
  import jax
  import jax.numpy as jnp

  if spec.kind == "python":
    return array.item()
  if spec.kind == "numpy_scalar":
    return array[()]
  if spec.kind == "numpy":
    return array
  sharding = getattr(template, "sharding", None)
  if sharding is not None and len(sharding.device_set) > 1:
    return jax.device_put(array, sharding)
  return _weak(array) if spec.kind == "jax_weak" else jnp.array(array)


def _weak(array: np.ndarray) -> Any:
  """A weakly typed JAX array: only Python numbers make one, so the elements are set into such zeros."""
  import jax.numpy as jnp

  zero = jnp.asarray(array.dtype.type(0).item())
  weak = jnp.broadcast_to(zero, array.shape).at[...].set(array)
  return weak if weak.dtype == array.dtype else jnp.array(array)


def _family(dtype: str) -> str:
  """bool, integer, float, complex; or other, for what is not a number."""
  families = {"bool": "bool", "int": "integer", "uint": "integer", "float": "float", "bfloat": "float",
              "complex": "complex"}
  return families.get(dtype.split("_")[0].rstrip("0123456789"), "other")
