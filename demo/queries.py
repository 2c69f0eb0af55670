"""Asks one model for rollouts at a steady rate, as a planner in a control loop does, until it is interrupted.

Then says how many queries were answered, by which version, and how many failed; exits with 1 where one did.
"""

from __future__ import annotations

import argparse
import collections
import signal
import sys
import threading
import time

import numpy as np
import tritonclient.grpc as triton

LANES, HORIZON = 16, 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True, help="host:port of rolloutd")
    parser.add_argument("--model", required=True)
    parser.add_argument("--rate", type=float, default=50.0, help="queries a second")
    arguments = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())

    client = triton.InferenceServerClient(arguments.server)
    shapes = {tensor.name: list(tensor.shape) for tensor in client.get_model_metadata(arguments.model).inputs}
    state_size, num_controls = shapes["initial_state"][1], shapes["controls"][2]
    rng = np.random.default_rng(0)
    answers: collections.Counter[int] = collections.Counter()
    failures: list[str] = []
    latencies: list[float] = []
    due = time.monotonic()
    while not stop.wait(max(0.0, due - time.monotonic())):
        due = max(due + 1 / arguments.rate, time.monotonic())
        arrays = {
            "initial_state": rng.normal(0, 0.05, (1, state_size)).astype(np.float32),
            "controls": rng.uniform(-1, 1, (LANES, HORIZON, num_controls)).astype(np.float32),
        }
        inputs = []
        for name, array in arrays.items():
            tensor = triton.InferInput(name, list(array.shape), "FP32")
            tensor.set_data_from_numpy(array)
            inputs.append(tensor)
        asked = time.monotonic()
        try:
            result = client.infer(
                arguments.model, inputs, outputs=[triton.InferRequestedOutput("final_state")], client_timeout=30
            )
        except Exception as error:  # whatever it is, it is a failed query
            failures.append(str(error))
            continue
        latencies.append(time.monotonic() - asked)
        answers[int(result.get_response().model_version)] += 1

    by_version = ", ".join(f"{count} by version {version}" for version, count in sorted(answers.items()))
    p50, p99 = np.quantile(latencies, [0.5, 0.99]) * 1e3 if latencies else (0.0, 0.0)
    print(
        f"{sum(answers.values())} queries of {LANES} x {HORIZON} transitions answered ({by_version}), "
        f"{len(failures)} failed; p50 {p50:.1f} ms, p99 {p99:.1f} ms"
    )
    if failures or not answers:
        sys.exit(f"demo: queries failed while a version was published, first: {failures[:1]}")


if __name__ == "__main__":
    main()
