"""Models of MLServer: echo, blob and rollout (JAX)."""

from __future__ import annotations

import numpy as np
import rollout_jax
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

BLOB = np.zeros((1, (1 << 20) // 4), np.float32)


class _Model(MLModel):
    def _answer(self, name: str, output: np.ndarray) -> InferenceResponse:
        tensor = NumpyCodec.encode_output(name, output)
        return InferenceResponse(model_name=self.name, outputs=[tensor])


class Echo(_Model):
    """y = x."""

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        return self._answer("y", NumpyCodec.decode_input(payload.inputs[0]))


class Blob(_Model):
    """1 MiB whatever came."""

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        NumpyCodec.decode_input(payload.inputs[0])
        return self._answer("y", BLOB)


class Rollout(_Model):
    """trajectory of initial_state under controls."""

    async def load(self) -> bool:
        self._rollout = rollout_jax.load(self.settings.parameters.uri)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        inputs = {tensor.name: NumpyCodec.decode_input(tensor) for tensor in payload.inputs}
        return self._answer("trajectory", self._rollout(inputs["initial_state"], inputs["controls"]))
