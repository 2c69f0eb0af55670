"""Loads a dataset that the C++ writer made with Minari itself: `minari_reads.py DATASETS_FOLDER`.

Expects rollout/small-v0 with the four episodes of small_dataset.h (5, 6, 7, 8 steps).
"""

import math
import os
import sys

import numpy as np


def main() -> None:
    os.environ["MINARI_DATASETS_PATH"] = sys.argv[1]
    import minari

    dataset = minari.load_dataset("rollout/small-v0")
    assert dataset.total_episodes == 4, dataset.total_episodes
    assert dataset.total_steps == 5 + 6 + 7 + 8, dataset.total_steps
    assert dataset.observation_space.shape == (4,)
    assert dataset.action_space.low.tolist() == [-1.0] and dataset.action_space.high.tolist() == [2.0]
    for index, episode in enumerate(dataset.iterate_episodes()):
        steps = 5 + index
        assert episode.id == index
        assert episode.observations.shape == (steps + 1, 4) and episode.observations.dtype == np.float64
        assert episode.actions.shape == (steps, 1)
        assert math.isclose(episode.observations[2, 3], math.sin(1.0 + 2 + 30) + index, rel_tol=1e-15)
        assert episode.terminations.dtype == bool and episode.truncations.dtype == bool
        assert episode.terminations[-1] == (index % 2 == 0) and episode.truncations[-1] == (index % 2 == 1)
        assert not episode.terminations[:-1].any()
    assert len(dataset.sample_episodes(2)) == 2
    filtered = dataset.filter_episodes(lambda episode: episode.terminations[-1])
    assert filtered.total_episodes == 2 and filtered.total_steps == 5 + 7
    metadata = next(iter(dataset.storage.get_episode_metadata([1])))
    assert metadata["id"] == 1 and metadata["seed"] == 0xFEDCBA9876543210 + 1


if __name__ == "__main__":
    main()
