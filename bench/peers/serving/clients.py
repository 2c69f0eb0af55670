"""The clients with which servers are measured: our C++ one, tritonclient, and Triton's perf_analyzer."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import statistics
import subprocess
import threading
import time
from typing import Any

import tritonclient.grpc as triton
from servers import Places, Server
from work import Question, Work

Row = dict[str, Any]


def cpp_client(
    places: Places, servers: list[Server], work: Work, in_flight: int, rounds: int, stretch: float
) -> list[Row]:
    """All servers in turn by serving-load: one thread, four connections, replies not looked at."""
    sides = []
    for server in servers:
        file = places.scratch / f"{work.name}-{server.name}.request".replace(" ", "-")
        file.write_bytes(work.question(server.name).request_bytes())
        sides.append({"name": server.name, "address": server.address, "request_file": str(file)})
    plan = {"rounds": rounds, "stretch_seconds": stretch, "in_flight": in_flight, "connections": min(in_flight, 4)}
    plan |= {"method": "/inference.GRPCInferenceService/ModelInfer", "sides": sides}
    plan_file = places.scratch / "plan.json"
    plan_file.write_text(json.dumps(plan))
    command = [str(places.programs / "serving-load"), "run", str(plan_file)]
    rows = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return [row | {"client": "C++", "work": work.name, "in_flight": in_flight} for row in rows]


class _Callers:
    """Threads that ask one server, each over a connection of its own, one call at a time."""

    def __init__(self, server: Server, question: Question, callers: int) -> None:
        self._question = question
        self._clients = [triton.InferenceServerClient(server.address) for _ in range(callers)]

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def run(self, seconds: float) -> tuple[list[float], float]:
        """Latencies, and calls per second."""
        latencies: list[float] = []
        failures: list[Exception] = []
        inputs, outputs = self._question.tensors()
        began = time.perf_counter()
        end = began + seconds

        def ask(client: triton.InferenceServerClient) -> None:
            try:
                while (start := time.perf_counter()) < end:
                    reply = client.infer(self._question.model, inputs, outputs=outputs)
                    reply.as_numpy(self._question.output)
                    latencies.append(time.perf_counter() - start)
            except triton.InferenceServerException as error:
                failures.append(error)

        threads = [threading.Thread(target=ask, args=(client,)) for client in self._clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return latencies, len(latencies) / (time.perf_counter() - began)


def python_client(servers: list[Server], work: Work, in_flight: int, rounds: int, stretch: float) -> list[Row]:
    """All servers in turn by tritonclient in this process; each reply is turned into an array."""
    rows = []
    with contextlib.ExitStack() as stack:
        sides = []
        for server in servers:
            callers = _Callers(server, work.question(server.name), in_flight)
            stack.callback(callers.close)
            callers.run(stretch / 2)
            sides.append((server.name, callers, [], [], []))
        for _ in range(rounds):
            for _, callers, latencies, round_p50, round_rate in sides:
                some, rate = callers.run(stretch)
                latencies += some
                round_p50.append(statistics.median(some))
                round_rate.append(rate)
        for name, _, latencies, round_p50, round_rate in sides:
            latencies.sort()
            row: Row = {"client": "tritonclient 2.73.0", "work": work.name, "side": name, "in_flight": in_flight}
            row |= {"calls": len(latencies), "failed": 0, "p50_seconds": statistics.median(latencies)}
            row |= {"p99_seconds": latencies[int(0.99 * (len(latencies) - 1))]}
            row |= {"calls_per_second": statistics.mean(round_rate), "round_p50": round_p50, "round_rate": round_rate}
            rows.append(row)
    return rows


def perf_analyzer(places: Places, server: Server, work: Work, in_flight: int, milliseconds: int) -> Row:
    """Triton's own load generator, unchanged; reads the server's configuration and statistics too."""
    question = work.question(server.name)
    report = places.scratch / "perf_analyzer.csv"
    command = [str(places.peers / "perf_analyzer" / "bin" / "perf_analyzer"), "-m", question.model, "-i", "grpc"]
    command += ["-u", server.address, "--concurrency-range", str(in_flight), "-p", str(milliseconds), "-r", "4"]
    command += ["-s", "50", "-f", str(report), "--input-data", "zero"]
    for name, values in question.inputs.items():
        command += ["--shape", f"{name}:{','.join(str(size) for size in values.shape)}"]
    libraries = [places.peers / "perf_analyzer" / "lib", places.peers / "triton" / "nvidia_pytriton.libs"]
    env = {**os.environ, "LD_LIBRARY_PATH": ":".join(str(path) for path in libraries)}
    report.unlink(missing_ok=True)
    run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    row: Row = {"client": "perf_analyzer 2.51.0", "work": work.name, "side": server.name, "in_flight": in_flight}
    if not report.exists():
        return row | {"error": (run.stdout + run.stderr).strip()[-400:]}
    measured = next(csv.DictReader(report.read_text().splitlines()))
    row |= {"calls_per_second": float(measured["Inferences/Second"])}
    row |= {"p50_seconds": float(measured["p50 latency"]) / 1e6, "p99_seconds": float(measured["p99 latency"]) / 1e6}
    server_us = {
        key: float(measured[f"Server {key}"]) for key in ("Queue", "Compute Infer") if f"Server {key}" in measured
    }
    return row | {"server_us": server_us}
