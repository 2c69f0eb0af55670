"""Compares one optimiser step of a fit with the same step written in eager PyTorch, in turns on one core.

Optional: needs the packages of bench/peers/requirements.txt (`make peers`). The step is fit_bench's for
the same --setting: `hopper` takes windows of 3 states of Hopper's sizes, 8 substeps and networks of 2 x 128 tanh; the toy
settings windows of 5 states, the 3/8 rule in one step a sample and 2 x 256 tanh. A batch of 200, gradient clipping, Adam
with weight decay, in float32 on one thread. A Hamiltonian's derivative comes from torch.autograd.grad, as one writes it in
PyTorch. Figures are CPU time, so that other work on the machine counts little.

    build/peers/bin/python bench/peers/fit_peers.py --fit-bench build/release/bin/fit_bench --setting chain-2 --rounds 6
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

    def __init__(self, inputs: int, outputs: int, hidden: int = 128) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(inputs, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, outputs)
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


class Toy(nn.Module):
    """A toy system's model: dz/dt of z = [q, p], where p is the momentum or, for NODE, the velocity."""

    dt, window = 0.03, 5

    def __init__(self, positions: int, angular: bool) -> None:
        super().__init__()
        self.positions, self.angular = positions, angular
        self.features = 2 * positions if angular else positions

    def seen(self, q: Tensor) -> Tensor:
        return torch.cat([torch.cos(q), torch.sin(q)], 1) if self.angular else q

    def enter(self, q: Tensor, v: Tensor) -> Tensor:
        return v

    def leave(self, q: Tensor, p: Tensor) -> Tensor:
        return p

    def rates(self, q: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def forward(self, states: Tensor, controls: Tensor) -> Tensor:
        q, v = states[:, 0].split(self.positions, 1)
        q = q.clone().requires_grad_()
        p, h, trajectory = self.enter(q, v), self.dt, []
        for _ in range(self.window - 1):
            q1, p1 = self.rates(q, p)
            q2, p2 = self.rates(q + h / 3 * q1, p + h / 3 * p1)
            q3, p3 = self.rates(q + h * (q2 - q1 / 3), p + h * (p2 - p1 / 3))
            q4, p4 = self.rates(q + h * (q1 - q2 + q3), p + h * (p1 - p2 + p3))
            q, p = q + h / 8 * (q1 + 3 * (q2 + q3) + q4), p + h / 8 * (p1 + 3 * (p2 + p3) + p4)
            trajectory.append(torch.cat([q, self.leave(q, p)], 1))
        return torch.stack(trajectory, 1)


class ToyNode(Toy):
    def __init__(self, positions: int, angular: bool) -> None:
        super().__init__(positions, angular)
        self.mlp = Scaled(self.features + positions, 2 * positions, hidden=256)

    def rates(self, q: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
        dq, dv = self.mlp(torch.cat([self.seen(q), p], 1)).split(self.positions, 1)
        return dq, dv


class ToyWithMass(Toy):
    def __init__(self, positions: int, angular: bool) -> None:
        super().__init__(positions, angular)
        self.mass = Scaled(self.features, positions * (positions + 1) // 2, hidden=256)
        self.rows, self.columns = torch.tril_indices(positions, positions)
        with torch.no_grad():
            self.mass.layers[-1].bias[self.rows == self.columns] = 0.5413

    def lower(self, q: Tensor) -> Tensor:
        raw = self.mass(self.seen(q))
        entries = torch.where(self.rows == self.columns, nn.functional.softplus(raw), raw)
        matrix = torch.zeros(len(q), self.positions, self.positions)
        matrix[:, self.rows, self.columns] = entries
        return matrix

    def enter(self, q: Tensor, v: Tensor) -> Tensor:
        lower = self.lower(q).double()
        inverse_mass = lower @ lower.mT + MASS_EPSILON * torch.eye(self.positions, dtype=torch.float64)
        return torch.cholesky_solve(v.double()[..., None], torch.linalg.cholesky(inverse_mass))[..., 0].float()

    def leave(self, q: Tensor, p: Tensor) -> Tensor:
        return Hnn.velocity(self.lower(q), p)


class ToyNodeSo(ToyWithMass):
    def __init__(self, positions: int, angular: bool) -> None:
        super().__init__(positions, angular)
        self.mlp = Scaled(self.features + positions, positions, hidden=256)

    def rates(self, q: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
        return self.leave(q, p), self.mlp(torch.cat([self.seen(q), p], 1))


class ToyHnn(ToyWithMass):
    def __init__(self, positions: int, angular: bool) -> None:
        super().__init__(positions, angular)
        self.potential = Scaled(self.features, 1, hidden=256)

    def rates(self, q: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
        v = self.leave(q, p)
        energy = self.potential(self.seen(q)).sum() + 0.5 * (p * v).sum()
        (gradient,) = torch.autograd.grad(energy, q, create_graph=True)
        return v, -gradient


class Fit:
    """A model, its optimiser and its data; step() is one optimiser step."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        if isinstance(model, Toy):
            window, size, controls = model.window, 2 * model.positions, 0
            self.optimizer = torch.optim.AdamW(model.parameters(), lr=2e-4, weight_decay=1e-4)
        else:
            window, size, controls = WINDOW, 2 * N, NU
            self.optimizer = torch.optim.Adam(model.parameters(), lr=2e-4, weight_decay=1e-4)
        self.states = 0.05 * torch.randn(WINDOWS, window, size)
        self.controls = torch.rand(WINDOWS, window - 1, controls) * 2 - 1

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


TOYS = {"chain-2": (2, True), "spring-2": (6, False), "spring-4": (12, False)}


def make_fits(setting: str) -> dict[str, Fit]:
    if setting == "hopper":
        return {"NODE": Fit(Node()), "NODE_SO": Fit(NodeSo()), "HNN": Fit(Hnn())}
    sizes = TOYS[setting]
    return {"NODE": Fit(ToyNode(*sizes)), "NODE+SO": Fit(ToyNodeSo(*sizes)), "HNN": Fit(ToyHnn(*sizes))}


def ours(fit_bench: str, setting: str, steps: int) -> dict[str, float]:
    command = [fit_bench, "--json", "--setting", setting, "--rounds", "1", "--steps", str(steps)]
    rows = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {row["kind"]: row["ms"] for row in rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit-bench", default="build/release/bin/fit_bench")
    parser.add_argument("--setting", choices=["hopper", *TOYS], default="hopper")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--steps", type=int, default=10, help="of each measurement in each round")
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()

    os.sched_setaffinity(0, {arguments.core})
    torch.set_num_threads(1)
    torch.manual_seed(1)
    fits = make_fits(arguments.setting)
    for fit in fits.values():
        milliseconds(fit, 2)
    times: dict[str, tuple[list[float], list[float]]] = {kind: ([], []) for kind in fits}
    for _ in range(arguments.rounds):
        mine = ours(arguments.fit_bench, arguments.setting, arguments.steps)
        for kind, fit in fits.items():
            times[kind][0].append(mine[kind])
            times[kind][1].append(milliseconds(fit, arguments.steps))
    rows = [
        {
            "kind": kind,
            "setting": arguments.setting,
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
