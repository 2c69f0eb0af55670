"""Rollouts by JAX or PyTorch, one measurement at a time as rollout-bench asks for it over a pipe.

Started by `rollout-bench --peers jax-scan,...`; not for use by hand. Requests and replies are lines of JSON:

    {"op": "prepare", "file": ..., "kind": ..., "step": ..., "mass_epsilon": ..., "substeps": ..., "gradient": ..., "result": ...}
    {"op": "run"}  ->  {"ms": ..., "cpu_ms": ...}

`file` holds the model's tensors, `initial_state` [B, 2n] and `controls` [B, T, nu] in safetensors; `prepare` compiles, runs
once and writes the trajectory [B, T + 1, 2n], or the gradient of the sum of the final states with respect to the controls
[B, T, nu], to `result` as float32. Replies `{"skip": reason}` where a library does not take the case.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from rollout_formulas import Array, Arrays, Formulas

Run = Callable[[], Any]  # one rollout; its result, once it is there


class Library(Protocol):
    def prepare(self, tensors: dict[str, np.ndarray], request: dict[str, Any]) -> Run | str: ...


def read_safetensors(path: str) -> dict[str, np.ndarray]:
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header, body = json.loads(file.read(size)), file.read()
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            tensors[name] = np.frombuffer(body[first:last], dtype="<f4").reshape(entry["shape"])
    return tensors


class Jax:
    """jit of one lax.scan over transitions around another over substeps."""

    def __init__(self, unrolled: bool, threads: int) -> None:
        if threads == 1:
            os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        os.environ["JAX_PLATFORMS"] = "cpu"
        import jax

        self._jax, self._unrolled = jax, unrolled

    def prepare(self, tensors: dict[str, np.ndarray], request: dict[str, Any]) -> Run | str:
        jax = self._jax
        jnp = jax.numpy

        def gradient(energy: Callable[[Array], tuple[Array, Array]], q: Array) -> tuple[Array, Array]:
            slope, extra = jax.grad(energy, has_aux=True)(q)
            return slope, extra

        arrays = Arrays(
            constant=jnp.asarray,
            tanh=jnp.tanh,
            softplus=jax.nn.softplus,
            where=jnp.where,
            concatenate=lambda parts: jnp.concatenate(parts, axis=-1),
            product=jnp.einsum,
            solve=lambda a, b: jnp.linalg.solve(a, b[..., None])[..., 0],
            gradient=gradient,
        )
        formulas = Formulas(arrays, tensors, request["kind"], request["step"], request["mass_epsilon"])
        substeps = int(request["substeps"])

        def transition(carried: Array, u: Array) -> tuple[Array, Array]:
            def substep(state: Array, _: None) -> tuple[Array, None]:
                return formulas.substep(state, u), None

            unroll = substeps if self._unrolled else 1
            carried, _ = jax.lax.scan(substep, carried, None, length=substeps, unroll=unroll)
            return carried, formulas.report(carried)

        def rollout(initial: Array, controls: Array) -> Array:
            _, states = jax.lax.scan(transition, formulas.enter(initial), controls.swapaxes(0, 1))
            return jnp.concatenate([initial[:, None], states.swapaxes(0, 1)], axis=1)

        def final_sum(controls: Array, initial: Array) -> Array:
            last, _ = jax.lax.scan(transition, formulas.enter(initial), controls.swapaxes(0, 1))
            return formulas.report(last).sum()

        initial, controls = jnp.asarray(tensors["initial_state"]), jnp.asarray(tensors["controls"])
        if request["gradient"]:
            differentiate = jax.jit(jax.grad(final_sum))
            return lambda: differentiate(controls, initial).block_until_ready()
        compiled = jax.jit(rollout)
        return lambda: compiled(initial, controls).block_until_ready()


class Torch:
    """Transition after transition from Python; `compiled`: each transition one torch.compile graph of all its substeps."""

    def __init__(self, compiled: bool, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self._torch, self._compiled = torch, compiled

    def prepare(self, tensors: dict[str, np.ndarray], request: dict[str, Any]) -> Run | str:
        torch = self._torch
        is_hnn, wants_gradient = request["kind"] == "HNN", bool(request["gradient"])
        if self._compiled and (is_hnn or wants_gradient):
            return "torch.compile takes no gradient inside a graph, and one of 1,600 evaluations is not worth its compilation"

        def gradient(energy: Callable[[Array], tuple[Array, Array]], q: Array) -> tuple[Array, Array]:
            with torch.enable_grad():
                position = q if wants_gradient else q.detach().requires_grad_()
                value, extra = energy(position)
                (slope,) = torch.autograd.grad(value, position, create_graph=wants_gradient)
            return slope, extra if wants_gradient else extra.detach()

        arrays = Arrays(
            constant=lambda values: torch.from_numpy(np.array(values)),
            tanh=torch.tanh,
            softplus=torch.nn.functional.softplus,
            where=torch.where,
            concatenate=lambda parts: torch.cat(parts, -1),
            product=torch.einsum,
            solve=torch.linalg.solve,
            gradient=gradient,
        )
        formulas = Formulas(arrays, tensors, request["kind"], request["step"], request["mass_epsilon"])
        substeps = int(request["substeps"])

        def transition(carried: Array, u: Array) -> Array:
            for _ in range(substeps):
                carried = formulas.substep(carried, u)
            return carried

        if self._compiled:
            transition = torch.compile(transition, fullgraph=True, dynamic=False)
        initial = torch.from_numpy(tensors["initial_state"].copy())
        controls = torch.from_numpy(tensors["controls"].copy())

        def rollout() -> Array:
            with torch.no_grad() if is_hnn else torch.inference_mode():
                carried = formulas.enter(initial)
                states = [initial]
                for t in range(controls.shape[1]):
                    carried = transition(carried, controls[:, t])
                    states.append(formulas.report(carried))
                return torch.stack(states, 1)

        def differentiate() -> Array:
            u = controls.clone().requires_grad_()
            carried = formulas.enter(initial.clone().requires_grad_(is_hnn))
            for t in range(u.shape[1]):
                carried = transition(carried, u[:, t])
            (slope,) = torch.autograd.grad(formulas.report(carried).sum(), u)
            return slope

        return differentiate if wants_gradient else rollout


def make_library(name: str, threads: int) -> Library:
    match name:
        case "jax-scan" | "jax-unrolled":
            return Jax(name == "jax-unrolled", threads)
        case "torch-eager" | "torch-compile":
            return Torch(name == "torch-compile", threads)
    raise ValueError(f"no peer {name}; there are jax-scan, jax-unrolled, torch-eager, torch-compile")


def serve(library: Library) -> None:
    run: Run | None = None
    for line in sys.stdin:
        request = json.loads(line)
        reply: dict[str, Any]
        if request["op"] == "prepare":
            run = None  # frees what the case before it held
            prepared = library.prepare(read_safetensors(request["file"]), request)
            if isinstance(prepared, str):
                reply = {"skip": prepared}
            else:
                run = prepared
                start = time.perf_counter()
                run()  # compiles
                first = time.perf_counter() - start
                start = time.perf_counter()
                np.asarray(run(), dtype=np.float32).tofile(request["result"])
                reply = {"first_ms": 1e3 * first, "ms": 1e3 * (time.perf_counter() - start)}
        elif run is None:
            reply = {"error": "run before prepare"}
        else:
            start, cpu_start = time.perf_counter(), time.process_time()
            run()
            end, cpu_end = time.perf_counter(), time.process_time()
            reply = {"ms": 1e3 * (end - start), "cpu_ms": 1e3 * (cpu_end - cpu_start)}
        print(json.dumps(reply), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", required=True)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.threads == 1:  # before a library counts the cores
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    serve(make_library(arguments.library, arguments.threads))


if __name__ == "__main__":
    main()
