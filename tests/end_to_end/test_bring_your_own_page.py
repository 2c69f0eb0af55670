"""The commands of docs/bring-your-own.md, run as they stand on a cart with a pole, up to a server with its version."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

import numpy as np
from processes import BIN, Rolloutd
from safetensors.numpy import save_file

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "bring-your-own.md"
SERVE = "rolloutd --model-repository "


def write_arrays(folder: Path) -> None:
    """episodes.npz of a pushed cart whose pole swings, and a network of random weights with its normalisers."""
    random = np.random.default_rng(1)
    arrays: dict[str, Any] = {}
    for i in range(8):
        controls = random.uniform(-1, 1, (100, 1))
        states = [random.normal(0, 0.1, 4)]
        for control in controls[:, 0]:
            x, angle, speed, turning = states[-1]
            push = np.array([speed, turning, 5 * control, -9 * np.sin(angle) - 3 * control])
            states.append(np.array([x, angle, speed, turning]) + 0.02 * push)
        arrays[f"states_{i}"], arrays[f"controls_{i}"] = np.stack(states), controls
    np.savez(folder / "episodes.npz", **arrays)
    # The cart's place, the pole's cosine and sine, two velocities, one control -> the change of four numbers.
    inputs, hidden, outputs = 6, 8, 4
    weights = {
        "0.weight": random.normal(0, 0.3, (hidden, inputs)).astype(np.float32),
        "0.bias": np.zeros(hidden, np.float32),
        "2.weight": random.normal(0, 0.3, (outputs, hidden)).astype(np.float32),
        "2.bias": np.zeros(outputs, np.float32),
    }
    save_file(weights, folder / "delta.safetensors")
    np.savez(folder / "normalisers.npz", input_std=np.ones(inputs), output_std=np.full(outputs, 0.02))


class BringYourOwnPageTest(unittest.TestCase):
    def test_commands(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "docs").symlink_to(ROOT / "docs")
        write_arrays(folder)
        bin_folder = folder / "bin"  # `python` is the tests' own
        bin_folder.mkdir()
        (bin_folder / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        (bin_folder / "python").chmod(0o755)
        environment = {**os.environ, "PATH": f"{bin_folder}:{BIN}:{os.environ['PATH']}"}

        blocks = re.split(r"^```", PAGE.read_text(), flags=re.MULTILINE)[1::2]
        dataset, model = (block for block in blocks if block.startswith("\n"))  # the others name their language
        publish, served = model.split(SERVE)
        for text in (dataset, publish):
            done = subprocess.run(
                ["sh", "-euc", text], cwd=folder, env=environment, capture_output=True, text=True, timeout=600
            )
            self.assertEqual(done.returncode, 0, f"{text}\n{done.stdout}\n{done.stderr}")
        self.assertEqual(
            sorted(path.name for path in folder.iterdir() if path.is_dir()), ["bin", "datasets", "docs", "repository"]
        )
        with Rolloutd(folder / served.strip()) as server:
            self.assertEqual(server.serving("cart"), 1)
            self.assertNotIn("event=ignored", server.log())


if __name__ == "__main__":
    unittest.main()
