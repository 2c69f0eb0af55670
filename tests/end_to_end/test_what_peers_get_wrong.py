"""Requests that Triton, KServe or MLServer answer wrongly on a rollout model, against the real rolloutd.

Overflowing shapes, surplus raw entries and numbers that are not finite stand in test_open_inference_protocol.py,
statistics in test_triton_extensions.py, health and reflection also in test_health_and_reflection.py.
"""

from __future__ import annotations

import gzip
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
from checkpoints import TinyModel, publish_model
from grpc_health.v1 import health_pb2, health_pb2_grpc
from processes import PATIENCE_SECONDS, Rolloutd, sample, wait_until
from tritonclient.grpc import service_pb2, service_pb2_grpc

LIMIT = 8 << 20


class WhatPeersGetWrongTest(unittest.TestCase):
    folder: tempfile.TemporaryDirectory[str]
    server: Rolloutd

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        publish_model(Path(cls.folder.name), TinyModel())
        # A thousand substeps: one transition takes long enough to be noticed.
        publish_model(Path(cls.folder.name), TinyModel(name="slow", substeps=1000, hidden=64))
        cls.server = cls.enterClassContext(Rolloutd(Path(cls.folder.name), "--max-message-bytes", str(LIMIT)))

    def setUp(self) -> None:
        self.channel = grpc.insecure_channel(self.server.address, [("grpc.max_send_message_length", -1)])
        self.addCleanup(self.channel.close)
        self.stub = service_pb2_grpc.GRPCInferenceServiceStub(self.channel)

    def request(self, lanes: int, horizon: int, model: str = "tiny") -> service_pb2.ModelInferRequest:
        request = service_pb2.ModelInferRequest(model_name=model)
        for name, shape in (("initial_state", (1, 4)), ("controls", (lanes, horizon, 1))):
            request.inputs.add(name=name, datatype="FP32", shape=shape)
            request.raw_input_contents.append(np.zeros(shape, np.float32).tobytes())
        request.outputs.add(name="final_state")
        return request

    def engine_transitions(self) -> float:
        """Those of the slow model, what nobody waits for any more among them."""
        return sample(self.server.metrics(), "rollout_engine_transitions_total", model="slow") or 0.0

    def test_abandoned_work_does_not_delay_the_living(self) -> None:
        """Triton: 48 to 67 s behind 24 abandoned rollouts of 2 to 3 s each.

        Counted in transitions: were one of them computed to its end, it would be 10,000 and more. That it is one at
        most once the server knows, tests/server/abandoned_work_test.cc shows.
        """
        horizon = 10_000
        long = self.request(4, horizon, "slow")

        def calls(timeout: float) -> list[grpc.Future]:
            return [self.stub.ModelInfer.future(long, timeout=timeout) for _ in range(24)]

        def assert_abandoned(calls: list[grpc.Future], how: grpc.StatusCode) -> None:
            for call in calls:
                self.assertEqual(call.code(), how)
            abandoned = self.engine_transitions()
            self.stub.ModelInfer(self.request(1, 1, "slow"), timeout=PATIENCE_SECONDS)
            self.assertLess(self.engine_transitions() - abandoned, horizon / 10, how)

        before = self.engine_transitions()
        cancelled = calls(PATIENCE_SECONDS)
        wait_until(lambda: self.engine_transitions() > before, "some are being computed")
        for call in cancelled:
            call.cancel()
        assert_abandoned(cancelled, grpc.StatusCode.CANCELLED)

        # How long it takes until some are being computed is the machine's affair.
        before, timeout = self.engine_transitions(), 0.5
        while self.engine_transitions() == before:
            timeout *= 2
            self.assertLess(timeout, PATIENCE_SECONDS, "none was being computed before it expired")
            assert_abandoned(calls(timeout), grpc.StatusCode.DEADLINE_EXCEEDED)

    def test_liveness_answers_while_rollouts_run(self) -> None:
        """KServe and MLServer: 1.5 and 1.9 s behind one rollout."""
        long = self.stub.ModelInfer.future(self.request(64, 10_000, "slow"))
        start = time.monotonic()
        for _ in range(20):
            self.assertTrue(self.stub.ServerLive(service_pb2.ServerLiveRequest()).live)
        self.assertFalse(long.done(), "the rollout was still running")
        self.assertLess(time.monotonic() - start, PATIENCE_SECONDS)
        long.cancel()

    def test_health_of_unknown_services(self) -> None:
        """Triton: any name is SERVING, and Watch is UNIMPLEMENTED."""
        health = health_pb2_grpc.HealthStub(self.channel)
        with self.assertRaises(grpc.RpcError) as caught:
            health.Check(health_pb2.HealthCheckRequest(service="nobody"))
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)
        watch = health.Watch(health_pb2.HealthCheckRequest(service="nobody"))
        self.assertEqual(next(watch).status, health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
        watch.cancel()

    def test_receive_limit_and_gzip_bomb(self) -> None:
        """Triton: no limit. What is compressed, gRPC would inflate whole before it looks at the limit."""
        infer = "/inference.GRPCInferenceService/ModelInfer"
        with self.assertRaises(grpc.RpcError) as caught:
            self.channel.unary_unary(infer)(b"\0" * (LIMIT + 1))
        self.assertEqual(caught.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        bomb = b"\0" * (50 * LIMIT)
        self.assertLess(len(gzip.compress(bomb)), LIMIT // 10)
        before = self.server.peak_rss_bytes()
        for compression in (grpc.Compression.Gzip, grpc.Compression.Deflate):
            with self.assertRaises(grpc.RpcError) as caught:
                self.channel.unary_unary(infer)(bomb, compression=compression)
            self.assertEqual(caught.exception.code(), grpc.StatusCode.UNIMPLEMENTED)
        self.assertLess(self.server.peak_rss_bytes() - before, len(bomb) // 4, "it is not inflated")

    def test_statistics_of_an_unknown_model_are_not_found(self) -> None:
        with self.assertRaises(grpc.RpcError) as caught:
            self.stub.ModelStatistics(service_pb2.ModelStatisticsRequest(name="nobody"))
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)

    def test_any_text_may_be_an_id(self) -> None:
        """MLServer: INTERNAL for an id beyond ASCII."""
        request = self.request(1, 1)
        request.id = "plan-é-漢"
        reply = self.stub.ModelInfer(request)
        self.assertEqual((reply.id, reply.model_version), (request.id, "1"))
        self.assertEqual(len(reply.raw_output_contents), 1, "raw, not typed")

    def test_readiness_of_an_unknown_model_is_no_error(self) -> None:
        self.assertFalse(self.stub.ModelReady(service_pb2.ModelReadyRequest(name="nobody")).ready)

    def test_repository_states_are_the_protocols_words(self) -> None:
        """MLServer: "State.READY"."""
        states = {m.state for m in self.stub.RepositoryIndex(service_pb2.RepositoryIndexRequest()).models}
        self.assertEqual(states, {"READY"})

    def test_many_callers_at_once_get_their_own_answers(self) -> None:
        def infer(number: int) -> bool:
            request = self.request(1 + number % 4, 1 + number % 9)
            request.id = str(number)
            return self.stub.ModelInfer(request, timeout=PATIENCE_SECONDS).id == request.id

        with ThreadPoolExecutor(32) as pool:
            self.assertTrue(all(pool.map(infer, range(200))))


if __name__ == "__main__":
    unittest.main()
