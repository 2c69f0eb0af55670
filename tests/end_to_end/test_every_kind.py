"""Every kind of dynamics, trained a few steps: the real rolloutd serves the trajectories of the trainer's memory."""

from __future__ import annotations

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy as np
import tritonclient.grpc as triton
from numpy.typing import NDArray
from processes import Rolloutd, sample
from safetensors.numpy import load_file
from tritonclient.utils import InferenceServerException

Array = NDArray[np.float32]
FRAME = (28, 28)


def train_every_kind(repository: Path) -> list[str]:
    """Publishes a model of every kind, returns their names."""
    done = subprocess.run(
        [os.environ["ROLLOUT_WRITE_EVERY_KIND"], repository], capture_output=True, text=True, timeout=600
    )
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return done.stdout.split()


def residual_network(weights: dict[str, Array], network: str, x: Array) -> Array:
    """The autoencoder's formula: ReLU after each layer but the last, inner layers add to what they see."""

    def layer(i: int, values: Array) -> Array:
        return values @ weights[f"{network}.{i}.weight"][0].T + weights[f"{network}.{i}.bias"][0]

    hidden = np.maximum(layer(0, x), 0)
    for i in (1, 2):
        hidden = hidden + np.maximum(layer(i, hidden), 0)
    return layer(3, hidden)


class EveryKindTest(unittest.TestCase):
    server: Rolloutd
    repository: Path
    kinds: list[str]

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.repository = Path(folder.name)
        cls.kinds = train_every_kind(cls.repository)
        cls.server = cls.enterClassContext(Rolloutd(cls.repository))

    def setUp(self) -> None:
        self.client = triton.InferenceServerClient(self.server.address)
        self.addCleanup(self.client.close)

    def infer(self, model: str, inputs: dict[str, Array], outputs: tuple[str, ...] = ()) -> triton.InferResult:
        tensors = []
        for name, array in inputs.items():
            tensor = triton.InferInput(name, list(array.shape), "FP32")
            tensor.set_data_from_numpy(array)
            tensors.append(tensor)
        wanted = [triton.InferRequestedOutput(name) for name in outputs] or None
        return self.client.infer(model, tensors, outputs=wanted)

    def golden(self, model: str) -> dict[str, Array]:
        return load_file(self.repository / model / "1" / "golden.safetensors")

    def test_serves_what_the_trainer_had_in_memory(self) -> None:
        self.assertGreaterEqual(len(self.kinds), 10)
        for kind in self.kinds:
            with self.subTest(kind):
                golden = self.golden(kind)
                inputs = {name: golden[name] for name in ("initial_state", "controls")}
                served = self.infer(kind, inputs).as_numpy("trajectory")
                expected = golden["trajectory"]
                self.assertEqual(served.shape, expected.shape)
                spread = np.maximum(np.ptp(expected, axis=(0, 1)), 1e-3 * np.abs(expected).max(axis=(0, 1)))
                worst = np.max(np.abs(served - expected) / np.maximum(spread, 1e-6))
                self.assertLess(worst, 1e-4)

    def test_says_why_a_kind_falls_back_to_torch(self) -> None:
        for kind in ("NODE_RECURRENT", "PIXEL_HNN"):
            info = [line for line in self.server.metrics().splitlines() if f'model="{kind}"' in line]
            line = next(line for line in info if line.startswith("rollout_model_info"))
            self.assertIn('engine="torch"', line)
            self.assertIn(f"kind {kind}", line)
            self.assertEqual(sample("\n".join(info), "rollout_model_info"), 1.0)

    def test_a_rollout_of_the_recurrent_kind_remembers(self) -> None:
        """Two halves are not the whole: the second one begins without a memory."""
        golden = self.golden("NODE_RECURRENT")
        states, controls = golden["initial_state"], golden["controls"]
        whole = self.infer("NODE_RECURRENT", {"initial_state": states, "controls": controls}).as_numpy("trajectory")
        half = controls.shape[1] // 2
        again = self.infer(
            "NODE_RECURRENT",
            {
                "initial_state": np.ascontiguousarray(whole[:, half]),
                "controls": np.ascontiguousarray(controls[:, half:]),
            },
        ).as_numpy("trajectory")
        self.assertGreater(np.abs(again[:, -1] - whole[:, -1]).max(), 1e-5)

    def test_pixels_enter_and_leave_as_frames(self) -> None:
        weights = load_file(self.repository / "PIXEL_HNN" / "1" / "weights.safetensors")
        pairs = np.random.default_rng(3).uniform(0, 1, (4, 2, *FRAME)).astype(np.float32)
        controls = np.zeros((4, 6, 0), np.float32)
        names = ("trajectory", "frames", "final_state")
        result = self.infer("PIXEL_HNN", {"frames": pairs, "controls": controls}, names)
        trajectory, frames = result.as_numpy("trajectory"), result.as_numpy("frames")
        latent = residual_network(weights, "encoder", pairs.reshape(4, -1))
        np.testing.assert_allclose(trajectory[:, 0], latent, rtol=1e-4, atol=1e-4)
        self.assertEqual(frames.shape, (4, 7, *FRAME))
        decoded = residual_network(weights, "decoder", trajectory.reshape(-1, 2))[:, 784:]
        np.testing.assert_allclose(frames.reshape(-1, 784), decoded, rtol=1e-4, atol=1e-4)
        from_latent = self.infer("PIXEL_HNN", {"initial_state": trajectory[:, 0], "controls": controls}, names)
        np.testing.assert_array_equal(from_latent.as_numpy("trajectory"), trajectory)
        self.assertIsNone(self.infer("PIXEL_HNN", {"frames": pairs, "controls": controls}).as_numpy("frames"))

    def test_refuses_frames_that_do_not_fit(self) -> None:
        pairs = np.zeros((2, 2, *FRAME), np.float32)
        controls = np.zeros((2, 3, 0), np.float32)
        latent = np.zeros((2, 2), np.float32)
        bad = pairs.copy()
        bad[1, 0, 3, 4] = np.nan
        cases: list[tuple[str, dict[str, Array], tuple[str, ...], str]] = [
            ("both", {"frames": pairs, "initial_state": latent, "controls": controls}, (), "expected one of them"),
            ("one frame", {"frames": pairs[:, :1], "controls": controls}, (), r"expected \[S, 2, 28, 28\]"),
            ("NaN", {"frames": bad, "controls": controls}, (), r"frames\[1, 0, 3, 4\]: got NaN"),
            ("neither", {"controls": controls}, (), 'got no "initial_state"'),
            (
                "too many",
                {"frames": pairs[:1], "controls": np.zeros((50, 100, 0), np.float32)},
                ("frames",),
                "5050 frames, expected at most 4096",
            ),
        ]
        for name, inputs, outputs, message in cases:
            with self.subTest(name), self.assertRaisesRegex(InferenceServerException, message):
                self.infer("PIXEL_HNN", {key: np.ascontiguousarray(value) for key, value in inputs.items()}, outputs)
        with self.assertRaisesRegex(InferenceServerException, 'got "frames", expected initial_state, controls'):
            self.infer("NODE_SO", {"frames": pairs, "controls": np.zeros((2, 3, 1), np.float32)})


if __name__ == "__main__":
    unittest.main()
