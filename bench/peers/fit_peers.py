"""Compares one optimiser step of a fit with the same step written in eager PyTorch, in turns on one core.

Optional: needs the packages of bench/peers/requirements.txt (`make peers`). The step is fit_bench's: windows of 3 states
of Hopper's sizes, a batch of 200, 8 substeps, networks of 2 x 128 tanh, gradient clipping, Adam with weight decay, in
float32 on one thread. A Hamiltonian's derivative comes from torch.autograd.grad, as one writes it in PyTorch. Figures are
CPU time, so that other work on the machine counts little.

    build/peers/bin/python bench/peers/fit_peers.py --fit-bench build/release/bin/fit_bench --rounds 6
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import time

import torch
from torch import Tensor, nn

N, NU, FEATURES = 6, 3, 5  # Hopper's; the first position is ignored
DT, SUBSTEPS, WINDOW, BATCH, WINDOWS = 0.008, 8, 3, 200, 10000
MASS_EPSILON = 1e-4


class Scaled(nn.Module):
    """A multilayer perceptron between normalisers."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(inputs, 128), nn.Tanh(), nn.Linear(128, 128), nn.Tanh(), nn.Linear(128, outputs)
        )
        for parameter in self.parameters():
            if parameter.dim() == 2:
                nn.init.orthogonal_(parameter, 0.5)
            else:
                nn.init.zeros_(parameter)
        for name, size, value in (("mean", inputs, 0.1), ("std", inputs, 0.9), ("out_std", outputs, 1.1)):
            self.register_buffer(name, torch.full((size,), value))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers((x - self.mean) / self.std) * self.out_std


class Node(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mlp = Scaled(FEATURES + N + NU, 2 * N)

    def forward(self, states: Tensor, controls: Tensor) -> Tensor:
        z, h, trajectory = states[:, 0], DT / SUBSTEPS, []
        for t in range(WINDOW - 1):
            for _ in range(SUBSTEPS):
                z = z + h * self.mlp(torch.cat([z[:, 1:], controls[:, t]], 1))
            trajectory.append(z)
        return torch.stack(trajectory, 1)


class NodeSo(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mlp = Scaled(FEATURES + N + NU, N)

    def forward(self, states: Tensor, controls: Tensor) -> Tensor:
        (q, v), h, trajectory = states[:, 0].split(N, 1), DT / SUBSTEPS, []
        for t in range(WINDOW - 1):
            for _ in range(SUBSTEPS):
                a = self.mlp(torch.cat([q[:, 1:], v, controls[:, t]], 1))
                q, v = q + h * v + 0.5 * h * h * a, v + h * a
            trajectory.append(torch.cat([q, v], 1))
        return torch.stack(trajectory, 1)


class Hnn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.potential = Scaled(FEATURES, 1)
        self.mass = Scaled(FEATURES, N * (N + 1) // 2)
        self.force = Scaled(FEATURES + N + NU, N)
        self.rows, self.columns = torch.tril_indices(N, N)
        with torch.no_grad():
            self.mass.layers[-1].bias[self.rows == self.columns] = 0.5413

    def lower(self, q: Tensor) -> Tensor:
        raw = self.mass(q[:, 1:])
        entries = torch.where(self.rows == self.columns, nn.functional.softplus(raw), raw)
        matrix = torch.zeros(len(q), N, N)
        matrix[:, self.rows, self.columns] = entries
        return matrix

    @staticmethod
    def velocity(lower: Tensor, p: Tensor) -> Tensor:
        w = lower.mT @ p[..., None]
        return (lower @ w)[..., 0] + MASS_EPSILON * p

    def forward(self, states: Tensor, controls: Tensor) -> Tensor:
        (q, v), h, trajectory = states[:, 0].split(N, 1), DT / SUBSTEPS, []
        q = q.clone().requires_grad_()
        lower = self.lower(q).double()
        inverse_mass = lower @ lower.mT + MASS_EPSILON * torch.eye(N, dtype=torch.float64)
        p = torch.cholesky_solve(v.double()[..., None], torch.linalg.cholesky(inverse_mass))[..., 0].float()
        for t in range(WINDOW - 1):
            for _ in range(SUBSTEPS):
                v = self.velocity(self.lower(q), p)
                energy = self.potential(q[:, 1:]).sum() + 0.5 * (p * v).sum()
                (gradient,) = torch.autograd.grad(energy, q, create_graph=True)
                force = self.force(torch.cat([q[:, 1:], v, controls[:, t]], 1))
                q, p = q + h * v, p + h * (force - gradient)
            trajectory.append(torch.cat([q, self.velocity(self.lower(q), p)], 1))
        return torch.stack(trajectory, 1)


class Fit:
    """A model, its optimiser and its data; step() is one optimiser step."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=2e-4, weight_decay=1e-4)
        self.states = 0.05 * torch.randn(WINDOWS, WINDOW, 2 * N)
        self.controls = torch.rand(WINDOWS, WINDOW - 1, NU) * 2 - 1

    def step(self) -> None:
        rows = torch.randint(WINDOWS, (BATCH,))
        states = self.states[rows]
        self.optimizer.zero_grad()
        loss = (self.model(states, self.controls[rows]) - states[:, 1:]).square().mean()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()


def milliseconds(fit: Fit, steps: int) -> float:
    start = time.process_time()
    for _ in range(steps):
        fit.step()
    return 1e3 * (time.process_time() - start) / steps


def ours(fit_bench: str, steps: int) -> dict[str, float]:
    command = [fit_bench, "--json", "--rounds", "1", "--steps", str(steps)]
    rows = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {row["kind"]: row["ms"] for row in rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit-bench", default="build/release/bin/fit_bench")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--steps", type=int, default=10, help="of each measurement in each round")
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()

    os.sched_setaffinity(0, {arguments.core})
    torch.set_num_threads(1)
    torch.manual_seed(1)
    fits = {"NODE": Fit(Node()), "NODE_SO": Fit(NodeSo()), "HNN": Fit(Hnn())}
    for fit in fits.values():
        milliseconds(fit, 2)
    times: dict[str, tuple[list[float], list[float]]] = {kind: ([], []) for kind in fits}
    for _ in range(arguments.rounds):
        mine = ours(arguments.fit_bench, arguments.steps)
        for kind, fit in fits.items():
            times[kind][0].append(mine[kind])
            times[kind][1].append(milliseconds(fit, arguments.steps))
    rows = [
        {
            "kind": kind,
            "peer": f"torch {torch.__version__}, eager",
            "ms": min(mine),
            "peer_ms": min(theirs),
            "ratio_of_best": min(theirs) / min(mine),
            "ratio_of_medians": statistics.median(theirs) / statistics.median(mine),
        }
        for kind, (mine, theirs) in times.items()
    ]
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"one optimiser step, best of {arguments.rounds} rounds; peer: torch {torch.__version__}, eager, one thread")
    print(f"{'':10}{'ours ms':>9}{'torch ms':>10}{'ratio':>8}{'of medians':>12}")
    for row in rows:
        print(
            f"{row['kind']:10}{row['ms']:9.2f}{row['peer_ms']:10.2f}"
            f"{row['ratio_of_best']:8.2f}{row['ratio_of_medians']:12.2f}"
        )


if __name__ == "__main__":
    main()
