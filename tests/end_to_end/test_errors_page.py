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
    ("UNAVAILABLE", "… yet: it is loading, try again"): "server/registry/model_registry_lookup.cc",
    ("UNAVAILABLE", "… is being unloaded: try again"): "server/batching/batcher.cc",
    ("UNAVAILABLE", "… is unloaded"): "server/batching/batcher.cc",
    ("UNAVAILABLE", "the repository cannot be read: …"): "server/services/load_wait.cc",
    ("UNAVAILABLE", "… has no …version…: …"): "server/registry/model_registry_lookup.cc",
    ("NOT_FOUND", "… has no version to load"): "server/services/load_wait.cc",
    ("RESOURCE_EXHAUSTED", "…: not enough memory for …"): "models/engines/fused/gradient_groups.cc",
    (
        "INVALID_ARGUMENT",
        'inputs: got "initial_state" and "frames", expected one of them',
    ): "server/services/inference_codec.cc",
    (
        "INVALID_ARGUMENT",
        "frames: got shape …, expected [S, 2, …] with S at most … (the server's --max-frames)",
    ): "server/services/inference_codec.cc",
    (
        "INVALID_ARGUMENT",
        "outputs: got a request for … frames, expected at most … (the server's --max-frames); ask for fewer lanes or transitions",
    ): "server/services/rollout_query.cc",
}
# What the sources say, and no call ends with.
NEVER_SENT = {
    "undecided",  # load_wait.cc: a question to be asked again
    "… is another, empty folder than the one that held models: is the storage mounted?",  # why it "cannot be read"
    "the model repository has not been read yet: try again",  # it is read before requests are listened for
    "kind … has no energy",  # the reason of a gate that is skipped
    "no golden set to start from",
    "…: got …, expected … as in the loaded version …; a model with other states or controls needs another name",  # a
    # gate's, which follows "is quarantined: "
    'got "…", expected MODEL:VERSION such as hopper:3',  # of the configuration
    'got "…", expected LABEL=MODEL:VERSION such as stable=hopper:3',
    "outputs.stride: got …, expected at least 1",  # 0 on the wire means 1
}
# Fewer letters than that, and a message is what its callers make of it: ": got shape …, expected ".
FEWEST_LETTERS = 19


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


def zeros(*shape: int) -> dict[str, object]:
    """A tensor of rollout.v1."""
    return {"dtype": 1, "shape": list(shape), "data": np.zeros(shape, np.float32).tobytes()}


def letters(text: str) -> int:
    return sum(letter.isalpha() for letter in text)


def says(row: str, words: str) -> bool:
    """Whether a row stands for an error of the source: its text is found there, with or without the field in front."""
    if letters(row) < FEWEST_LETTERS:
        return False
    after_field = ": " + row.partition(": ")[2]
    wanted = {row, after_field} if words.startswith("…") and letters(after_field) > FEWEST_LETTERS / 2 else {row}
    if any(pattern(text).search(words) for text in wanted):
        return True
    # Or the other way round, where a message is put together of several.
    parts = [part for part in words.split("…") if part.strip()]
    return len(parts) > 1 and re.search(".*".join(map(re.escape, parts)), row) is not None


def argument_of(text: str, start: int) -> str:
    """The call's parenthesis that opens at `start`, parentheses in its words aside."""
    depth, quoted, place = 0, False, start
    while True:
        letter = text[place]
        if quoted and letter == "\\":
            place += 1
        elif letter == '"':
            quoted = not quoted
        elif not quoted:
            depth += {"(": 1, ")": -1}.get(letter, 0)
            if depth == 0:
                return text[start + 1 : place]
        place += 1


def errors_in_the_source() -> list[Row]:
    """Code and words of every error that is made where calls are answered, "…" for what is not literal."""
    found = []
    for room in ("services", "registry", "batching", "prediction_error"):
        for path in (ROOT / "server" / room).glob("*.cc"):
            text = path.read_text()
            for made in re.finditer(r"absl::([A-Z]\w+)Error\(", text):
                argument = re.sub(r'"\s*\n\s*"', "", argument_of(text, made.end() - 1))
                argument = re.sub(r"^\s*absl::StrCat\(", "", argument).strip()
                words = re.findall(r'"((?:[^"\\]|\\.)*)"', argument)
                gaps = ("" if argument.startswith('"') else "…", "" if re.search(r'"\)?$', argument) else "…")
                code = re.sub(r"(?<!^)(?=[A-Z])", "_", made[1]).upper()
                found.append((code, gaps[0] + "…".join(words).replace('\\"', '"') + gaps[1]))
    return found


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
                *(
                    "--max-reply-bytes",
                    "40000",
                    "--max-gradient-bytes",
                    "30000",
                    "--max-message-bytes",
                    str(LIMIT),
                    "--drain-delay",
                    "0s",
                ),
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
        fields: dict[str, object] = {
            "model": "tiny",
            "initial_states": zeros(1, 4),
            "controls": zeros(lanes, horizon, 1),
            "outputs": {"final_state": True},
        }
        fields.update(changes)
        return self.call("/rollout.v1.TransitionModel/Rollout", self.message("RolloutRequest", **fields))

    def gradient(self, **fields: object) -> object:
        request = self.message("GradientRequest", model="tiny", **fields)
        return self.call("/rollout.v1.TransitionModel/Gradient", request)

    def gradient_of(self, lanes: int, horizon: int) -> object:
        """Of the final states' sum."""
        return self.gradient(
            initial_states=zeros(1, 4), controls=zeros(lanes, horizon, 1), final_state_cotangents=zeros(lanes, 4)
        )

    def linearize(self, **fields: object) -> object:
        request = self.message("LinearizeRequest", model="tiny", **fields)
        return self.call("/rollout.v1.TransitionModel/Linearize", request)

    def report(self, **changes: object) -> object:
        fields: dict[str, object] = {"model": "tiny", "states": zeros(3, 4), "controls": zeros(2, 1), **changes}
        request = self.message("ReportTransitionsRequest", **fields)
        return self.call("/rollout.v1.TransitionModel/ReportTransitions", request)

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
            (
                bad,
                "controls: the reply would take … bytes, expected at most … (the server's --max-reply-bytes); "
                "split the request",
            ): lambda: self.gradient_of(8, 2000),
            (
                bad,
                "controls: the states and controls to differentiate along would take … bytes, expected at most … "
                "(the server's --max-gradient-bytes); split the request",
            ): lambda: self.gradient_of(1, 2000),
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
            ("RESOURCE_EXHAUSTED", "queue of … is full: …; retry later or add replicas"): self.full_queue,
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

    def provocations_of_costs_and_outputs(self) -> dict[Row, Callable[[], object]]:
        bad = "INVALID_ARGUMENT"
        short = {"dtype": 1, "shape": [1, 4], "data": b"\0" * 4}
        return {
            (bad, "controls: got shape …, expected one control sequence, [T, …"): lambda: self.linearize(
                initial_state=zeros(4), controls=zeros(2, 3, 1)
            ),
            (bad, "…: got shape …, expected […"): lambda: self.gradient(
                initial_states=zeros(1, 4), controls=zeros(1, 2, 1), final_state_cotangents=zeros(1, 3)
            ),
            (bad, "discount: got …, expected a number …"): lambda: self.rollout(discount=2.0),
            (bad, "ensemble: got …, expected ALL_MEMBERS, TS1 or TSINF"): lambda: self.rollout(ensemble=7),
            (
                bad,
                "outputs.first_outside_step: got true, but … does not say what range its data had",
            ): lambda: self.rollout(outputs={"first_outside_step": True}),
            (
                bad,
                "outputs.spread: got true, but with TS1 and TSINF a lane follows one member; ask for ALL_MEMBERS",
            ): lambda: self.rollout(ensemble=1, outputs={"final_state": True, "spread": True}),
            (bad, "cost.…: got … numbers, expected … or none"): lambda: self.rollout(cost={"state": [1]}),
            (bad, "cost.…: got …, expected a finite number"): lambda: self.rollout(cost={"state": [-1, 1, 1, 1]}),
            (bad, "cost.reference: got shape …, expected [1, …"): lambda: self.rollout(cost={"reference": zeros(1, 3)}),
            (bad, "cost.reference: got … bytes for shape …, expected 4 for each number of it"): lambda: self.rollout(
                cost={"reference": short}
            ),
            (bad, "cost.add_reward: got true, but … names no reward; ask for the cost alone"): lambda: self.rollout(
                cost={"add_reward": True}
            ),
            (
                bad,
                "of_return: got true, but … names no reward; give a cost, or cotangents of states",
            ): lambda: self.gradient(of_return=True),
        }

    def provocations_of_inference(self) -> dict[Row, Callable[[], object]]:
        bad, wrong = "INVALID_ARGUMENT", "parameters.{}: got another type, expected a {}_param"

        def typed(request: service_pb2.ModelInferRequest) -> None:
            request.ClearField("raw_input_contents")
            request.inputs[0].contents.int64_contents.append(1)

        def parameter(name: str, **value: object) -> object:
            return self.infer(lambda r: r.parameters[name].MergeFrom(service_pb2.InferParameter(**value)))

        def twice(request: service_pb2.ModelInferRequest) -> None:
            for _ in range(2):
                request.outputs.add(name="final_state")

        return {
            (bad, "inputs: got … twice, expected it once"): lambda: self.infer(lambda r: r.inputs.append(r.inputs[1])),
            (bad, "outputs: got … twice, expected it once"): lambda: self.infer(twice),
            (bad, "…: got a dimension of …, expected at least 1"): lambda: self.infer(
                lambda r: r.inputs[1].shape.__setitem__(1, -2)
            ),
            (bad, "…: got contents of another type, expected fp32_contents for FP32"): lambda: self.infer(typed),
            (
                bad,
                "…: got the parameter …, which this server does not have; send and take plain tensors",
            ): lambda: self.infer(
                lambda r: (
                    r.inputs[0]
                    .parameters["shared_memory_region"]
                    .MergeFrom(service_pb2.InferParameter(string_param="x"))
                )
            ),
            (bad, wrong.format("clip_controls", "bool")): lambda: parameter("clip_controls", string_param="no"),
            (bad, wrong.format("label", "string")): lambda: parameter("label", bool_param=True),
            (
                bad,
                "parameters.timeout: expected an int64_param of at least 0, in microseconds",
            ): lambda: parameter("timeout", string_param="1"),
            (bad, "version: got …, expected a positive whole number"): lambda: self.oip.ModelMetadata(
                service_pb2.ModelMetadataRequest(name="tiny", version="new")
            ),
            (bad, "repository_name: got …, expected nothing: this server has one repository"): lambda: (
                self.oip.RepositoryIndex(service_pb2.RepositoryIndexRequest(repository_name="x"))
            ),
        }

    def provocations_of_reports(self) -> dict[Row, Callable[[], object]]:
        bad = "INVALID_ARGUMENT"
        nan = {"dtype": 1, "shape": [3, 4], "data": np.full((3, 4), np.nan, np.float32).tobytes()}
        return {
            (bad, "…: got dtype …, expected FP32 or FP64"): lambda: self.report(states={"dtype": 3, "shape": [3, 4]}),
            (
                bad,
                "states, controls: got … states and … controls, expected k + 1 states and k >= 1 controls",
            ): lambda: self.report(states=zeros(2, 4)),
            (
                bad,
                "…: got … rows, expected at most … (the server's --max-horizon and one); "
                "report an episode in several chunks",
            ): lambda: self.report(states={"dtype": 1, "shape": [30000, 4]}),
            (bad, "period: found …, expected the model's transition_dt, … s, within …"): lambda: self.report(
                period=0.5
            ),
            (
                bad,
                "timestamps: got them beside a period of … s, expected at most one of the two",
            ): lambda: self.report(period=0.02, timestamps=[0, 0.02, 0.04]),
            (bad, "timestamps: got … of them, expected …, one for each state"): lambda: self.report(timestamps=[0]),
            (
                bad,
                "timestamps[…]: got … s after the one before, expected the model's transition_dt, … s, within …",
            ): lambda: self.report(timestamps=[0, 0.02, 0.05]),
            (bad, "…: found a name of … bytes, expected at most …"): lambda: self.report(client="x" * 300),
            (bad, "…: found …, expected finite numbers in the range of float32"): lambda: self.report(states=nan),
            (
                bad,
                "label: got …, expected 1 to 64 of letters, digits, '.', '_' and '-', and no number",
            ): lambda: self.admin("SetLabel", model="tiny", version=4, label="9"),
        }

    def test_every_row_is_provoked_and_every_error_has_its_row(self) -> None:
        provocations = {
            **self.provocations(),
            **self.provocations_of_costs_and_outputs(),
            **self.provocations_of_inference(),
            **self.provocations_of_reports(),
        }
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

    def test_every_error_in_the_source_has_a_row(self) -> None:
        errors = errors_in_the_source()
        self.assertGreater(len(errors), 60)
        self.assertLessEqual(NEVER_SENT, {words for _, words in errors})
        for code, words in errors:
            if words in NEVER_SENT or letters(words) < FEWEST_LETTERS:
                continue
            with self.subTest(code=code, words=words):
                self.assertTrue(any(code == row[0] and says(row[1], words) for row in rows()))

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
