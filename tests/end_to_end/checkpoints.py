"""Checkpoints written without this project's code, whole and damaged, and what their models predict.

An independent second opinion on the format in docs/formats.md: numpy and safetensors only.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

Floats = NDArray[np.float32]


@dataclass
class TinyModel:
    """A NODE_SO model with one hidden tanh layer, integrated with constant acceleration over each substep."""

    name: str = "tiny"
    num_positions: int = 2
    num_controls: int = 1
    hidden: int = 8
    dt: float = 0.02
    substeps: int = 4
    control_bound: float = 1.0
    seed: int = 0
    scale: float = 0.5
    weights: dict[str, Floats] = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        n, nu, hidden = self.num_positions, self.num_controls, self.hidden
        inputs = 2 * n + nu
        self.weights = {
            "input.mean": np.zeros(inputs, np.float32),
            "input.std": np.ones(inputs, np.float32),
            "output.mean": np.zeros(n, np.float32),
            "output.std": np.ones(n, np.float32),
            "mlp.0.weight": (self.scale * rng.standard_normal((1, hidden, inputs))).astype(np.float32),
            "mlp.0.bias": np.zeros((1, hidden), np.float32),
            "mlp.1.weight": (self.scale * rng.standard_normal((1, n, hidden))).astype(np.float32),
            "mlp.1.bias": np.zeros((1, n), np.float32),
        }

    @property
    def state_size(self) -> int:
        return 2 * self.num_positions

    def spec(self) -> dict[str, object]:
        return {
            "name": self.name,
            "num_positions": self.num_positions,
            "num_controls": self.num_controls,
            "transition_dt": self.dt,
            "integrator": {"method": "CONSTANT_ACCELERATION", "substeps": self.substeps},
            "ensemble_size": 1,
            "dynamics": {"kind": "NODE_SO", "hidden_sizes": [self.hidden], "activation": "TANH"},
            "state_scale": [1.0] * self.state_size,
            "control_low": [-self.control_bound] * self.num_controls,
            "control_high": [self.control_bound] * self.num_controls,
        }

    def rollout(self, states: NDArray[np.floating], controls: NDArray[np.floating]) -> NDArray[np.float64]:
        """Trajectories [B, T + 1, 2n] in float64, from the formulas: q += h v + h^2 a / 2, v += h a."""
        w = {name: value.astype(np.float64) for name, value in self.weights.items()}
        lanes, horizon, _ = controls.shape
        bounded = np.clip(controls.astype(np.float64), -self.control_bound, self.control_bound)
        n, h = self.num_positions, self.dt / self.substeps
        state = np.broadcast_to(states.astype(np.float64), (lanes, self.state_size)).copy()
        trajectory = [state.copy()]
        for t in range(horizon):
            for _ in range(self.substeps):
                inputs = np.concatenate([state, bounded[:, t]], axis=1)
                inputs = (inputs - w["input.mean"]) / w["input.std"]
                layer = np.tanh(inputs @ w["mlp.0.weight"][0].T + w["mlp.0.bias"][0])
                acceleration = layer @ w["mlp.1.weight"][0].T + w["mlp.1.bias"][0]
                acceleration = w["output.std"] * acceleration + w["output.mean"]
                state[:, :n] += h * state[:, n:] + 0.5 * h * h * acceleration
                state[:, n:] += h * acceleration
            trajectory.append(state.copy())
        return np.stack(trajectory, axis=1)

    def files(self) -> dict[str, bytes]:
        """The version folder's files but the manifest."""
        return {
            "model.json": json.dumps(self.spec(), indent=2).encode(),
            "weights.safetensors": save(self.weights),
        }


def manifest(files: dict[str, bytes]) -> bytes:
    entries = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)} for name, content in files.items()
    }
    return json.dumps({"files": entries}).encode()


def versions(repository: Path, model: str) -> list[int]:
    folder = repository / model
    names = os.listdir(folder) if folder.exists() else []
    return sorted(int(name) for name in names if name.isdigit())


def publish(repository: Path, model: str, files: dict[str, bytes]) -> int:
    """Writes `files` into a staging folder and renames it to the next version."""
    folder = repository / model
    folder.mkdir(parents=True, exist_ok=True)
    staging = folder / f".staging-{secrets.token_hex(8)}"
    staging.mkdir()
    for name, content in files.items():
        (staging / name).write_bytes(content)
    version = max(versions(repository, model), default=0) + 1
    staging.rename(folder / str(version))
    return version


def publish_model(repository: Path, model: TinyModel) -> int:
    files = model.files()
    return publish(repository, model.name, {**files, "manifest.json": manifest(files)})


def _truncated_weights(files: dict[str, bytes]) -> dict[str, bytes]:
    return {**files, "manifest.json": manifest(files), "weights.safetensors": files["weights.safetensors"][:-7]}


def _wrong_digest(files: dict[str, bytes]) -> dict[str, bytes]:
    content = json.loads(manifest(files))
    content["files"]["weights.safetensors"]["sha256"] = "0" * 64
    return {**files, "manifest.json": json.dumps(content).encode()}


def _with_weights(files: dict[str, bytes], weights: dict[str, Floats]) -> dict[str, bytes]:
    changed = {**files, "weights.safetensors": save(weights)}
    return {**changed, "manifest.json": manifest(changed)}


def _with_json(files: dict[str, bytes], text: bytes) -> dict[str, bytes]:
    changed = {**files, "model.json": text}
    return {**changed, "manifest.json": manifest(changed)}


def _nan_weight(model: TinyModel) -> dict[str, bytes]:
    weights = {name: value.copy() for name, value in model.weights.items()}
    weights["mlp.0.weight"][0, 0, 0] = np.nan
    return _with_weights(model.files(), weights)


def _missing_tensor(model: TinyModel) -> dict[str, bytes]:
    weights = {name: value for name, value in model.weights.items() if name != "mlp.1.bias"}
    return _with_weights(model.files(), weights)


def _wrong_name(model: TinyModel) -> dict[str, bytes]:
    return _with_json(model.files(), json.dumps({**model.spec(), "name": "somebody-else"}).encode())


def _bad_json(model: TinyModel) -> dict[str, bytes]:
    return _with_json(model.files(), b'{"name": "tiny", ')


def _duplicate_key(model: TinyModel) -> dict[str, bytes]:
    files = model.files()
    text = manifest(files).decode()
    first = text.index('"weights.safetensors"')
    entry = text[first : text.index("}", first) + 1]
    return {**files, "manifest.json": text.replace(entry, entry + ", " + entry, 1).encode()}


def _huge_header(model: TinyModel) -> dict[str, bytes]:
    changed = {**model.files(), "weights.safetensors": (1 << 62).to_bytes(8, "little") + b"{}"}
    return {**changed, "manifest.json": manifest(changed)}


def _half_copied(model: TinyModel) -> dict[str, bytes]:
    files = model.files()
    return {"model.json": files["model.json"], "manifest.json": manifest(files)}


@dataclass(frozen=True)
class Damage:
    """One way to spoil a checkpoint, and a word that its rejection must contain."""

    what: str
    files: Callable[[TinyModel], dict[str, bytes]]
    reason: str


DAMAGES = (
    Damage("truncated weights", lambda model: _truncated_weights(model.files()), "weights.safetensors"),
    Damage("wrong sha256", lambda model: _wrong_digest(model.files()), "weights.safetensors"),
    Damage("NaN weight", _nan_weight, "mlp.0.weight"),
    Damage("missing tensor", _missing_tensor, "mlp.1.bias"),
    Damage("wrong name", _wrong_name, "somebody-else"),
    Damage("bad JSON", _bad_json, "model.json"),
    Damage("duplicate key", _duplicate_key, "weights.safetensors"),
    Damage("huge header", _huge_header, "weights.safetensors"),
    Damage("half-copied folder", _half_copied, "weights.safetensors"),
)


def publish_symlink(repository: Path, model: TinyModel) -> int:
    """A version whose weights are a link to a file outside the folder: the tenth kind of damage."""
    outside = repository.parent / f"weights-{secrets.token_hex(4)}"
    files = model.files()
    outside.write_bytes(files["weights.safetensors"])
    folder = repository / model.name
    staging = folder / f".staging-{secrets.token_hex(8)}"
    staging.mkdir(parents=True)
    (staging / "model.json").write_bytes(files["model.json"])
    (staging / "manifest.json").write_bytes(manifest(files))
    (staging / "weights.safetensors").symlink_to(outside)
    version = max(versions(repository, model.name), default=0) + 1
    staging.rename(folder / str(version))
    return version


def prune(repository: Path, model: str, keep: int) -> None:
    """Removes all but the highest `keep` versions; each leaves its name first."""
    for version in versions(repository, model)[:-keep]:
        going = repository / model / f".removed-{version}"
        (repository / model / str(version)).rename(going)
        shutil.rmtree(going)
