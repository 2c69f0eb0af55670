"""Collect, fit, publish, serve, ask, report, read the metrics: the product's straight line with its real processes."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import subprocess
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from checkpoints import TinyModel, publish_model, versions
from load import SteadyLoad
from processes import BIN, Rolloutd, ctl_json, rolloutctl, sample, trainer, wait_until

SYSTEM, MODEL = "inverted_pendulum_v5", "pendulum"


def check_complete(folder: Path) -> None:
    """Fails unless every file that the version's manifest lists is there with its digest."""
    listed = json.loads((folder / "manifest.json").read_text())["files"]
    for name, entry in listed.items():
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if digest != entry["sha256"]:
            raise AssertionError(f"{folder / name} is not what the manifest says")


class WholeLineTest(unittest.TestCase):
    made: tempfile.TemporaryDirectory[str]
    dataset: Path
    fitted: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.made = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.made.cleanup)
        cls.dataset = Path(cls.made.name) / "episodes.hdf5"
        cls.fitted = Path(cls.made.name) / "fitted"

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.repository = self.folder / "repository"
        self.repository.mkdir()

    def train(self, *arguments: str | Path) -> None:
        done = trainer(*map(str, arguments))
        self.assertEqual(done.returncode, 0, f"{arguments}\n{done.stdout}\n{done.stderr}")

    def collect_and_fit(self) -> None:
        """Makes the dataset and the model; once for all tests."""
        if self.fitted.exists():
            return
        self.train(
            "collect", "--system", SYSTEM, "--policy", "random", "--episodes", "40", "--seed", "1",
            "--out", self.dataset,
        )  # fmt: skip
        self.train(
            "fit", "--data", self.dataset, "--model", MODEL, "--hidden-sizes", "16", "--steps", "300", "--seed", "1",
            "--out", self.fitted,
        )  # fmt: skip

    def publish_command(self) -> list[str | Path]:
        return [
            BIN / "rollout-trainer", "publish", "--from", self.fitted, "--model", MODEL,
            "--model-repository", self.repository,
        ]  # fmt: skip

    def test_from_nothing_to_a_served_model_and_its_prediction_error(self) -> None:
        publish_model(self.repository, TinyModel(name="bystander"))
        with Rolloutd(self.repository) as server, SteadyLoad(server.address, "bystander", 4, 1, clients=1) as load:
            self.collect_and_fit()
            subprocess.run(self.publish_command(), check=True, capture_output=True)
            wait_until(lambda: server.serving(MODEL) == 1, "the published version serves")

            with h5py.File(self.dataset) as file:
                longest = max(file.values(), key=lambda episode: len(episode["actions"]))
                states, controls = longest["observations"][()], longest["actions"][()]
            episode = self.folder / "episode.npz"
            np.savez(episode, states=states, controls=controls)
            predicted = ctl_json("--server", server.address, "rollout", MODEL, "--episode", str(episode))
            self.assertEqual(np.shape(predicted["trajectory"]), (1, *states.shape))

            reported = rolloutctl("report", MODEL, str(episode), "--server", server.address)
            self.assertEqual(reported.returncode, 0, reported.stderr)
            wait_until(
                lambda: sample(server.metrics(), "rollout_prediction_error", model=MODEL, horizon="1") is not None,
                "/metrics shows the prediction error",
            )
            metrics = server.metrics()
            self.assertLess(sample(metrics, "rollout_prediction_error", model=MODEL, horizon="1"), 10.0)
            calls = sample(
                metrics, "rollout_request_duration_seconds_count", method="TransitionModel/Rollout", code="OK"
            )
            self.assertGreaterEqual(calls or 0, 1)
            self.assertEqual(sample(metrics, "rollout_reported_transitions_total", model=MODEL), float(len(controls)))
            self.assertEqual(load.failures, [])
        with Rolloutd(self.repository) as server:
            self.assertEqual(server.terminate(), 0)

    def test_a_publisher_that_is_killed_leaves_nothing_half_there(self) -> None:
        self.collect_and_fit()
        with Rolloutd(self.repository, poll="20ms") as server:
            for attempt in range(12):
                publisher = subprocess.Popen(
                    self.publish_command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
                before = len(versions(self.repository, MODEL))
                # From the very start to after the rename, spread over the publisher's life.
                try:
                    publisher.wait(timeout=0.01 * 2**attempt if attempt < 8 else 0.3)
                except subprocess.TimeoutExpired:
                    publisher.kill()
                    publisher.wait()
                self.assertLessEqual(len(versions(self.repository, MODEL)), before + 1)
            subprocess.run(self.publish_command(), check=True, capture_output=True)
            for version in versions(self.repository, MODEL):
                check_complete(self.repository / MODEL / str(version))
            wait_until(
                lambda: server.serving(MODEL) == versions(self.repository, MODEL)[-1], "the last publication serves"
            )
            states = {v["state"] for v in server.models()[MODEL]["versions"]}
            self.assertNotIn("QUARANTINED", states)

    def test_a_full_disk_while_publishing_is_said_and_leaves_nothing(self) -> None:
        self.collect_and_fit()
        if not self.mount_small_disk():
            print("no tmpfs may be mounted here: files that cannot grow stand for the full disk alone")
            return
        # Version after version until there is no room for another.
        for _ in range(100):
            done = subprocess.run(self.publish_command(), capture_output=True, text=True)
            if done.returncode != 0:
                break
        self.assertEqual(done.returncode, 1, "the disk is full some day")
        self.assertIn("No space left on device", done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.check_all_complete()

    def mount_small_disk(self) -> bool:
        """Puts 64 KiB of memory in the repository's place; only root may."""
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", self.repository], capture_output=True
        )
        if mounted.returncode == 0:
            self.addCleanup(subprocess.run, ["umount", self.repository], check=True)
        return mounted.returncode == 0

    def check_all_complete(self) -> None:
        for name in os.listdir(self.repository / MODEL):
            self.assertTrue(name.isdigit(), f"{name} was left behind")
            check_complete(self.repository / MODEL / name)

    def test_a_file_that_cannot_grow_is_said_and_leaves_nothing(self) -> None:
        self.collect_and_fit()
        subprocess.run(self.publish_command(), check=True, capture_output=True)

        def limited(disposition: signal.Handlers) -> Callable[[], None]:
            def prepare() -> None:
                signal.signal(signal.SIGXFSZ, disposition)
                resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))

            return prepare

        # With the signal ignored the write fails with an error ...
        refused = subprocess.run(
            self.publish_command(),
            capture_output=True,
            text=True,
            preexec_fn=limited(signal.SIG_IGN),
            restore_signals=False,
        )
        self.assertEqual(refused.returncode, 1, refused.stderr)
        self.assertIn("File too large", refused.stderr)
        self.assertEqual(os.listdir(self.repository / MODEL), ["1"])
        # ... and without, the publisher dies in the middle of it.
        killed = subprocess.run(
            self.publish_command(), capture_output=True, preexec_fn=limited(signal.SIG_DFL), restore_signals=False
        )
        self.assertEqual(killed.returncode, -signal.SIGXFSZ)
        self.assertEqual(versions(self.repository, MODEL), [1])
        subprocess.run(self.publish_command(), check=True, capture_output=True)
        check_complete(self.repository / MODEL / "2")


if __name__ == "__main__":
    unittest.main()
