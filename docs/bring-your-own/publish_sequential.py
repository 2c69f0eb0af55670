#!/usr/bin/env python3
"""Publishes PyTorch multilayer perceptrons as a version in a model repository.

    publish_sequential.py model.safetensors --repository repository --name cart --episodes episodes.npz \\
        --num-positions 2 --dt 0.02 --activation TANH --predicts delta --normalisers normalisers.npz

`model.safetensors` (or, where torch is installed, `model.pt`) is the state_dict() of an nn.Sequential of nn.Linear
with one activation after every layer but the last; several files make an ensemble. Its input is
  norm([cos(angular positions), sin(angular positions), other positions but the ignored ones, velocities, controls])
and its output y means, by --predicts, with normalisers std and mean:
  delta         z(t + dt) = z(t) + output_std * y + output_mean          all 2n numbers of the state
  derivative    dz/dt     = output_std * y + output_mean                 2n numbers
  acceleration  dv/dt     = output_std * y + output_mean, dq/dt = v      n numbers
`normalisers.npz` may hold input_mean, input_std, output_mean, output_std; what is missing is 0 or 1.
`episodes.npz` as for arrays_to_dataset.py: gives the scale of each state dimension and the golden rollouts that the
server must reproduce before it serves the version. Needs numpy and safetensors.
"""

import argparse
import ctypes
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save

Array = NDArray[Any]
ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "TANH": np.tanh,
    "RELU": lambda x: np.maximum(x, 0),
    "SILU": lambda x: x / (1 + np.exp(-x)),
    "SOFTPLUS": lambda x: np.logaddexp(x, 0),
}
GOLDEN_LANES, GOLDEN_STEPS = 8, 50
FLOAT32_AGREES = 1e-4  # of the spread: a golden set must not hang on rounding


def load_state_dict(path: Path) -> dict[str, Array]:
    if path.suffix == ".safetensors":
        return load_file(path)
    try:
        import torch
    except ImportError as error:
        raise ValueError(f"{path}: reading it needs torch; without torch, give safetensors") from error

    return {name: tensor.numpy() for name, tensor in torch.load(path, weights_only=True).items()}


def layers_of(state_dict: Mapping[str, Array]) -> list[tuple[Array, Array]]:
    """(weight [out, in], bias [out]) of each linear layer, in order."""
    layers: list[tuple[Array, Array]] = []
    for name in state_dict:
        if not re.fullmatch(r"\d+\.(weight|bias)", name):
            raise ValueError(f"found {name}, expected the <i>.weight and <i>.bias of an nn.Sequential of nn.Linear")
    for index in sorted({int(name.split(".")[0]) for name in state_dict}):
        weight = np.asarray(state_dict[f"{index}.weight"], np.float32)
        if weight.ndim != 2:
            raise ValueError(f"{index}.weight: found shape {weight.shape}, expected the [out, in] of nn.Linear")
        bias = np.asarray(state_dict.get(f"{index}.bias", np.zeros(len(weight))), np.float32)
        if layers and layers[-1][0].shape[0] != weight.shape[1]:
            raise ValueError(
                f"{index}.weight: takes {weight.shape[1]} numbers, the layer before gives {len(layers[-1][0])}"
            )
        layers.append((weight, bias))
    return layers


@dataclass
class Model:
    """A spec in the form of model.json, and its tensors."""

    spec: dict[str, Any]
    tensors: dict[str, Array]

    def derivative(self, q: Array, v: Array, u: Array, number: type) -> tuple[Array, Array]:
        """dq/dt and dv/dt [E, B, n] for states [E, B, n] and controls [E, B, nu]."""
        angular, ignored = self.spec["angular_positions"], self.spec["ignored_positions"]
        rest = [i for i in range(q.shape[-1]) if i not in angular and i not in ignored]
        x = np.concatenate([np.cos(q[..., angular]), np.sin(q[..., angular]), q[..., rest], v, u], -1)
        tensors: dict[str, Array] = {name: tensor.astype(number) for name, tensor in self.tensors.items()}
        x = (x - tensors["input.mean"]) / tensors["input.std"]
        depth = len(self.spec["dynamics"]["hidden_sizes"])
        for i in range(depth + 1):
            x = x @ tensors[f"mlp.{i}.weight"].swapaxes(1, 2) + tensors[f"mlp.{i}.bias"][:, None]
            if i < depth:
                x = ACTIVATIONS[self.spec["dynamics"]["activation"]](x)
        y = tensors["output.std"] * x + tensors["output.mean"]
        n = q.shape[-1]
        return (v, y) if self.spec["dynamics"]["kind"] == "NODE_SO" else (y[..., :n], y[..., n:])

    def rollout(self, initial: Array, controls: Array, number: type) -> Array:
        """The mean over members of the trajectories [B, T + 1, 2n], computed in `number`s by Euler's method."""
        members = self.spec["ensemble_size"]
        z: Array = np.repeat(initial[None].astype(number), members, 0)
        n, substeps = self.spec["num_positions"], self.spec["integrator"]["substeps"]
        h = number(self.spec["transition_dt"] / substeps)
        if self.spec["control_low"]:
            controls = np.clip(controls, self.spec["control_low"], self.spec["control_high"])
        states = [z]
        for step in range(controls.shape[1]):
            u: Array = np.repeat(controls[None, :, step].astype(number), members, 0)
            for _ in range(substeps):
                dq, dv = self.derivative(z[..., :n], z[..., n:], u, number)
                z = z + h * np.concatenate([dq, dv], -1)
            states.append(z)
        return np.stack(states, 2).mean(0)


def build_model(
    weights: list[dict[str, Array]], normalisers: Mapping[str, Array], options: argparse.Namespace
) -> Model:
    members = [layers_of(state_dict) for state_dict in weights]
    shapes = [[weight.shape for weight, _ in layers] for layers in members]
    if any(shape != shapes[0] for shape in shapes):
        raise ValueError(f"the members of the ensemble have layers of different shapes: {shapes}")
    n, nu = options.num_positions, options.num_controls
    inputs = n + len(options.angular_positions) - len(options.ignored_positions) + n + nu
    outputs = n if options.predicts == "acceleration" else 2 * n
    if (shapes[0][0][1], shapes[0][-1][0]) != (inputs, outputs):
        raise ValueError(f"found a network {shapes[0][0][1]} -> {shapes[0][-1][0]}, expected {inputs} -> {outputs}")

    tensors: dict[str, Array] = {}
    for name, size, missing in (
        ("input_mean", inputs, 0), ("input_std", inputs, 1), ("output_mean", outputs, 0), ("output_std", outputs, 1),
    ):  # fmt: skip
        tensor = np.asarray(normalisers.get(name, np.full(size, missing)), np.float64)
        if tensor.shape not in {(size,), ()}:
            raise ValueError(f"{name}: found shape {tensor.shape}, expected ({size},) or one number for all")
        tensor = np.broadcast_to(tensor, (size,))
        if name.startswith("output") and options.predicts == "delta":
            tensor = tensor / options.dt  # one Euler step of dt multiplies by dt again
        tensors[name.replace("_", ".")] = tensor.astype(np.float32)
    for i in range(len(shapes[0])):
        tensors[f"mlp.{i}.weight"] = np.stack([layers[i][0] for layers in members])
        tensors[f"mlp.{i}.bias"] = np.stack([layers[i][1] for layers in members])
    spec = {
        "name": options.name,
        "num_positions": n,
        "num_controls": nu,
        "angular_positions": options.angular_positions,
        "ignored_positions": options.ignored_positions,
        "transition_dt": options.dt,
        "integrator": {"method": "EULER", "substeps": 1 if options.predicts == "delta" else options.substeps},
        "ensemble_size": len(members),
        "dynamics": {
            "kind": "NODE_SO" if options.predicts == "acceleration" else "NODE",
            "hidden_sizes": [shape[0] for shape in shapes[0][:-1]],
            "activation": options.activation,
        },
        "control_low": options.control_low,
        "control_high": options.control_high,
        "reward": options.reward,
        "termination": options.termination,
    }
    return Model(spec, tensors)


def state_scale(episodes: list[tuple[Array, Array]], angular: list[int]) -> list[float]:
    """The standard deviation of each state dimension; 1 for one that is constant."""
    states = np.concatenate([np.unwrap(s, axis=0) if angular else s for s, _ in episodes])
    plain = np.concatenate([s for s, _ in episodes])
    scale = plain.std(0)
    for i in angular:
        scale[i] = min(states[:, i].std(), np.pi / np.sqrt(3))
    scale[scale < 1e-6 * np.maximum(1, np.abs(plain.mean(0)))] = 1
    return [float(x) for x in scale]


def golden(model: Model, episodes: list[tuple[Array, Array]]) -> dict[str, Array]:
    """Rollouts beside recorded controls, as long as float32 follows float64."""
    longest = sorted(episodes, key=lambda episode: -len(episode[1]))[:GOLDEN_LANES]
    steps = min(GOLDEN_STEPS, *(len(controls) for _, controls in longest))
    initial = np.stack([states[0] for states, _ in longest]).astype(np.float32)
    while True:
        controls = np.stack([controls[:steps] for _, controls in longest]).astype(np.float32)
        exact, rounded = (model.rollout(initial, controls, number) for number in (np.float64, np.float32))
        flat = exact.reshape(-1, exact.shape[-1])
        spread = np.maximum(np.maximum(np.ptp(flat, axis=0), 1e-3 * np.abs(flat).max(0)), 1e-6)
        deviation = (np.abs(exact - rounded) / spread).max()
        if deviation <= FLOAT32_AGREES:
            return {"initial_state": initial, "controls": controls, "trajectory": exact.astype(np.float32)}
        if steps == 1:
            raise ValueError(f"float32 and float64 differ by {deviation} of the spread after one step, or diverge")
        steps = (steps + 1) // 2


def rename_no_replace(source: Path, target: Path) -> bool:
    """False, and nothing done, where `target` exists."""
    at_fdcwd, no_replace = -100, 1
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(at_fdcwd, os.fsencode(source), at_fdcwd, os.fsencode(target), no_replace) == 0:
        return True
    error = ctypes.get_errno()
    if error == errno.EEXIST:
        return False
    raise OSError(error, os.strerror(error), str(target))


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish(repository: Path, name: str, files: Mapping[str, bytes]) -> int:
    """Writes a version that readers see whole or not at all, and returns its number."""
    manifest = {n: {"sha256": hashlib.sha256(b).hexdigest(), "bytes": len(b)} for n, b in files.items()}
    files = {**files, "manifest.json": json.dumps({"files": manifest}, indent=1).encode()}
    folder = repository / name
    folder.mkdir(parents=True, exist_ok=True)
    staging = folder / f".staging-{secrets.token_hex(8)}"
    staging.mkdir()
    try:
        for file_name, content in files.items():
            with open(staging / file_name, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        sync_folder(staging)
        while True:
            numbers = [
                int(p.name) for p in folder.iterdir() if p.name.isascii() and p.name.isdigit() and p.name[0] != "0"
            ]
            version = max(numbers, default=0) + 1
            if rename_no_replace(staging, folder / str(version)):
                sync_folder(folder)
                return version
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def read_episodes(path: Path) -> list[tuple[Array, Array]]:
    with np.load(path) as arrays:
        count = sum(name.startswith("states_") for name in arrays)
        return [(arrays[f"states_{i}"].astype(float), arrays[f"controls_{i}"].astype(float)) for i in range(count)]


def check_episodes(episodes: list[tuple[Array, Array]], options: argparse.Namespace) -> None:
    """Raises ValueError where states, controls or their bounds have other sizes than the options say."""
    for i, (states, controls) in enumerate(episodes):
        if states.shape != (len(controls) + 1, 2 * options.num_positions):
            raise ValueError(
                f"states_{i}: found shape {states.shape}, expected {(len(controls) + 1, 2 * options.num_positions)}:"
                f" one more than controls_{i}, and twice --num-positions"
            )
    for name in ("control_low", "control_high"):
        if len(getattr(options, name)) not in {0, options.num_controls}:
            raise ValueError(
                f"--{name.replace('_', '-')}: found {len(getattr(options, name))} numbers, expected "
                f"{options.num_controls}, or none for unbounded controls"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, nargs="+", help=".safetensors or .pt of each member")
    parser.add_argument("--repository", type=Path, required=True, help="made where it is missing")
    parser.add_argument("--name", required=True)
    parser.add_argument("--episodes", type=Path, required=True)
    parser.add_argument("--num-positions", type=int, required=True)
    parser.add_argument("--dt", type=float, required=True, help="seconds between states")
    parser.add_argument("--activation", choices=list(ACTIVATIONS), required=True)
    parser.add_argument("--predicts", choices=["delta", "derivative", "acceleration"], required=True)
    parser.add_argument("--normalisers", type=Path)
    parser.add_argument("--substeps", type=int, default=1, help="Euler steps a transition; delta: always 1")
    parser.add_argument("--angular-positions", type=int, nargs="*", default=[])
    parser.add_argument("--ignored-positions", type=int, nargs="*", default=[])
    parser.add_argument("--control-low", type=float, nargs="*", default=[])
    parser.add_argument("--control-high", type=float, nargs="*", default=[])
    parser.add_argument("--reward", default="")
    parser.add_argument("--termination", default="")
    parser.add_argument("--card", type=Path, help="a Markdown file: where the model came from, how it scored")
    options = parser.parse_args()

    episodes = read_episodes(options.episodes)
    if not episodes:
        raise ValueError(f"{options.episodes}: found no states_0, expected states_i and controls_i of each episode")
    options.num_controls = episodes[0][1].shape[1]
    check_episodes(episodes, options)
    normalisers = dict(np.load(options.normalisers)) if options.normalisers else {}
    model = build_model([load_state_dict(path) for path in options.weights], normalisers, options)
    model.spec["state_scale"] = state_scale(episodes, options.angular_positions)
    files = {
        "model.json": json.dumps(model.spec, indent=1).encode(),
        "weights.safetensors": save(model.tensors),
        "golden.safetensors": save({k: np.ascontiguousarray(v) for k, v in golden(model, episodes).items()}),
    }
    if options.card:
        files["card.md"] = options.card.read_bytes()
    version = publish(options.repository, options.name, files)
    print(f"{options.repository / options.name / str(version)}")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"publish_sequential.py: {error}")
