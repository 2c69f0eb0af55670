"""docs/errors.md against a real server and against the sources: no row without its error, no code without a row."""

from __future__ import annotations

import queue
import re
import tempfile
import threading
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from checkpoints import DAMAGES, TinyModel, publish, publish_model
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from processes import PATIENCE_SECONDS, Rolloutd
from tritonclient.grpc import service_pb2, service_pb2_grpc

ROOT = Path(__file__).parents[2]
LIMIT = 1 << 20
Row = tuple[str, str]
# Errors that stand on the page and are provoked elsewhere: by the tests of security and of the life cycle.
ELSEWHERE = {"UNAUTHENTICATED", "PERMISSION_DENIED", "CANCELLED"}
# Errors whose words are held against a source file: a version that is just loading cannot be held there for a test, and
# frames are for pixel models, which only the torch engine computes.
IN_THE_SOURCE: dict[Row, str] = {
    ("UNAVAILABLE", "… yet: it is loading, try again"): "server/registry/model_registry.cc",
    (
        "INVALID_ARGUMENT",
        'inputs: got "initial_state" and "frames", expected one of them',
    ): "server/services/inference_codec.cc",
    (
        "INVALID_ARGUMENT",
        "frames: got shape …, expected [S, 2, …] with S at most …",
    ): "server/services/inference_codec.cc",
    (
        "INVALID_ARGUMENT",
        "outputs: got a request for … frames, expected at most …; ask for fewer lanes or transitions",
    ): "server/services/rollout_query.cc",
}


def rows() -> list[Row]:
    """Code and message of every row."""
    table = []
    for line in (ROOT / "docs" / "errors.md").read_text().splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 4 and cells[0].isupper():
            quoted = re.search(r"`([^`]*)`", cells[1])
            table.append((cells[0], quoted[1] if quoted else ""))
    return table


def pattern(message: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in message.split("…")), re.DOTALL)


class ErrorsPageTest(unittest.TestCase):
    def setUp(self) -> None:
        self.repository = Path(self.enterContext(tempfile.TemporaryDirectory()))
        model = TinyModel()
        for _ in range(4):
            publish_model(self.repository, model)
        publish(self.repository, "bad", DAMAGES[0].files(TinyModel(name="bad")))
        publish_model(self.repository, TinyModel(name="slow", substeps=1000, hidden=64))
        self.server = self.enterContext(
            Rolloutd(
                self.repository,
                *("--max-lanes", "8", "--queue-lanes", "8", "--max-horizon", "20000"),
                *("--max-reply-bytes", "40000", "--max-message-bytes", str(LIMIT), "--drain-delay", "0s"),
            )
        )
        self.channel = self.enterContext(grpc.insecure_channel(self.server.address))
        self.oip = service_pb2_grpc.GRPCInferenceServiceStub(self.channel)
        self.pool = DescriptorPool(ProtoReflectionDescriptorDatabase(self.channel))

    def call(self, method: str, request: Message, timeout: float = PATIENCE_SECONDS) -> object:
        return self.channel.unary_unary(method, type(request).SerializeToString)(request, timeout=timeout)

    def message(self, name: str, **fields: object) -> Message:
        return GetMessageClass(self.pool.FindMessageTypeByName(f"rollout.v1.{name}"))(**fields)

    def rollout(self, lanes: int = 1, horizon: int = 2, **changes: object) -> object:
        def tensor(*shape: int) -> dict[str, object]:
            return {"dtype": 1, "shape": list(shape), "data": np.zeros(shape, np.float32).tobytes()}

        fields: dict[str, object] = {
            "model": "tiny",
            "initial_states": tensor(1, 4),
            "controls": tensor(lanes, horizon, 1),
            "outputs": {"final_state": True},
        }
        fields.update(changes)
        return self.call("/rollout.v1.TransitionModel/Rollout", self.message("RolloutRequest", **fields))

    def gradient(self, **fields: object) -> object:
        request = self.message("GradientRequest", model="tiny", **fields)
        return self.call("/rollout.v1.TransitionModel/Gradient", request)

    def infer(self, change: Callable[[service_pb2.ModelInferRequest], object]) -> object:
        request = service_pb2.ModelInferRequest(model_name="tiny")
        for name, shape in (("initial_state", (1, 4)), ("controls", (1, 2, 1))):
            request.inputs.add(name=name, datatype="FP32", shape=shape)
            request.raw_input_contents.append(np.zeros(shape, np.float32).tobytes())
        change(request)
        return self.oip.ModelInfer(request)

    def admin(self, method: str, **fields: object) -> object:
        return self.call(f"/rollout.v1.Admin/{method}", self.message(f"{method}Request", **fields))

    def full_queue(self) -> object:
        """Many at once: two fill engine and queue, whichever they are, so that the first to end is a refused one."""
        request = service_pb2.ModelInferRequest(model_name="slow")
        for name, shape in (("initial_state", (1, 4)), ("controls", (8, 20000, 1))):
            request.inputs.add(name=name, datatype="FP32", shape=shape)
            request.raw_input_contents.append(np.zeros(shape, np.float32).tobytes())
        request.outputs.add(name="final_state")
        ended: queue.Queue[grpc.Future] = queue.Queue()
        calls = [self.oip.ModelInfer.future(request) for _ in range(40)]
        for call in calls:
            call.add_done_callback(ended.put)
        try:
            return ended.get(timeout=PATIENCE_SECONDS).result()
        finally:
            for call in calls:
                call.cancel()

    def drained(self) -> object:
        with tempfile.TemporaryDirectory() as folder:
            publish_model(Path(folder), TinyModel())
            with Rolloutd(Path(folder)) as server, grpc.insecure_channel(server.address) as channel:
                request = self.message("RolloutRequest", model="walker").SerializeToString()
                stream = channel.stream_stream("/rollout.v1.TransitionModel/StreamRollout")(one_and_silence(request))
                next(stream)  # a refusal: the stream is there
                server.process.terminate()
                return next(stream)

    def provocations(self) -> dict[Row, Callable[[], object]]:
        tensor = {"dtype": 1, "shape": [1, 2, 1]}
        nan = np.full((1, 2, 1), np.nan, np.float32).tobytes()
        controls = "controls: got "
        limits = ", expected at most … (the server's "
        many: dict[str, Any] = {"initial_states": {"dtype": 1, "shape": [2, 3], "data": b"\0" * 24}}
        wide = {"dtype": 1, "shape": [1, 2, 5], "data": b"\0" * 40}
        bad, missing, early = "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION"
        trajectory: dict[str, Any] = {"outputs": {"trajectory": True}}
        objectives = "of_return, trajectory_cotangents, final_state_cotangents: "

        def load(name: str, **parameters: str) -> object:
            request = service_pb2.RepositoryModelLoadRequest(model_name=name)
            for key, value in parameters.items():
                request.parameters[key].string_param = value
            return self.oip.RepositoryModelLoad(request)

        return {
            (bad, "request: got … bytes that do not decode, expected the message …"): lambda: self.channel.unary_unary(
                "/rollout.v1.TransitionModel/Rollout"
            )(b"\xff\xff"),
            (bad, controls + "shape …, expected [B, T, …"): lambda: self.rollout(controls=wide),
            (bad, "initial_states: got shape …, expected [1, …"): lambda: self.rollout(**many),
            (bad, controls + "… bytes, expected … for shape …"): lambda: self.rollout(
                controls={**tensor, "data": b"\0" * 4}
            ),
            (bad, "…: got NaN, expected a finite number"): lambda: self.rollout(controls={**tensor, "data": nan}),
            (bad, controls + "… lanes" + limits + "--max-lanes); split the request"): lambda: self.rollout(lanes=9),
            (bad, controls + "a horizon of … transitions" + limits + "--max-horizon)"): lambda: self.rollout(
                horizon=20001
            ),
            (bad, "outputs: the reply would take … bytes" + limits + "--max-reply-bytes)"): lambda: self.rollout(
                8, 1000, **trajectory
            ),
            (bad, controls + "dtype …, expected FP32"): lambda: self.rollout(controls={**tensor, "dtype": 2}),
            (bad, "label: got … beside version …, expected at most one of them"): lambda: self.rollout(
                version=1, label="stable"
            ),
            (bad, "outputs: got a request for …, but … names no reward"): lambda: self.rollout(
                outputs={"total_return": True}
            ),
            (bad, "raw_input_contents: got … entries, expected …"): lambda: self.infer(
                lambda r: r.raw_input_contents.append(b"")
            ),
            (
                bad,
                "…: got contents beside raw_input_contents, expected one of them for the whole request",
            ): lambda: self.infer(lambda r: r.inputs[0].contents.fp32_contents.append(1)),
            (bad, "…: got datatype …, expected FP32"): lambda: self.infer(
                lambda r: setattr(r.inputs[0], "datatype", "FP64")
            ),
            (bad, "inputs: got …, expected …"): lambda: self.infer(lambda r: setattr(r.inputs[0], "name", "x")),
            (bad, "inputs: got no …, expected it"): lambda: self.infer(
                lambda r: (r.inputs.pop(), r.raw_input_contents.pop())
            ),
            (bad, "outputs: got …, expected …"): lambda: self.infer(lambda r: r.outputs.add(name="velocity")),
            (bad, "model_version: got …, expected a positive whole number"): lambda: self.infer(
                lambda r: setattr(r, "model_version", "new")
            ),
            (bad, "parameters: got …, expected none"): lambda: load("tiny", config="{}"),
            (bad, objectives + "got … of them, expected exactly one to differentiate"): lambda: self.gradient(),
            (bad, "cost: got one without of_return, expected it with the return that it makes"): lambda: self.gradient(
                final_state_cotangents={"dtype": 1, "shape": [1, 4], "data": b"\0" * 16}, cost={"state": [1, 1, 1, 1]}
            ),
            (missing, "model … is not in the repository; models: …"): lambda: self.rollout(model="walker"),
            (missing, "… has no version … loaded; loaded versions: …"): lambda: self.rollout(version=1),
            (missing, "… has no good version; loaded versions: none"): lambda: self.rollout(model="bad"),
            (missing, "… has no label …; labels: …"): lambda: self.rollout(label="stable"),
            (missing, "… has no version … in the repository; versions: …"): lambda: self.admin(
                "Load", model="tiny", version=9
            ),
            (missing, "service … is unknown; services: …"): lambda: health_pb2_grpc.HealthStub(self.channel).Check(
                health_pb2.HealthCheckRequest(service="walker")
            ),
            (early, "… version … is quarantined: …"): lambda: self.admin("Load", model="bad", version=1),
            (early, "… version … is …, expected READY: load it first"): lambda: self.admin(
                "Pin", model="tiny", version=1
            ),
            ("RESOURCE_EXHAUSTED", "queue of … is full: …"): self.full_queue,
            ("RESOURCE_EXHAUSTED", "Received message larger than max"): lambda: self.channel.unary_unary(
                "/rollout.v1.TransitionModel/Rollout"
            )(b"\0" * (LIMIT + 1)),
            (
                "DEADLINE_EXCEEDED",
                "deadline passed …, … ago: allow more time, fewer lanes or a shorter horizon",
            ): lambda: self.rollout(8, 20000, timeout_us=1),
            ("UNAVAILABLE", "the server is draining: ask another one"): self.drained,
            ("UNIMPLEMENTED", "Compression algorithm … is disabled"): lambda: self.channel.unary_unary(
                "/rollout.v1.TransitionModel/Rollout"
            )(b"\0" * 1000, compression=grpc.Compression.Gzip),
            ("UNIMPLEMENTED", ""): lambda: self.channel.unary_unary("/rollout.v1.TransitionModel/Dream")(b""),
        }

    def test_every_row_is_provoked_and_every_error_has_its_row(self) -> None:
        provocations = self.provocations()
        for (_, message), path in IN_THE_SOURCE.items():
            source = (ROOT / path).read_text().replace('\\"', '"')
            for part in message.split("…"):
                self.assertIn(part, source)
        expected = {row for row in rows() if row[0] not in ELSEWHERE}
        self.assertEqual(expected, {*provocations, *IN_THE_SOURCE})
        for (code, message), provoke in provocations.items():
            with self.subTest(code=code, message=message), self.assertRaises(grpc.RpcError) as caught:
                provoke()
            self.assertEqual(caught.exception.code().name, code, caught.exception.details())
            self.assertRegex(caught.exception.details() or "", pattern(message))

    def test_every_code_in_the_source_has_a_row(self) -> None:
        names = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper() for name in self.codes_in_the_source()}
        self.assertLessEqual(names, {code for code, _ in rows()})
        self.assertGreaterEqual(len(names), 7)

    def codes_in_the_source(self) -> set[str]:
        found: set[str] = set()
        for room in ("services", "registry", "batching", "security"):
            for path in (ROOT / "server" / room).glob("*.cc"):
                found.update(re.findall(r"absl::([A-Z]\w+)Error\(", path.read_text()))
        return found - {"Aborted"}  # load_wait.cc: "not decided yet", which leaves no server


def one_and_silence(request: bytes) -> Iterator[bytes]:
    """A request stream that stays open and sends one request."""
    yield request
    threading.Event().wait(PATIENCE_SECONDS)


if __name__ == "__main__":
    unittest.main()
