"""Writes datasets as Python users do, for the C++ reader: `python_writes.py FOLDER`.

FOLDER/h5py.hdf5: plain h5py with float32 arrays, uint8 flags and only the two required attributes.
FOLDER/minari/small-v0: made by Minari from buffers, then given the two attributes.
"""

import os
import sys
import warnings
from pathlib import Path

import h5py
import numpy as np


def arrays(episode: int) -> dict[str, np.ndarray]:
    """Episode `episode` of 3 + episode steps: a state of 5 numbers, 2 controls."""
    steps = 3 + episode
    return {
        "observations": np.arange((steps + 1) * 5, dtype=np.float64).reshape(-1, 5) / 4,
        "actions": np.full((steps, 2), 0.5),
        "rewards": np.ones(steps),
        "terminations": np.arange(steps) == steps - 1,
        "truncations": np.zeros(steps, dtype=bool),
    }


def write_h5py(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["num_positions"] = 3
        file.attrs["dt"] = np.float32(0.25)
        file.attrs["state_names"] = ["a", "b", "c", "d", "e"]
        for episode in range(11):
            group = file.create_group(f"episode_{episode}")
            for name, values in arrays(episode).items():
                is_flag = values.dtype == bool
                group.create_dataset(name, data=values.astype(np.uint8 if is_flag else np.float32))


def write_minari(folder: Path) -> None:
    os.environ["MINARI_DATASETS_PATH"] = str(folder)
    warnings.simplefilter("ignore")  # Minari wants an author and more of every dataset
    import gymnasium
    import minari
    from minari.data_collector import EpisodeBuffer

    buffers = [EpisodeBuffer(id=None, **{k: list(v) for k, v in arrays(i).items()}) for i in range(3)]
    minari.create_dataset_from_buffers(
        dataset_id="minari/small-v0",
        buffer=buffers,
        observation_space=gymnasium.spaces.Box(-np.inf, np.inf, (5,), np.float64),
        action_space=gymnasium.spaces.Box(-1, 1, (2,), np.float64),
    )
    with h5py.File(folder / "minari/small-v0/data/main_data.hdf5", "a") as file:
        file.attrs["num_positions"] = 3
        file.attrs["dt"] = 0.25


def main() -> None:
    folder = Path(sys.argv[1])
    write_h5py(folder / "h5py.hdf5")
    write_minari(folder)


if __name__ == "__main__":
    main()
