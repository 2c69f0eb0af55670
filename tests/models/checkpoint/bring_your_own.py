"""What a person with arrays and PyTorch networks has, for docs/bring-your-own.

Called as `bring_your_own.py make|save-pt|spoil-normalisers|check FOLDER`.

make writes FOLDER/{episodes.npz, normalisers.npz, delta.safetensors, derivative.safetensors, member_0.safetensors,
member_1.safetensors}: a cart with a pole (2 positions, 1 control) and networks of random weights for it.
save-pt saves the delta network by PyTorch itself as FOLDER/delta.pt; exits with 3 where torch cannot be imported.
spoil-normalisers writes FOLDER/spoiled.npz, whose input_std is one number short.
check loads the dataset with Minari, and compares the golden set of the delta model with that model's own formula.
"""

import itertools
import os
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

STEPS = (60, 45, 30)


def sequential(sizes: list[int], random: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """The state_dict of nn.Sequential(nn.Linear, activation, nn.Linear, ...)."""
    state_dict = {}
    for i, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        state_dict[f"{2 * i}.weight"] = (random.normal(size=(outputs, inputs)) / np.sqrt(inputs)).astype(np.float32)
        state_dict[f"{2 * i}.bias"] = random.uniform(-0.2, 0.2, outputs).astype(np.float32)
    return state_dict


def make(folder: Path) -> None:
    random = np.random.default_rng(1)
    arrays = {}
    for i, steps in enumerate(STEPS):
        walk = np.cumsum(random.normal(size=(steps + 1, 4)) * [0.05, 0.05, 0.1, 0.2], axis=0)
        arrays[f"states_{i}"] = walk
        arrays[f"controls_{i}"] = random.uniform(-1.5, 1.5, (steps, 1))
        arrays[f"rewards_{i}"] = np.ones(steps)
        arrays[f"terminations_{i}"] = np.arange(steps) == (steps - 1 if i == 0 else -1)
    np.savez(folder / "episodes.npz", **arrays)
    np.savez(
        folder / "normalisers.npz",
        input_mean=random.uniform(-0.1, 0.1, 5),
        input_std=random.uniform(0.5, 1.5, 5),
        output_mean=random.uniform(-0.001, 0.001, 4),
        output_std=random.uniform(0.005, 0.02, 4),
    )
    save_file(sequential([5, 16, 8, 4], random), folder / "delta.safetensors")
    save_file(sequential([5, 16, 4], random), folder / "derivative.safetensors")
    for member in range(2):  # [cos, sin of the pole; cart ignored], velocities, control
        save_file(sequential([5, 12, 2], random), folder / f"member_{member}.safetensors")


def save_pt(folder: Path) -> None:
    try:
        import torch
    except ImportError:
        sys.exit(3)
    layers = [torch.nn.Linear(5, 16), torch.nn.Tanh(), torch.nn.Linear(16, 8), torch.nn.Tanh(), torch.nn.Linear(8, 4)]
    model = torch.nn.Sequential(*layers)
    arrays = load_file(folder / "delta.safetensors")
    model.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    torch.save(model.state_dict(), folder / "delta.pt")


def spoil_normalisers(folder: Path) -> None:
    normalisers = dict(np.load(folder / "normalisers.npz"))
    normalisers["input_std"] = normalisers["input_std"][:-1]
    np.savez(folder / "spoiled.npz", **normalisers)


def check(folder: Path) -> None:
    os.environ["MINARI_DATASETS_PATH"] = str(folder / "datasets")
    import minari

    dataset = minari.load_dataset("rollout/cart-v0")
    assert dataset.total_episodes == len(STEPS) and dataset.total_steps == sum(STEPS)
    episodes = list(dataset.iterate_episodes())
    with np.load(folder / "episodes.npz") as arrays:
        for i, episode in enumerate(episodes):
            assert np.array_equal(episode.observations, arrays[f"states_{i}"])
            assert np.array_equal(episode.actions, arrays[f"controls_{i}"])
    assert episodes[0].terminations[-1] and not episodes[0].truncations.any()
    assert episodes[1].truncations[-1] and not episodes[1].terminations.any()

    golden = load_file(folder / "models/cart/1/golden.safetensors")
    weights, normalisers = load_file(folder / "delta.safetensors"), np.load(folder / "normalisers.npz")
    state = golden["initial_state"].astype(np.float64)
    for step in range(golden["controls"].shape[1]):
        control = np.clip(golden["controls"][:, step], -1, 1)
        x = np.concatenate([state, control], axis=1)
        x = (x - normalisers["input_mean"]) / normalisers["input_std"]
        for layer in (0, 2):
            x = np.tanh(x @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"])
        x = x @ weights["4.weight"].T + weights["4.bias"]
        state = state + normalisers["output_std"] * x + normalisers["output_mean"]
        assert np.abs(state - golden["trajectory"][:, step + 1]).max() < 1e-5, step
    assert step + 1 == min(STEPS)


if __name__ == "__main__":
    commands = {"make": make, "save-pt": save_pt, "spoil-normalisers": spoil_normalisers, "check": check}
    commands[sys.argv[1]](Path(sys.argv[2]))
