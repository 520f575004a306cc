"""A function of the host, NumPy in and NumPy out, called from inside a jitted program."""

import dataclasses
from collections.abc import Callable

import jax
import numpy as np
from jax.experimental.buffer_callback import Buffer, ExecutionContext, buffer_callback

HostFunction = Callable[[np.ndarray, np.ndarray], None]


def host_call(function: HostFunction, out: jax.ShapeDtypeStruct, rows: jax.Array) -> jax.Array:
  """`function(rows, out)`, which fills `out`; vmap calls it once, with the batch in front of both.

  On a CPU it is given the program's own memory. `jax.pure_callback` would hand it a jax.Array: more than 100 kB of
  that are copied by XLA's thread pool, and where all threads of the pool wait for callbacks (on one CPU there is one),
  the copy never comes and the program hangs.

  Args:
    function: must not keep its arguments, nor call JAX.
    out: shape and type of the result for one robot.
    rows: of one robot.
  """
  if jax.default_backend() == "cpu":
    return buffer_callback(_InPlace(function), out, vmap_method="broadcast_all")(rows)
  return jax.pure_callback(_Copied(function, out), out, rows, vmap_method="broadcast_all")


@dataclasses.dataclass(frozen=True)
class _InPlace:
  """Equal for equal functions: JAX compiles a program once for both."""

  function: HostFunction

  def __call__(self, context: ExecutionContext, out: Buffer, rows: Buffer) -> None:
    self.function(np.asarray(rows), np.asarray(out))


@dataclasses.dataclass(frozen=True)
class _Copied:
  """The same for what `jax.pure_callback` gives and takes."""

  function: HostFunction
  out: jax.ShapeDtypeStruct

  def __call__(self, rows: jax.Array) -> np.ndarray:
    result = np.empty((*rows.shape[:-1], *self.out.shape), self.out.dtype)
    self.function(np.asarray(rows), result)
    return result
