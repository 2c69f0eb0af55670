"""Client-side balancing as behind a headless Service: calls go round several servers; one is killed, one comes, none fails."""

from __future__ import annotations

import collections
import json
import tempfile
import threading
import unittest
from pathlib import Path

import grpc
import numpy as np
from checkpoints import TinyModel, publish_model
from processes import PATIENCE_SECONDS, Rolloutd, free_port, wait_until
from tritonclient.grpc import service_pb2

MODEL = "balanced"
# What docs/deployment.md tells clients to use: gRPC's own round robin and retries.
SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.05s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
}


def request() -> service_pb2.ModelInferRequest:
    made = service_pb2.ModelInferRequest(model_name=MODEL)
    for name, array in (("initial_state", np.zeros((1, 4))), ("controls", np.zeros((2, 10, 1)))):
        made.inputs.add(name=name, datatype="FP32", shape=array.shape)
        made.raw_input_contents.append(array.astype(np.float32).tobytes())
    made.outputs.add(name="final_state")
    return made


class BalancedLoad:
    """Threads that call through one balanced channel without pause; a context manager."""

    def __init__(self, ports: list[int]) -> None:
        target = "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)
        self._channel = grpc.insecure_channel(
            target,
            [
                ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
                # A server that comes back is noticed soon.
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", 500),
            ],
        )
        self._infer = self._channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=service_pb2.ModelInferRequest.SerializeToString,
            response_deserializer=service_pb2.ModelInferResponse.FromString,
        )
        self._stop = threading.Event()
        self.failures: list[str] = []
        self.answered = collections.Counter[str]()
        self._threads = [threading.Thread(target=self._ask) for _ in range(3)]

    def _ask(self) -> None:
        while not self._stop.is_set():
            try:
                # Each server serves another version.
                self.answered[self._infer(request(), timeout=PATIENCE_SECONDS).model_version] += 1
            except grpc.RpcError as error:
                self.failures.append(f"{error.code()}: {error.details()}")

    def __enter__(self) -> BalancedLoad:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._channel.close()


class LoadBalancingTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def server(self, number: int, port: int) -> Rolloutd:
        """Serves version `number`, so that an answer tells whose it is."""
        repository = self.folder / str(number)
        repository.mkdir()
        for seed in range(number):
            publish_model(repository, TinyModel(name=MODEL, seed=seed))
        return Rolloutd(repository, "--listen", f"127.0.0.1:{port}")

    def test_one_server_is_killed_and_one_added_under_load(self) -> None:
        ports = [free_port() for _ in range(3)]
        with self.server(1, ports[0]) as first, self.server(2, ports[1]) as second, BalancedLoad(ports) as load:

            def wait_for_answers(of: str, count: int, what: str) -> None:
                before = load.answered[of]
                wait_until(lambda: load.answered[of] >= before + count, what)

            wait_for_answers("1", 50, "the first server answers")
            wait_for_answers("2", 50, "the second server answers")
            # From here on both are connected.
            before = load.answered.copy()
            wait_for_answers("1", 200, "the first server goes on")
            shares = (load.answered["1"] - before["1"]) / (load.answered["2"] - before["2"])
            self.assertLess(max(shares, 1 / shares), 3.0)

            first.process.kill()
            first.process.wait()
            wait_for_answers("2", 100, "the other server goes on")
            with self.server(3, ports[2]):
                wait_for_answers("3", 50, "the server that was added answers")
                self.assertEqual(load.failures, [])
                # An orderly end loses nothing either.
                self.assertEqual(second.terminate(), 0)
                wait_for_answers("3", 100, "the last server goes on")
                self.assertEqual(load.failures, [])


if __name__ == "__main__":
    unittest.main()
