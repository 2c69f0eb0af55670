"""Records the golden episodes of tests/systems from Gymnasium itself.

Made with Python 3.11, gymnasium 1.4.0, mujoco 3.17.0 and numpy 2.4.6 (imageio
and packaging are only there because gymnasium's renderer imports them):

    python -m venv venv && venv/bin/pip install gymnasium==1.4.0 mujoco==3.17.0 numpy==2.4.6 imageio packaging
    venv/bin/python tests/systems/golden/record_gymnasium_episodes.py tests/systems/golden

One file <task>.f64 for each task, little-endian float64 throughout: state size, nu, observation size,
number of episodes; then for each episode T and the stride of observations, states [T + 1, state size],
actions [T, nu], rewards [T], terminated [T], truncated [T], and the observations of the steps 0, stride,
2 stride, ... [T // stride + 1, observation size] (0 is the state at the start).
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import gymnasium
import mujoco
import numpy as np

VERSIONS = {"gymnasium": "1.4.0", "mujoco": "3.17.0"}


@dataclass(frozen=True)
class Task:
    """What to record of one task: how long, how sparse, and from where an episode ends."""

    environment: str
    steps: int
    stride: int = 1
    # Positions and velocities (by index) of a start from which the episode soon ends, if it can.
    falling_start: tuple[dict[int, float], dict[int, float]] | None = None


TASKS = {
    "hopper_v5": Task("Hopper-v5", 50, falling_start=({2: -0.05}, {0: 1.0, 2: 11.0})),
    "walker2d_v5": Task("Walker2d-v5", 40, falling_start=({2: 0.7}, {2: 3.0})),
    "half_cheetah_v5": Task("HalfCheetah-v5", 50),
    "swimmer_v5": Task("Swimmer-v5", 60),
    "reacher_v5": Task("Reacher-v5", 50),
    "inverted_pendulum_v5": Task("InvertedPendulum-v5", 60, falling_start=({1: 0.05}, {1: 0.1})),
    "inverted_double_pendulum_v5": Task("InvertedDoublePendulum-v5", 60, falling_start=({1: 0.2}, {2: 11.0})),
    "ant_v5": Task("Ant-v5", 40, stride=2, falling_start=({2: 0.75}, {2: 2.8})),
    "humanoid_v5": Task("Humanoid-v5", 40, stride=8, falling_start=({2: 1.2}, {2: -3.0})),
}


def record(task: Task, action_scale: float, seed: int, falling: bool) -> list[np.ndarray]:
    """One episode under random actions of `action_scale` times the bounds, as arrays to be written."""
    env = gymnasium.make(task.environment, disable_env_checker=True)
    env.reset(seed=seed)
    inner = env.unwrapped
    positions, velocities = inner.data.qpos.copy(), inner.data.qvel.copy()
    if falling and task.falling_start is not None:
        for index, value in task.falling_start[0].items():
            positions[index] = value
        for index, value in task.falling_start[1].items():
            velocities[index] = value
    mujoco.mj_resetData(inner.model, inner.data)
    inner.set_state(positions, velocities)

    low, high = inner.model.actuator_ctrlrange.T
    random = np.random.default_rng(seed)
    states = [inner.state_vector()]
    observations = [inner._get_obs()]
    actions, rewards, terminated, truncated = [], [], [], []
    for _ in range(task.steps):
        action = random.uniform(action_scale * low, action_scale * high)
        observation, reward, ended, cut, _ = env.step(action)
        states.append(inner.state_vector())
        observations.append(observation)
        actions.append(action)
        rewards.append(reward)
        terminated.append(ended)
        truncated.append(cut)
        if ended and falling:
            break
    steps = len(actions)
    kept = observations[:: task.stride]
    assert len(kept) == steps // task.stride + 1
    return [
        np.array([steps, task.stride]),
        np.array(states),
        np.array(actions),
        np.array(rewards),
        np.array(terminated),
        np.array(truncated),
        np.array(kept),
    ]


def main() -> None:
    for package, version in VERSIONS.items():
        found = sys.modules[package].__version__
        if found != version:
            raise SystemExit(f"{package} is {found}, expected {version}")
    folder = Path(sys.argv[1])
    for name, task in TASKS.items():
        episodes = [
            record(task, action_scale=1.0, seed=1, falling=False),
            record(task, action_scale=2.5, seed=2, falling=True),
        ]
        first = episodes[0]
        header = np.array([*(first[i].shape[1] for i in (1, 2, 6)), len(episodes)])
        arrays = [header] + [array for episode in episodes for array in episode]
        data = b"".join(array.astype("<f8").tobytes() for array in arrays)
        (folder / f"{name}.f64").write_bytes(data)
        ends = [(int(e[0][0]), bool(e[4].any()), bool(e[5].any())) for e in episodes]
        print(f"{name}: {len(data)} bytes, (steps, terminated, truncated) {ends}")


if __name__ == "__main__":
    main()
