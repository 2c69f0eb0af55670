"""The extensions of the Open Inference Protocol, asked by the real tritonclient."""

from __future__ import annotations

import queue
import shutil
import tempfile
import unittest
from pathlib import Path

import grpc
import numpy as np
import tritonclient.grpc as triton
from checkpoints import TinyModel, publish_model
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from processes import PATIENCE_SECONDS, Rolloutd
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException


class TritonExtensionsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.repository = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.model = TinyModel()
        publish_model(self.repository, self.model)
        self.server = self.enterContext(Rolloutd(self.repository))
        self.client = triton.InferenceServerClient(self.server.address)
        self.addCleanup(self.client.close)
        rng = np.random.default_rng(7)
        self.states = rng.uniform(-1, 1, (2, 4)).astype(np.float32)
        self.controls = rng.uniform(-1, 1, (2, 5, 1)).astype(np.float32)

    def inputs(self) -> list[triton.InferInput]:
        inputs = []
        for name, array in (("initial_state", self.states), ("controls", self.controls)):
            tensor = triton.InferInput(name, list(array.shape), "FP32")
            tensor.set_data_from_numpy(array)
            inputs.append(tensor)
        return inputs

    def test_advertised_extensions_are_there(self) -> None:
        extensions = set(self.client.get_server_metadata().extensions)
        self.assertEqual(extensions, {"model_configuration", "model_repository", "statistics"})

    def test_the_configuration(self) -> None:
        config = self.client.get_model_config("tiny").config
        self.assertEqual((config.name, config.max_batch_size), ("tiny", 0))
        self.assertEqual([list(tensor.dims) for tensor in config.input], [[-1, 4], [-1, -1, 1]])
        self.assertEqual(
            [tensor.name for tensor in config.output], ["trajectory", "final_state", "first_non_finite_step"]
        )
        self.assertFalse(config.model_transaction_policy.decoupled)

    def test_statistics_count_lanes_batches_and_their_nanoseconds(self) -> None:
        for _ in range(7):
            self.client.infer("tiny", self.inputs())
        (stats,) = self.client.get_inference_statistics("tiny").model_stats
        self.assertEqual((stats.name, stats.version, stats.inference_count), ("tiny", "1", 14))
        self.assertEqual(stats.inference_stats.success.count, 7)
        self.assertEqual(stats.inference_stats.fail.count, 0)
        parts = stats.inference_stats
        whole = parts.queue.ns + parts.compute_input.ns + parts.compute_infer.ns + parts.compute_output.ns
        self.assertEqual(whole, parts.success.ns)
        lanes = sum(batch.batch_size * batch.compute_infer.count for batch in stats.batch_stats)
        self.assertEqual(lanes, stats.inference_count)
        self.assertEqual(sum(batch.compute_infer.count for batch in stats.batch_stats), stats.execution_count)
        with self.assertRaises(InferenceServerException) as caught:
            self.client.get_inference_statistics("nobody")
        self.assertIn("NOT_FOUND", str(caught.exception.status()))

    def test_models_are_unloaded_and_loaded(self) -> None:
        index = self.client.get_model_repository_index().models
        self.assertEqual([(m.name, m.version, m.state) for m in index], [("tiny", "1", "READY")])
        self.client.unload_model("tiny")
        self.assertFalse(self.client.is_model_ready("tiny"))
        (entry,) = self.client.get_model_repository_index().models
        self.assertEqual((entry.state, entry.reason), ("UNAVAILABLE", "unloaded"))
        publish_model(self.repository, TinyModel(seed=1))
        self.client.load_model("tiny")
        self.assertEqual(self.client.infer("tiny", self.inputs()).get_response().model_version, "2")
        with self.assertRaises(InferenceServerException) as caught:
            self.client.load_model("nobody")
        self.assertIn("NOT_FOUND", str(caught.exception.status()))
        with self.assertRaises(InferenceServerException) as caught:
            self.client.load_model("tiny", config="{}")
        self.assertIn("INVALID_ARGUMENT", str(caught.exception.status()))
        shutil.rmtree(self.repository / "tiny")

    def test_a_stream_answers_each_request(self) -> None:
        answers: queue.Queue[tuple[triton.InferResult | None, InferenceServerException | None]] = queue.Queue()
        self.client.start_stream(lambda result, error: answers.put((result, error)))
        for number in range(20):
            self.client.async_stream_infer("tiny", self.inputs(), request_id=str(number))
        expected = self.client.infer("tiny", self.inputs()).as_numpy("trajectory")
        ids = set()
        for _ in range(20):
            result, error = answers.get(timeout=PATIENCE_SECONDS)
            assert result is not None, error
            ids.add(result.get_response().id)
            np.testing.assert_array_equal(result.as_numpy("trajectory"), expected)
        self.assertEqual(ids, {str(number) for number in range(20)})
        self.client.async_stream_infer("nobody", self.inputs(), request_id="lost")
        result, error = answers.get(timeout=PATIENCE_SECONDS)
        assert error is not None
        self.assertIn("nobody", error.message())
        self.client.stop_stream()

    def test_what_it_has_not_is_unimplemented(self) -> None:
        for ask in (
            self.client.get_log_settings,
            self.client.get_trace_settings,
            self.client.get_system_shared_memory_status,
            self.client.get_cuda_shared_memory_status,
        ):
            with self.assertRaises(InferenceServerException) as caught:
                ask()
            self.assertIn("UNIMPLEMENTED", str(caught.exception.status()))

    def test_every_message_agrees_with_tritonclients_by_number_and_type(self) -> None:
        with grpc.insecure_channel(self.server.address) as channel:
            pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
            service = pool.FindServiceByName("inference.GRPCInferenceService")
            theirs = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods_by_name
            self.assertGreaterEqual(len(service.methods), 12)
            for method in service.methods:
                for ours, other in (
                    (method.input_type, theirs[method.name].input_type),
                    (method.output_type, theirs[method.name].output_type),
                ):
                    self.assert_agrees(ours, other)

    def assert_agrees(self, ours: Descriptor, theirs: Descriptor) -> None:
        numbers = {f.number: f for f in theirs.fields}
        for f in ours.fields:
            if f.name == "properties":  # the protocol has it, tritonclient does not
                continue
            other = numbers[f.number]
            self.assertEqual((f.name, f.type, f.label), (other.name, other.type, other.label), ours.full_name)
            if f.message_type is not None:
                self.assert_agrees(f.message_type, other.message_type)


if __name__ == "__main__":
    unittest.main()
