"""The real tritonclient against the real rolloutd."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

import grpc
import numpy as np
import tritonclient.grpc as triton
from checkpoints import TinyModel, publish_model
from numpy.typing import NDArray
from processes import Rolloutd, ctl_json
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

Request = service_pb2.ModelInferRequest
LANES, HORIZON = 3, 5
HUGE = 2**62 + 1  # times 4 bytes wraps around to 4


def raw_request(
    states: NDArray[np.float32],
    controls: NDArray[np.float32],
    *,
    state_shape: tuple[int, ...] | None = None,
    control_shape: tuple[int, ...] | None = None,
    model: str = "tiny",
) -> Request:
    """A request with raw contents whose declared shapes may lie."""
    request = Request(model_name=model)
    shapes = {
        "initial_state": state_shape or states.shape,
        "controls": control_shape or controls.shape,
    }
    for name, array in (("initial_state", states), ("controls", controls)):
        request.inputs.add(name=name, datatype="FP32", shape=shapes[name])
        request.raw_input_contents.append(array.tobytes())
    return request


class OpenInferenceProtocolTest(unittest.TestCase):
    folder: tempfile.TemporaryDirectory[str]
    server: Rolloutd
    model: TinyModel

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.model = TinyModel()
        publish_model(Path(cls.folder.name), cls.model)
        publish_model(Path(cls.folder.name), TinyModel(seed=1))
        cls.model = TinyModel(seed=1)
        cls.server = cls.enterClassContext(Rolloutd(Path(cls.folder.name)))

    def setUp(self) -> None:
        self.client = triton.InferenceServerClient(self.server.address)
        self.addCleanup(self.client.close)
        self.channel = grpc.insecure_channel(self.server.address)
        self.addCleanup(self.channel.close)
        self.stub = service_pb2_grpc.GRPCInferenceServiceStub(self.channel)
        rng = np.random.default_rng(7)
        self.states = rng.uniform(-1, 1, (LANES, 4)).astype(np.float32)
        # Beyond the bounds of +-1, so that the clip shows.
        self.controls = rng.uniform(-2, 2, (LANES, HORIZON, 1)).astype(np.float32)

    def infer(
        self,
        states: NDArray[np.float32],
        controls: NDArray[np.float32],
        outputs: tuple[str, ...] = (),
        **options: object,
    ) -> triton.InferResult:
        inputs = []
        for name, array in (("initial_state", states), ("controls", controls)):
            tensor = triton.InferInput(name, list(array.shape), "FP32")
            tensor.set_data_from_numpy(array)
            inputs.append(tensor)
        wanted = [triton.InferRequestedOutput(name) for name in outputs] or None
        return self.client.infer("tiny", inputs, outputs=wanted, **options)

    def assert_refused(self, request: Request, *words: str) -> None:
        with self.assertRaises(grpc.RpcError) as caught:
            self.stub.ModelInfer(request)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT, caught.exception.details())
        for word in words:
            self.assertIn(word, caught.exception.details())

    def test_live_and_ready(self) -> None:
        self.assertTrue(self.client.is_server_live())
        self.assertTrue(self.client.is_server_ready())
        self.assertTrue(self.client.is_model_ready("tiny"))
        self.assertTrue(self.client.is_model_ready("tiny", "1"))
        self.assertFalse(self.client.is_model_ready("nobody"))
        self.assertFalse(self.client.is_model_ready("tiny", "99"))

    def test_metadata(self) -> None:
        self.assertTrue(self.client.get_server_metadata(as_json=True)["name"])
        metadata = self.client.get_model_metadata("tiny", as_json=True)
        self.assertEqual(metadata["name"], "tiny")
        self.assertEqual(set(metadata["versions"]), {"1", "2"})
        shapes = {tensor["name"]: tensor["shape"] for tensor in metadata["inputs"] + metadata["outputs"]}
        self.assertEqual(shapes["initial_state"], ["-1", "4"])
        self.assertEqual(shapes["controls"], ["-1", "-1", "1"])
        self.assertEqual(shapes["trajectory"], ["-1", "-1", "4"])
        self.assertEqual(shapes["final_state"], ["-1", "4"])

    def test_raw_contents_give_the_rollout_of_the_formulas(self) -> None:
        result = self.infer(self.states, self.controls, request_id="mine")
        trajectory = result.as_numpy("trajectory")
        self.assertEqual(trajectory.shape, (LANES, HORIZON + 1, 4))
        np.testing.assert_array_equal(trajectory[:, 0], self.states)
        np.testing.assert_allclose(trajectory, self.model.rollout(self.states, self.controls), atol=1e-5)
        np.testing.assert_array_equal(result.as_numpy("final_state"), trajectory[:, -1])
        self.assertEqual(result.get_response().id, "mine")
        self.assertEqual(result.get_response().model_version, "2")

    def test_a_version_may_be_named(self) -> None:
        result = self.infer(self.states, self.controls, model_version="1")
        np.testing.assert_allclose(
            result.as_numpy("trajectory"), TinyModel(seed=0).rollout(self.states, self.controls), atol=1e-5
        )

    def test_one_state_is_shared_by_all_lanes(self) -> None:
        result = self.infer(self.states[:1], self.controls)
        np.testing.assert_allclose(
            result.as_numpy("trajectory"), self.model.rollout(self.states[:1], self.controls), atol=1e-5
        )

    def test_typed_contents_give_the_same_numbers(self) -> None:
        request = Request(model_name="tiny")
        for name, array in (("initial_state", self.states), ("controls", self.controls)):
            tensor = request.inputs.add(name=name, datatype="FP32", shape=array.shape)
            tensor.contents.fp32_contents.extend(array.ravel().tolist())
        reply = self.stub.ModelInfer(request)
        index = [output.name for output in reply.outputs].index("trajectory")
        trajectory = np.frombuffer(reply.raw_output_contents[index], np.float32).reshape(reply.outputs[index].shape)
        raw = self.infer(self.states, self.controls).as_numpy("trajectory")
        np.testing.assert_allclose(trajectory, raw, atol=1e-6)

    def test_rolloutctl_prints_the_same_numbers(self) -> None:
        raw = self.infer(self.states[:1], self.controls[:1]).as_numpy("trajectory")
        printed = ctl_json(
            "--server",
            self.server.address,
            "rollout",
            "tiny",
            "--state=" + ",".join(repr(float(x)) for x in self.states[0]),
            "--controls",
            str(self.controls[0].tolist()),
        )
        np.testing.assert_allclose(np.float32(printed["trajectory"]), raw, atol=1e-6)

    def test_controls_are_clipped_unless_asked_not_to(self) -> None:
        bounded = np.clip(self.controls, -1, 1)
        clipped = self.infer(self.states, self.controls).as_numpy("final_state")
        np.testing.assert_allclose(clipped, self.infer(self.states, bounded).as_numpy("final_state"), atol=1e-6)
        free = self.infer(self.states, self.controls, parameters={"clip_controls": False}).as_numpy("final_state")
        self.assertGreater(np.abs(free - clipped).max(), 1e-4)

    def test_a_diverging_lane_is_told_and_leaves_its_neighbours_alone(self) -> None:
        states = self.states.copy()
        states[1] = 3.4e38  # the largest float is 3.403e38, and these positions grow
        result = self.infer(states, self.controls, ("final_state", "first_non_finite_step"))
        steps = result.as_numpy("first_non_finite_step")
        self.assertLessEqual(steps[1], HORIZON)
        self.assertEqual([steps[0], steps[2]], [HORIZON + 1] * 2)
        expected = self.model.rollout(self.states, self.controls)[:, -1]
        np.testing.assert_allclose(result.as_numpy("final_state")[[0, 2]], expected[[0, 2]], atol=1e-5)

    def test_unknown_model_and_version_are_not_found_and_list_what_there_is(self) -> None:
        for options, word in ((("nobody", ""), "tiny"), (("tiny", "99"), "2")):
            tensor = triton.InferInput("initial_state", [1, 4], "FP32")
            tensor.set_data_from_numpy(self.states[:1])
            with self.assertRaises(InferenceServerException) as caught:
                self.client.infer(options[0], [tensor], model_version=options[1])
            self.assertIn("NOT_FOUND", str(caught.exception.status()))
            self.assertIn(word, caught.exception.message())

    def test_wrong_shapes_name_the_field(self) -> None:
        states, controls = self.states, self.controls
        for request, words in (
            (raw_request(states[:, :3].copy(), controls), ("initial_state", "[3, 3]")),
            (raw_request(states[:2], controls), ("initial_state", "[2, 4]")),
            (raw_request(states, controls[:, :, 0].copy()), ("controls", "[3, 5]")),
            (raw_request(states, np.repeat(controls, 2, axis=2)), ("controls", "[3, 5, 2]")),
            (raw_request(states, controls[:, :0]), ("controls", "[3, 0, 1]")),
            (raw_request(states[:0], controls[:0]), ("controls", "[0, 5, 1]")),
            (raw_request(states, controls, control_shape=(3, 6, 1)), ("controls", "60 bytes", "72")),
            (raw_request(states, controls, control_shape=(-3, 5, 1)), ("controls", "-3")),
        ):
            self.assert_refused(request, *words)

    def test_shapes_whose_bytes_overflow_are_refused(self) -> None:
        one_state, one_control = self.states[:1], self.controls[:1, :1]
        self.assert_refused(raw_request(one_state, one_control, control_shape=(1, HUGE, 1)), "controls")
        self.assert_refused(raw_request(one_state, one_control, control_shape=(HUGE, 1, 1)), "controls")
        self.assert_refused(
            raw_request(one_state, one_control, state_shape=(HUGE, 4), control_shape=(HUGE, 1, 1)), "controls"
        )
        self.assert_refused(raw_request(one_state, one_control, state_shape=(HUGE, 4)), "initial_state")

    def test_numbers_that_are_not_finite_are_refused_where_they_stand(self) -> None:
        for bad in (np.nan, np.inf, -np.inf):
            states, controls = self.states.copy(), self.controls.copy()
            states[1, 2] = bad
            self.assert_refused(raw_request(states, self.controls), "initial_state[1, 2]")
            controls[2, 3, 0] = bad
            self.assert_refused(raw_request(self.states, controls), "controls[2, 3, 0]")

    def test_wrong_types_and_names_are_refused(self) -> None:
        request = raw_request(self.states, self.controls)
        request.inputs[0].datatype = "FP64"
        self.assert_refused(request, "initial_state", "FP64", "FP32")
        request = raw_request(self.states, self.controls)
        request.inputs[1].name = "actions"
        self.assert_refused(request, "actions", "controls")
        request = raw_request(self.states, self.controls)
        request.outputs.add(name="velocity")
        self.assert_refused(request, "velocity", "trajectory")
        request = raw_request(self.states, self.controls)
        del request.inputs[1:]
        del request.raw_input_contents[1:]
        self.assert_refused(request, "controls")

    def test_surplus_and_mixed_contents_are_refused(self) -> None:
        request = raw_request(self.states, self.controls)
        request.raw_input_contents.append(b"\0" * 4)
        self.assert_refused(request, "raw_input_contents", "3")
        request = raw_request(self.states, self.controls)
        request.inputs[0].contents.fp32_contents.extend(self.states.ravel().tolist())
        self.assert_refused(request, "initial_state")

    def test_undecodable_bytes_are_the_callers_fault(self) -> None:
        for method in ("/inference.GRPCInferenceService/ModelInfer", "/rollout.v1.TransitionModel/Rollout"):
            with self.assertRaises(grpc.RpcError) as caught:
                self.channel.unary_unary(method)(b"\xff\xff\xff")
            self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT, method)

    def test_return_of_a_model_without_a_reward_is_refused(self) -> None:
        request = raw_request(self.states, self.controls)
        request.outputs.add(name="return")
        self.assert_refused(request, "return")


if __name__ == "__main__":
    unittest.main()
