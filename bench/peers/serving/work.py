"""What is asked of the servers, in each one's own terms."""

from __future__ import annotations

import dataclasses

import numpy as np
import tritonclient.grpc as triton

RNG = np.random.default_rng(1)
STATE = (0.5 * RNG.uniform(-1, 1, (1, 12))).astype(np.float32)
WIDE_STATE = (0.5 * RNG.uniform(-1, 1, (1, 256))).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Question:
    """One ModelInfer."""

    model: str
    inputs: dict[str, np.ndarray]
    output: str

    def tensors(self) -> tuple[list[triton.InferInput], list[triton.InferRequestedOutput]]:
        inputs = []
        for name, values in self.inputs.items():
            tensor = triton.InferInput(name, list(values.shape), "FP32")
            tensor.set_data_from_numpy(values)
            inputs.append(tensor)
        return inputs, [triton.InferRequestedOutput(self.output)]

    def request_bytes(self) -> bytes:
        """As any client of the protocol would send it."""
        request = triton.service_pb2.ModelInferRequest(model_name=self.model)
        for name, values in self.inputs.items():
            request.inputs.add(name=name, datatype="FP32", shape=values.shape)
            request.raw_input_contents.append(values.tobytes())
        request.outputs.add(name=self.output)
        return bytes(request.SerializeToString())

    def reply_bytes(self, address: str) -> bytes:
        """What a server answers."""
        client = triton.InferenceServerClient(address)
        inputs, outputs = self.tensors()
        reply = client.infer(self.model, inputs, outputs=outputs).get_response()
        client.close()
        return bytes(reply.SerializeToString())


def _rollout(model: str, state: np.ndarray, lanes: int, horizon: int, controls: int, output: str) -> Question:
    values = RNG.uniform(-1, 1, (lanes, horizon, controls)).astype(np.float32)
    return Question(model, {"initial_state": state, "controls": values}, output)


@dataclasses.dataclass(frozen=True)
class Work:
    """The same work for rolloutd and for its peers."""

    name: str
    rolloutd: Question
    peers: Question

    def question(self, server: str) -> Question:
        """The bare echo is asked what rolloutd is asked, and answers what it answered."""
        return self.rolloutd if server in ("rolloutd", "bare echo") else self.peers


def _long_rollout() -> Work:
    ours = _rollout("hopper-sized", STATE, 64, 50, 3, "trajectory")
    return Work("rollout 64x50", ours, dataclasses.replace(ours, model="rollout"))


# A peer's echo returns 12 numbers and its blob 1 MiB of zeros, computing nothing; ours rolls out.
WORKS = {
    "echo": Work("echo", _rollout("hopper-sized", STATE, 1, 1, 3, "final_state"), Question("echo", {"x": STATE}, "y")),
    "blob": Work("blob", _rollout("wide", WIDE_STATE, 512, 1, 1, "trajectory"), Question("blob", {"x": STATE}, "y")),
    # perf_analyzer takes every output: trajectory and final state of 341 lanes are 1 MiB together.
    "blob, all outputs": Work(
        "blob, all outputs",
        _rollout("wide", WIDE_STATE, 341, 1, 1, "trajectory"),
        Question("blob", {"x": STATE}, "y"),
    ),
    "rollout": _long_rollout(),
}
