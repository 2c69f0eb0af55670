"""Compares updates per second of SAC with SBX (JAX) and Stable-Baselines3 (PyTorch), in turns on one core.

Optional: needs `pip install sbx-rl` in an environment of its own. Every measurement runs in a process pinned to the same
core and is told in updates per second of that process's own CPU time, so that other work on the machine counts little.

    python bench/peers/sac_peers.py --sac-bench build/release/bin/sac_bench --rounds 4
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

OBSERVATION_SIZE = 11
NUM_CONTROLS = 3
ONE_CORE = {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "OMP_NUM_THREADS": "1",
    "JAX_PLATFORMS": "cpu",
}


def measure_peer(library: str, updates_per_call: int, seconds: float) -> float:
    """Updates per CPU second of the library's own SAC with default settings on random transitions."""
    import gymnasium
    import numpy as np

    if library == "sbx":
        from sbx import SAC
    else:
        import torch
        from stable_baselines3 import SAC

        torch.set_num_threads(1)

    class RandomTask(gymnasium.Env[np.ndarray, np.ndarray]):
        observation_space = gymnasium.spaces.Box(-10.0, 10.0, (OBSERVATION_SIZE,), np.float32)
        action_space = gymnasium.spaces.Box(-1.0, 1.0, (NUM_CONTROLS,), np.float32)

        def reset(
            self, *, seed: int | None = None, options: dict[str, object] | None = None
        ) -> tuple[np.ndarray, dict[str, object]]:
            super().reset(seed=seed)
            return self.observation_space.sample(), {}

        def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, object]]:
            return self.observation_space.sample(), 0.0, False, False, {}

    model = SAC("MlpPolicy", RandomTask(), buffer_size=200_000, learning_starts=1000, device="cpu")
    model.learn(1100)  # fills the buffer and compiles
    model.train(gradient_steps=updates_per_call, batch_size=256)
    start, count = time.process_time(), 0
    while time.process_time() - start < seconds:
        model.train(gradient_steps=updates_per_call, batch_size=256)
        count += updates_per_call
    return count / (time.process_time() - start)


def measure(argv: list[str], core: int) -> str:
    """The standard output of `argv`, run on one core."""
    result = subprocess.run(
        argv,
        env={**os.environ, **ONE_CORE},
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        sys.exit(f"{argv}: exit status {result.returncode}\n{result.stderr[-2000:]}")
    return result.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sac-bench", default="build/release/bin/sac_bench")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--peer", help=argparse.SUPPRESS)  # one measurement, in this process
    arguments = parser.parse_args()

    if arguments.peer:
        library, updates_per_call = arguments.peer.split(":")
        print(measure_peer(library, int(updates_per_call), arguments.seconds))
        return

    rates: dict[str, list[float]] = {}
    for _ in range(arguments.rounds):
        ours = json.loads(
            measure(
                [arguments.sac_bench, "--json", "--rounds", "1", "--seconds", str(arguments.seconds)], arguments.core
            )
        )
        rates.setdefault("rollout", []).append(ours[0]["updates_per_cpu_second"])
        for name, peer in {
            "SBX, 1 update a call": "sbx:1",
            "SBX, 64 updates a call": "sbx:64",
            "Stable-Baselines3": "sb3:1",
        }.items():
            command = [sys.executable, __file__, "--peer", peer, "--seconds", str(arguments.seconds)]
            rates.setdefault(name, []).append(float(measure(command, arguments.core).split()[-1]))

    ours_best, ours_median = max(rates["rollout"]), statistics.median(rates["rollout"])
    print(f"{'':24}{'best/s':>9}{'median/s':>10}{'ours is (best)':>16}{'(median)':>10}")
    for name, values in rates.items():
        best, median = max(values), statistics.median(values)
        print(f"{name:24}{best:9.1f}{median:10.1f}{ours_best / best:15.2f}x{ours_median / median:9.2f}x")


if __name__ == "__main__":
    main()
