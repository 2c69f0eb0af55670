#!/usr/bin/env python3
"""Turns arrays of states and controls into a dataset that Minari and rollout-trainer read.

    arrays_to_dataset.py episodes.npz --datasets DIR --id rollout/cart-v0 --num-positions 2 --dt 0.02

`episodes.npz` holds, for each episode i = 0, 1, 2, ...:
  states_i         [T + 1, nq + nv]  positions, then velocities; the last state included
  controls_i       [T, nu]           held constant from one state to the next
  rewards_i        [T]               optional, else 0
  terminations_i   [T]               optional, else never
  truncations_i    [T]               optional, else at the last step of an episode that did not terminate
Needs numpy and h5py. The result is DIR/<id>/data/{main_data.hdf5, metadata.json}.
"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

MINARI_VERSION = "0.5.4"


@dataclass
class DatasetInfo:
    """What the trainer needs to know beyond the arrays."""

    id: str  # "<namespace>/<name>-v<number>"
    num_positions: int
    dt: float  # seconds between states
    angular_positions: Sequence[int] = ()  # enter networks as cosine and sine
    ignored_positions: Sequence[int] = ()  # enter no network (translations)
    control_low: Sequence[float] = ()  # empty = unbounded
    control_high: Sequence[float] = ()
    state_names: Sequence[str] = ()
    control_names: Sequence[str] = ()
    reward: str = ""  # a named reward of the server, such as "hopper_v5"
    termination: str = ""


@dataclass
class Episode:
    """One episode of T steps; shapes as above."""

    states: NDArray[np.float64]
    controls: NDArray[np.float64]
    rewards: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    terminations: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    truncations: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))

    def __post_init__(self) -> None:
        self.states = np.asarray(self.states, np.float64)
        self.controls = np.asarray(self.controls, np.float64)
        steps = len(self.controls)
        if self.states.ndim != 2 or self.controls.ndim != 2 or len(self.states) != steps + 1 or steps == 0:
            raise ValueError(
                f"found states {self.states.shape} and controls {self.controls.shape}, "
                "expected [T + 1, nq + nv] and [T, nu] with T of at least 1"
            )
        for name in ("states", "controls"):
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"{name} hold NaN or infinities")
        self.rewards = np.asarray(self.rewards, np.float64) if len(self.rewards) else np.zeros(steps)
        self.terminations = np.asarray(self.terminations, bool) if len(self.terminations) else np.zeros(steps, bool)
        if not len(self.truncations):
            self.truncations = np.zeros(steps, bool)
            self.truncations[-1] = not self.terminations[-1]
        self.truncations = np.asarray(self.truncations, bool)
        for name in ("rewards", "terminations", "truncations"):
            if getattr(self, name).shape != (steps,):
                raise ValueError(f"found {name} {getattr(self, name).shape}, expected ({steps},)")


def read_npz(path: Path) -> list[Episode]:
    """The episodes of a file laid out as above."""
    episodes: list[Episode] = []
    with np.load(path) as arrays:
        while f"states_{len(episodes)}" in arrays:
            i = len(episodes)
            names = ("states", "controls", "rewards", "terminations", "truncations")
            given = {name: arrays[f"{name}_{i}"] for name in names if f"{name}_{i}" in arrays}
            if "controls" not in given:
                raise ValueError(f"{path}: controls_{i} is missing")
            try:
                episodes.append(Episode(**given))
            except ValueError as error:
                raise ValueError(f"{path}, episode {i}: {error}") from error
    if not episodes:
        raise ValueError(f"{path}: found no states_0")
    return episodes


def box(width: int, low: Sequence[float], high: Sequence[float]) -> str:
    """A Gymnasium Box space in Minari's JSON."""
    return json.dumps(
        {
            "type": "Box",
            "dtype": "float64",
            "shape": [width],
            "low": list(low) or [-math.inf] * width,
            "high": list(high) or [math.inf] * width,
        }
    )


def write_dataset(datasets: Path, info: DatasetInfo, episodes: Sequence[Episode]) -> Path:
    """Writes `episodes` below the folder `datasets` and returns the dataset's own folder."""
    width, num_controls = episodes[0].states.shape[1], episodes[0].controls.shape[1]
    for i, episode in enumerate(episodes):
        found = (episode.states.shape[1], episode.controls.shape[1])
        if found != (width, num_controls):
            raise ValueError(f"episode {i}: found widths {found}, expected {(width, num_controls)} as in episode 0")
    if not 0 < info.num_positions < width:
        raise ValueError(
            f"num_positions: found {info.num_positions}, expected 1 to {width - 1} of {width} state numbers"
        )

    folder = datasets / info.id
    (folder / "data").mkdir(parents=True)
    attributes = {
        "dataset_id": info.id,
        "num_positions": info.num_positions,
        "num_velocities": width - info.num_positions,
        "num_controls": num_controls,
        "dt": info.dt,
        "angular_positions": np.asarray(info.angular_positions, np.int64),
        "ignored_positions": np.asarray(info.ignored_positions, np.int64),
        "control_low": np.asarray(info.control_low, np.float64),
        "control_high": np.asarray(info.control_high, np.float64),
        "state_names": list(info.state_names),
        "control_names": list(info.control_names),
        "reward": info.reward,
        "termination": info.termination,
    }
    with h5py.File(folder / "data/main_data.hdf5", "w") as file:
        for name, value in attributes.items():
            if not isinstance(value, (str, list, np.ndarray)) or len(value):
                file.attrs[name] = value
        for i, episode in enumerate(episodes):
            group = file.create_group(f"episode_{i}")
            group.attrs["id"] = i
            group.attrs["total_steps"] = len(episode.controls)
            group["observations"] = episode.states
            group["actions"] = episode.controls
            group["rewards"] = episode.rewards
            group["terminations"] = episode.terminations
            group["truncations"] = episode.truncations
    metadata = {
        "dataset_id": info.id,
        "minari_version": MINARI_VERSION,
        "data_format": "hdf5",
        "total_episodes": len(episodes),
        "total_steps": sum(len(episode.controls) for episode in episodes),
        "observation_space": box(width, (), ()),
        "action_space": box(num_controls, info.control_low, info.control_high),
    }
    (folder / "data/metadata.json").write_text(json.dumps(metadata, indent=1))
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("episodes", type=Path)
    parser.add_argument("--datasets", type=Path, required=True, help="Minari's folder of datasets")
    parser.add_argument("--id", required=True, help="<namespace>/<name>-v<number>")
    parser.add_argument("--num-positions", type=int, required=True)
    parser.add_argument("--dt", type=float, required=True, help="seconds between states")
    parser.add_argument("--angular-positions", type=int, nargs="*", default=[])
    parser.add_argument("--ignored-positions", type=int, nargs="*", default=[])
    parser.add_argument("--control-low", type=float, nargs="*", default=[])
    parser.add_argument("--control-high", type=float, nargs="*", default=[])
    parser.add_argument("--state-names", nargs="*", default=[])
    parser.add_argument("--control-names", nargs="*", default=[])
    parser.add_argument("--reward", default="")
    parser.add_argument("--termination", default="")
    options = vars(parser.parse_args())
    episodes, datasets = read_npz(options.pop("episodes")), options.pop("datasets")
    print(write_dataset(datasets, DatasetInfo(**options), episodes))


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"arrays_to_dataset.py: {error}")
