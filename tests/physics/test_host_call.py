"""A host function inside a program: one call for a whole batch, in the program's own memory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_exp.physics.host_call import host_call

OUT = jax.ShapeDtypeStruct((2,), jnp.float32)


class Ends:
  """First and last number of every row; remembers what it was given."""

  def __init__(self):
    self.given: list[tuple[int, ...]] = []
    self.owned: list[bool] = []

  def __call__(self, rows: np.ndarray, out: np.ndarray) -> None:
    self.given.append(rows.shape)
    self.owned += [rows.flags.owndata, out.flags.owndata]
    out[..., 0], out[..., 1] = rows[..., 0], rows[..., -1]


@pytest.fixture(params=["cpu", "gpu"])
def backend(request, monkeypatch):
  monkeypatch.setattr(jax, "default_backend", lambda: request.param)
  return request.param


def test_it_is_called_once_for_a_batch_of_batches_eager_and_jitted(backend):
  ends, rows = Ends(), jnp.arange(24.0).reshape(2, 3, 4)

  def one(row):
    return host_call(ends, OUT, row)

  for function in (one, jax.jit(one)):
    np.testing.assert_array_equal(function(rows[0, 0]), [0, 3])
  for function in (jax.vmap(jax.vmap(one)), jax.jit(jax.vmap(jax.vmap(one)))):
    np.testing.assert_array_equal(function(rows), rows[..., [0, 3]])
  assert ends.given == [(4,), (4,), (2, 3, 4), (2, 3, 4)]


def test_on_a_cpu_nothing_is_copied_by_the_thread_pool_that_waits_for_it(monkeypatch):
  """More than 100 kB handed over as a jax.Array would be: the program could hang."""

  def refuse(*_, **__):
    raise AssertionError("pure_callback makes a jax.Array of it")

  monkeypatch.setattr(jax, "pure_callback", refuse)
  ends, rows = Ends(), jnp.ones((4096, 64))
  result = jax.jit(jax.vmap(lambda row: host_call(ends, OUT, row)))(rows)
  np.testing.assert_array_equal(result, np.ones((4096, 2)))
  assert ends.given == [(4096, 64)] and ends.owned == [False, False]


def test_the_same_function_is_compiled_once():
  ends = Ends()
  programs = [str(jax.make_jaxpr(lambda row: host_call(ends, OUT, row))(jnp.ones(3))) for _ in range(2)]
  assert programs[0] == programs[1]


def test_an_error_of_the_host_is_raised(backend):
  def broken(rows, out):
    raise ValueError("the host is broken")

  with pytest.raises(Exception, match="the host is broken"):
    jax.block_until_ready(jax.jit(lambda row: host_call(broken, OUT, row))(jnp.ones(3)))
