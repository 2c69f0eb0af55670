"""grpc.health.v1 and server reflection, asked by grpcio's own clients."""

from __future__ import annotations

import tempfile
import threading
import unittest
from pathlib import Path

import grpc
from checkpoints import TinyModel, publish_model
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from processes import PATIENCE_SECONDS, Rolloutd, free_port, rolloutctl, wait_until

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class HealthAndReflectionTest(unittest.TestCase):
    def setUp(self) -> None:
        self.repository = Path(self.enterContext(tempfile.TemporaryDirectory()))
        publish_model(self.repository, TinyModel())
        self.server = self.enterContext(Rolloutd(self.repository))
        self.channel = grpc.insecure_channel(self.server.address)
        self.addCleanup(self.channel.close)
        self.health = health_pb2_grpc.HealthStub(self.channel)

    def check(self, service: str) -> int:
        return self.health.Check(health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE_SECONDS).status

    def test_check_knows_readiness_liveness_and_models(self) -> None:
        for service in ("", "_live", "tiny"):
            self.assertEqual(self.check(service), SERVING, service)
        with self.assertRaises(grpc.RpcError) as caught:
            self.check("nobody")
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)

    def test_watch_follows_a_model_from_unknown_to_serving(self) -> None:
        seen: list[int] = []
        call = self.health.Watch(health_pb2.HealthCheckRequest(service="late"), timeout=PATIENCE_SECONDS)

        def follow() -> None:
            try:
                for response in call:
                    seen.append(response.status)
            except grpc.RpcError:
                pass  # cancelled below

        thread = threading.Thread(target=follow)
        thread.start()
        wait_until(lambda: seen == [SERVICE_UNKNOWN], "Watch says that it does not know the model")
        publish_model(self.repository, TinyModel(name="late"))
        wait_until(lambda: bool(seen) and seen[-1] == SERVING, "Watch says that the model serves")
        call.cancel()
        thread.join()

    def test_watch_says_not_serving_before_the_server_goes(self) -> None:
        seen: list[int] = []
        call = self.health.Watch(health_pb2.HealthCheckRequest(service=""), timeout=PATIENCE_SECONDS)

        def follow() -> None:
            try:
                for response in call:
                    seen.append(response.status)
            except grpc.RpcError:
                pass  # the server has gone

        thread = threading.Thread(target=follow)
        thread.start()
        wait_until(lambda: seen == [SERVING], "Watch says SERVING")
        self.assertEqual(self.server.terminate(), 0)
        thread.join()
        self.assertEqual(seen[-1], NOT_SERVING)

    def test_reflection_lists_every_service(self) -> None:
        services = set(ProtoReflectionDescriptorDatabase(self.channel).get_services())
        self.assertLessEqual(
            {"rollout.v1.TransitionModel", "inference.GRPCInferenceService", "grpc.health.v1.Health"}, services
        )

    def test_a_separate_health_address_serves_health_alone(self) -> None:
        address = f"127.0.0.1:{free_port()}"
        with Rolloutd(self.repository, "--health-listen", address):
            self.assertEqual(rolloutctl("health", "--server", address).returncode, 0)
            refused = rolloutctl("models", "--server", address)
            self.assertEqual(refused.returncode, 1)
            self.assertIn("UNIMPLEMENTED", refused.stderr)


if __name__ == "__main__":
    unittest.main()
