"""Clients that ask without pause, so that nothing can go wrong for a moment unseen."""

from __future__ import annotations

import collections
import threading
from types import TracebackType

import numpy as np
import tritonclient.grpc as triton


class SteadyLoad:
    """`clients` threads, each asking `model` for one rollout after the other; a context manager."""

    def __init__(
        self, address: str, model: str, state_size: int, num_controls: int, clients: int = 3, horizon: int = 10
    ) -> None:
        self._address, self._model = address, model
        self._state = np.zeros((1, state_size), np.float32)
        self._controls = np.zeros((2, horizon, num_controls), np.float32)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._answers: collections.Counter[int] = collections.Counter()
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    @property
    def answers(self) -> dict[int, int]:
        """How many rollouts each version has answered."""
        with self._lock:
            return dict(self._answers)

    def _ask(self) -> None:
        client = triton.InferenceServerClient(self._address)
        inputs = []
        for name, array in (("initial_state", self._state), ("controls", self._controls)):
            tensor = triton.InferInput(name, list(array.shape), "FP32")
            tensor.set_data_from_numpy(array)
            inputs.append(tensor)
        wanted = [triton.InferRequestedOutput("final_state")]
        while not self._stop.is_set():
            try:
                result = client.infer(self._model, inputs, outputs=wanted)
                version = int(result.get_response().model_version)
                if not np.isfinite(result.as_numpy("final_state")).all():
                    raise ValueError(f"version {version} answered numbers that are not finite")
            except Exception as error:  # whatever it is, it is a failed request
                with self._lock:
                    self.failures.append(f"{type(error).__name__}: {error}")
                continue
            with self._lock:
                self._answers[version] += 1
        client.close()

    def __enter__(self) -> SteadyLoad:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
