"""Takes the episodes of a dataset apart: one .npz each, as rolloutctl reads them."""

from __future__ import annotations

import argparse
from pathlib import Path

import h5py
import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path, help="an .hdf5 file in Minari's layout")
    parser.add_argument("out", type=Path, help="folder for episode-<n>.npz")
    arguments = parser.parse_args()
    with h5py.File(arguments.dataset) as file:
        names = sorted(file, key=lambda name: int(name.removeprefix("episode_")))
        for number, name in enumerate(names):
            states, controls = file[name]["observations"][()], file[name]["actions"][()]
            np.savez(arguments.out / f"episode-{number}.npz", states=states, controls=controls)
            steps, reward = len(controls), file[name]["rewards"][()].sum()
            print(f"episode {number}: {steps} steps, return {reward:.0f}")


if __name__ == "__main__":
    main()
