"""The benchmark's transition models written once, over the array functions of JAX or PyTorch.

A library is told by an `Arrays`; `Formulas` then gives one substep and what a state looks like from outside.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

Array = Any  # jax.Array or torch.Tensor


@dataclasses.dataclass(frozen=True)
class Arrays:
    """Functions of one library on [B, ...] arrays."""

    constant: Callable[[np.ndarray], Array]
    tanh: Callable[[Array], Array]
    softplus: Callable[[Array], Array]
    where: Callable[[Array, Array, Array], Array]
    concatenate: Callable[[list[Array]], Array]  # along the last axis
    product: Callable[[str, Array, Array], Array]  # einsum
    solve: Callable[[Array, Array], Array]  # [B, n, n], [B, n]
    # (energy(q) -> (its sum over lanes, extra), q) -> (gradient with respect to q, extra)
    gradient: Callable[[Callable[[Array], tuple[Array, Array]], Array], tuple[Array, Array]]


class Formulas:
    """dz/dt and substeps of NODE, NODE_SO, MECHANICS and HNN (learned mass, force) without angular positions.

    NODE_SO takes constant-acceleration steps, the others explicit Euler steps. `carried` states hold [q, p], with p = v
    where no mass is learned.
    """

    def __init__(self, arrays: Arrays, tensors: dict[str, np.ndarray], kind: str, step: float, epsilon: float) -> None:
        self._arrays, self._kind, self._step, self._epsilon = arrays, kind, step, epsilon
        self._networks = {
            name: self._network(tensors, name)
            for name in ("mlp", "force", "potential", "mass")
            if f"{name}.0.weight" in tensors
        }
        normalisers = ("input.mean", "input.std", "output.mean", "output.std")
        self._norm = {name: arrays.constant(tensors[name]) for name in normalisers}
        n = tensors["initial_state"].shape[1] // 2
        self._n = n
        row, column = np.indices((n, n))
        self._triangle = arrays.constant(np.where(column <= row, row * (row + 1) // 2 + column, 0).reshape(-1))
        self._lower = arrays.constant((column <= row).astype(np.float32))
        self._diagonal = arrays.constant(column == row)
        self._identity = arrays.constant(np.eye(n, dtype=np.float32))

    def _network(self, tensors: dict[str, np.ndarray], name: str) -> list[tuple[Array, Array]]:
        layers: list[tuple[Array, Array]] = []
        while f"{name}.{len(layers)}.weight" in tensors:
            weight, bias = (tensors[f"{name}.{len(layers)}.{part}"][0] for part in ("weight", "bias"))
            layers.append((self._arrays.constant(np.ascontiguousarray(weight.T)), self._arrays.constant(bias)))
        return layers

    def _evaluate(self, name: str, x: Array) -> Array:
        layers = self._networks[name]
        for weight, bias in layers[:-1]:
            x = self._arrays.tanh(x @ weight + bias)
        return x @ layers[-1][0] + layers[-1][1]

    def _normalised(self, name: str, q: Array, v: Array, u: Array) -> Array:
        x = (self._arrays.concatenate([q, v, u]) - self._norm["input.mean"]) / self._norm["input.std"]
        return self._evaluate(name, x) * self._norm["output.std"] + self._norm["output.mean"]

    def _factor(self, q: Array) -> Array:
        """L(q) [B, n, n], lower triangular, softplus on its diagonal."""
        raw = self._evaluate("mass", q)[..., self._triangle].reshape(-1, self._n, self._n)
        return self._arrays.where(self._diagonal, self._arrays.softplus(raw), raw) * self._lower

    def _velocity(self, factor: Array, p: Array) -> Array:
        product = self._arrays.product
        return product("bij,bj->bi", factor, product("bij,bi->bj", factor, p)) + self._epsilon * p

    def enter(self, state: Array) -> Array:
        """[q, p] of a reported state [q, v]."""
        if "mass" not in self._networks:
            return state
        q, v = state[:, : self._n], state[:, self._n :]
        factor = self._factor(q)
        inverse_mass = self._arrays.product("bik,bjk->bij", factor, factor) + self._epsilon * self._identity
        return self._arrays.concatenate([q, self._arrays.solve(inverse_mass, v)])

    def report(self, carried: Array) -> Array:
        """[q, v] of [q, p]."""
        if "mass" not in self._networks:
            return carried
        q, p = carried[:, : self._n], carried[:, self._n :]
        return self._arrays.concatenate([q, self._velocity(self._factor(q), p)])

    def substep(self, carried: Array, u: Array) -> Array:
        h, n = self._step, self._n
        q, p = carried[:, :n], carried[:, n:]
        if self._kind == "NODE":
            return carried + h * self._normalised("mlp", q, p, u)
        if self._kind == "NODE_SO":
            acceleration = self._normalised("mlp", q, p, u)
            return self._arrays.concatenate([q + h * (p + 0.5 * h * acceleration), p + h * acceleration])
        if self._kind == "MECHANICS":
            rate = self._normalised("mlp", q, p, u)
            return self._arrays.concatenate([q + h * self._velocity(self._factor(q), p), p + h * rate])

        def energy(position: Array) -> tuple[Array, Array]:
            factor = self._factor(position)
            momentum = self._arrays.product("bij,bi->bj", factor, p)
            kinetic = 0.5 * (momentum * momentum).sum() + 0.5 * self._epsilon * (p * p).sum()
            return self._evaluate("potential", position).sum() + kinetic, self._velocity(factor, p)

        slope, v = self._arrays.gradient(energy, q)
        force = self._normalised("force", q, v, u)
        return self._arrays.concatenate([q + h * v, p + h * (force - slope)])
