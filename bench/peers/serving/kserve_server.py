"""KServe with the models echo, blob and rollout (JAX): kserve_server.py GRPC_PORT HTTP_PORT WEIGHTS."""

from __future__ import annotations

import sys

import kserve
import numpy as np
import rollout_jax

BLOB = np.zeros((1, (1 << 20) // 4), np.float32)


def answer(payload: kserve.InferRequest, name: str, output: np.ndarray) -> kserve.InferResponse:
    tensor = kserve.InferOutput(name=name, shape=list(output.shape), datatype="FP32")
    tensor.set_data_from_numpy(output, binary_data=True)
    return kserve.InferResponse(response_id=payload.id, model_name=payload.model_name, infer_outputs=[tensor])


class Echo(kserve.Model):
    """y = x, or 1 MiB whatever came."""

    def __init__(self, name: str, output: np.ndarray | None) -> None:
        super().__init__(name)
        self._output = output
        self.ready = True

    async def predict(self, payload: kserve.InferRequest, *_: object) -> kserve.InferResponse:
        x = payload.inputs[0].as_numpy()
        return answer(payload, "y", x if self._output is None else self._output)


class Rollout(kserve.Model):
    """trajectory of initial_state under controls."""

    def __init__(self, weights: str) -> None:
        super().__init__("rollout")
        self._rollout = rollout_jax.load(weights)
        self.ready = True

    async def predict(self, payload: kserve.InferRequest, *_: object) -> kserve.InferResponse:
        inputs = {tensor.name: tensor.as_numpy() for tensor in payload.inputs}
        return answer(payload, "trajectory", self._rollout(inputs["initial_state"], inputs["controls"]))


if __name__ == "__main__":
    models = [Echo("echo", None), Echo("blob", BLOB), Rollout(sys.argv[3])]
    server = kserve.ModelServer(
        http_port=int(sys.argv[2]),
        grpc_port=int(sys.argv[1]),
        workers=1,
        enable_grpc=True,
        enable_latency_logging=False,
    )
    server.start(models)
