"""rolloutd beside Triton, KServe and MLServer: each cell's servers take turns, everything on this machine.

`make serving-peers` installs the peers, `make bench-serving-peers` runs this. Prints a table and the figures that have
goals; --json keeps the rows, --append adds to those that are there.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile

import numpy as np
import tritonclient.grpc as triton
from clients import Row, cpp_client, perf_analyzer, python_client
from servers import Places, Server, running, start_echo
from work import WORKS

ROOT = pathlib.Path(__file__).resolve().parents[3]
PARTS = ("agreement", "cpp", "rollouts", "tritonclient", "perf_analyzer", "kserve_client")


def agreement(servers: list[Server]) -> list[Row]:
    """Everyone's answer to the same rollouts, against rolloutd's."""
    work = WORKS["rollout"]
    answers = {}
    for server in servers:
        question = work.question(server.name)
        inputs, outputs = question.tensors()
        client = triton.InferenceServerClient(server.address)
        answers[server.name] = client.infer(question.model, inputs, outputs=outputs).as_numpy(question.output)
        client.close()
    worst = {name: float(np.max(np.abs(answer - answers["rolloutd"]))) for name, answer in answers.items()}
    for name, error in worst.items():
        if error > 1e-3:
            raise RuntimeError(f"{name} differs from rolloutd by {error}")
    return [{"client": "agreement", "side": name, "largest_difference": error} for name, error in worst.items()]


def kserve_client(places: Places, server: Server) -> list[Row]:
    """KServe's own Python client, unchanged, asks rolloutd."""
    command = [str(places.peers / "kserve" / "bin" / "python"), str(pathlib.Path(__file__).parent / "kserve_client.py")]
    run = subprocess.run([*command, server.address], capture_output=True, text=True, timeout=60)
    if run.returncode != 0:
        raise RuntimeError(run.stderr)
    return [{"client": "kserve 0.21.0", "side": server.name, **json.loads(run.stdout.splitlines()[-1])}]


def measure(places: Places, parts: list[str], rounds: int, stretch: float) -> list[Row]:
    rows: list[Row] = []
    with running(places, python_servers=parts != ["perf_analyzer"]) as servers:
        rolloutd, triton_server = servers[:2]
        echoes = {
            name: start_echo(places, f"echo-{name}", WORKS[name].rolloutd.reply_bytes(rolloutd.address))
            for name in ("echo", "blob", "rollout")
        }
        try:
            if "agreement" in parts:
                rows += agreement(servers)
            if "kserve_client" in parts:
                rows += kserve_client(places, rolloutd)
            if "cpp" in parts:
                for in_flight in (1, 32):
                    for name in ("echo", "blob"):
                        sides = [rolloutd, echoes[name], triton_server]
                        rows += cpp_client(places, sides, WORKS[name], in_flight, rounds, stretch)
                        rows += cpp_client(places, servers[2:], WORKS[name], in_flight, 2, stretch)
            if "rollouts" in parts:
                sides = [*servers, echoes["rollout"]]
                rows += cpp_client(places, sides, WORKS["rollout"], 8, max(2, rounds // 2), 2 * stretch)
            if "tritonclient" in parts:
                for name in ("echo", "blob"):
                    for in_flight in (1, 8, 32):
                        sides = [rolloutd, echoes[name], triton_server]
                        rows += python_client(sides, WORKS[name], in_flight, rounds, stretch)
                        rows += python_client(servers[2:], WORKS[name], in_flight, 1, stretch)
            if "perf_analyzer" in parts:
                for name, in_flight in (("echo", 1), ("echo", 32), ("blob, all outputs", 8)):
                    for server in (rolloutd, triton_server):
                        rows.append(perf_analyzer(places, server, WORKS[name], in_flight, int(1000 * stretch)))
        finally:
            for echo in echoes.values():
                echo.process.kill()
    return rows


def ratio(rows: list[Row], client: str, work: str, in_flight: int, key: str, peer: str) -> float | None:
    """Median over rounds of rolloutd's figure over a peer's; those of perf_analyzer as they are."""
    found = {
        row["side"]: row
        for row in rows
        if (row.get("client"), row.get("work"), row.get("in_flight")) == (client, work, in_flight)
    }
    if "rolloutd" not in found or peer not in found:
        return None
    ours, theirs = found["rolloutd"], found[peer]
    rounds = list(zip(ours.get(f"round_{key}", []), theirs.get(f"round_{key}", []), strict=False))
    if rounds:
        return statistics.median(a / b for a, b in rounds)
    name = {"p50": "p50_seconds", "rate": "calls_per_second"}[key]
    return ours[name] / theirs[name] if name in ours and name in theirs else None


TRITON = "Triton 2.51.0"
PYTHON = "tritonclient 2.73.0"
GOALS = [
    ("C++", "echo", 32, "rate", TRITON, ">=", 1.15),
    ("C++", "blob", 32, "rate", TRITON, ">=", 1.3),
    ("perf_analyzer 2.51.0", "echo", 32, "rate", TRITON, ">=", 1.15),
    ("perf_analyzer 2.51.0", "blob, all outputs", 8, "rate", TRITON, ">=", 1.3),
    (PYTHON, "echo", 1, "p50", TRITON, "<=", 1.0),
    (PYTHON, "echo", 8, "rate", TRITON, ">=", 0.9),
    (PYTHON, "echo", 32, "rate", TRITON, ">=", 0.9),
    *[("C++", "rollout 64x50", 8, "rate", peer, ">=", 5.0) for peer in (TRITON, "KServe 0.21.0, JAX", "MLServer 1.7.1, JAX")],
]  # fmt: skip


def print_tables(rows: list[Row]) -> None:
    print("| client | work | in flight | server | p50 ms | p99 ms | calls/s |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for row in rows:
        if "calls_per_second" not in row:
            known = {key: value for key, value in row.items() if key not in ("client", "work", "side", "in_flight")}
            print(f"| {row['client']} | {row.get('work', '')} | | {row['side']} | | | {json.dumps(known)} |")
            continue
        times = " | ".join(f"{1e3 * row[key]:.3g}" for key in ("p50_seconds", "p99_seconds"))
        cell = f"| {row['client']} | {row['work']} | {row['in_flight']} | {row['side']} | {times} |"
        print(f"{cell} {row['calls_per_second']:.0f} |")
    print()
    for client, work, in_flight, key, peer, sign, goal in GOALS:
        value = ratio(rows, client, work, in_flight, key, peer)
        if value is None:
            continue
        met = value <= goal if sign == "<=" else value >= goal
        print(f"{client}, {work}, {in_flight} in flight, {key} / {peer}: {value:.2f} (goal {sign} {goal}, ", end="")
        print("met)" if met else "missed)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / "build" / "release" / "bin")
    parser.add_argument("--peers", type=pathlib.Path, default=ROOT / "build" / "serving-peers")
    parser.add_argument("--parts", default=",".join(PARTS), help="some of " + ", ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--stretch", type=float, default=0.5, help="seconds of one turn")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--append", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        places = Places(arguments.programs.resolve(), arguments.peers.resolve(), pathlib.Path(scratch))
        rows = measure(places, arguments.parts.split(","), arguments.rounds, arguments.stretch)
    if arguments.json and arguments.append and arguments.json.exists():
        rows = json.loads(arguments.json.read_text()) + rows
    if arguments.json:
        lines = ",\n".join(json.dumps(row) for row in rows)
        arguments.json.write_text(f"[\n{lines}\n]\n")
    print_tables(rows)


if __name__ == "__main__":
    main()
