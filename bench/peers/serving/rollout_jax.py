"""The rollout of bench-NODE_SO in JAX, as a Python model server would compute it."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

POSITIONS, CONTROLS, HIDDEN = 6, 3, 128
SUBSTEPS, TRANSITION_DT = 8, 0.008
STATE, INPUTS = 2 * POSITIONS, 2 * POSITIONS + CONTROLS
SHAPES = [
    (HIDDEN, INPUTS), (HIDDEN,), (HIDDEN, HIDDEN), (HIDDEN,), (POSITIONS, HIDDEN), (POSITIONS,),
    (INPUTS,), (INPUTS,), (POSITIONS,), (POSITIONS,),
]  # fmt: skip

Rollout = Callable[[np.ndarray, np.ndarray], np.ndarray]


def load(weights_file: str | pathlib.Path) -> Rollout:
    """(initial_state [1, 12], controls [B, T, 3]) -> trajectory [B, T + 1, 12], float32, compiled once for each shape.

    `weights_file` holds the arrays of SHAPES one after the other, as rollout_backend.cc reads them.
    """
    flat = np.fromfile(weights_file, dtype=np.float32)
    arrays, offset = [], 0
    for shape in SHAPES:
        size = int(np.prod(shape))
        arrays.append(jnp.asarray(flat[offset : offset + size].reshape(shape)))
        offset += size
    w1, b1, w2, b2, w3, b3, in_mean, in_std, out_mean, out_std = arrays
    h = TRANSITION_DT / SUBSTEPS

    def substep(carry: tuple[jax.Array, jax.Array], _: None) -> tuple[tuple[jax.Array, jax.Array], None]:
        z, u = carry
        x = (jnp.concatenate([z, u], axis=1) - in_mean) / in_std
        a = jnp.tanh(jnp.tanh(x @ w1.T + b1) @ w2.T + b2) @ w3.T + b3
        a = out_std * a + out_mean
        q, v = z[:, :POSITIONS], z[:, POSITIONS:]
        return (jnp.concatenate([q + h * v + 0.5 * h * h * a, v + h * a], axis=1), u), None

    def transition(z: jax.Array, u: jax.Array) -> tuple[jax.Array, jax.Array]:
        (z, _), _ = jax.lax.scan(substep, (z, u), None, length=SUBSTEPS, unroll=SUBSTEPS)
        return z, z

    @jax.jit
    def compiled(initial: jax.Array, controls: jax.Array) -> jax.Array:
        z = jnp.broadcast_to(initial, (controls.shape[0], STATE))
        _, states = jax.lax.scan(transition, z, jnp.swapaxes(controls, 0, 1))
        return jnp.concatenate([z[:, None], jnp.swapaxes(states, 0, 1)], axis=1)

    def rollout(initial_state: np.ndarray, controls: np.ndarray) -> np.ndarray:
        return np.asarray(compiled(jnp.asarray(initial_state), jnp.asarray(controls)))

    return rollout
