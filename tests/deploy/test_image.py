"""The images: what is in them, and each of them doing its work. `make image-test IMAGES="server client ..."`."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from bare_root import ROOT
from images import ImageTest
from stack import BIN, four_free_ports, wait_until

STATE = ",".join(["0", "1.25", *["0"] * 10])
# None of these is in an image that runs.
TOOLS = ("g++", "gcc", "cmake", "python3", "curl", "wget", "make", "git")


class ServerTest(ImageTest):
    """What both images with a server have in common."""

    def setUp(self) -> None:
        super().setUp()
        self.port = four_free_ports()

    def addresses(self) -> dict[str, str]:
        return {
            "ROLLOUTD_LISTEN": f"0.0.0.0:{self.port}",
            "ROLLOUTD_METRICS_LISTEN": f"0.0.0.0:{self.port + 1}",
            "ROLLOUTD_HEALTH_LISTEN": f"0.0.0.0:{self.port + 2}",
            "ROLLOUTCTL_SERVER": f"127.0.0.1:{self.port + 2}",
        }

    def run_server(self, **environment: str) -> subprocess.Popen[str]:
        return self.start(**self.addresses(), **environment)

    def server_process(self) -> int:
        """The pid of rolloutd itself, below buildah's."""
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "environ").read_bytes().split(b"\0")
                name = (entry / "comm").read_text().strip()
            except OSError:
                continue
            if name == "rolloutd" and f"ROLLOUTD_LISTEN=0.0.0.0:{self.port}".encode() in words:
                return int(entry.name)
        return 0

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BIN / "rolloutctl", "--server", f"127.0.0.1:{self.port}", *arguments], capture_output=True, text=True
        )

    def wait_until_ready(self, server: subprocess.Popen[str]) -> None:
        self.addCleanup(server.communicate)
        self.addCleanup(server.kill)
        wait_until(lambda: self.ask("health", "--timeout", "1s").returncode == 0, "the container is ready", 60)

    def stop(self, server: subprocess.Popen[str]) -> None:
        os.kill(self.server_process(), signal.SIGTERM)
        start = time.monotonic()
        self.assertEqual(server.wait(60), 0)
        self.assertLess(time.monotonic() - start, 30)


class ServerImageTest(ServerTest):
    target = "server"

    def test_what_the_image_says_of_itself(self) -> None:
        config = self.config()
        self.assertEqual(config["User"], "10001:10001")
        self.assertEqual(config["Healthcheck"]["Test"][:3], ["CMD", "/usr/bin/rolloutctl", "health"])
        self.assertEqual(config["StopSignal"], "SIGTERM")
        for label in ("title", "description", "licenses", "version", "revision", "base.name"):
            self.assertTrue(config["Labels"][f"org.opencontainers.image.{label}"], label)
        root = self.mounted()
        packages = self.installed(root)
        # The CUDA engine holds one library of a wheel.
        cuda = {"nvidia-cuda-runtime"} if "rollout-cuda" in packages else set()
        self.assertEqual(packages | cuda, self.billed(root))
        self.assertEqual(bool(cuda), os.environ.get("CUDA") != "OFF")
        for tool in TOOLS:
            self.assertFalse((root / "usr/bin" / tool).exists(), tool)
        self.assertLessEqual(self.added, 100e6)

    def test_plain_text_is_refused_with_the_remedy(self) -> None:
        server = self.run_server()
        output = server.communicate(timeout=120)[0]
        self.assertNotEqual(server.returncode, 0)
        self.assertIn("--listen=0.0.0.0", output)
        self.assertIn("--insecure", output)

    def test_started_asked_published_to_and_stopped(self) -> None:
        shutil.copytree(ROOT / "models/pretrained/hopper-so", self.models / "hopper-so")
        server = self.run_server(ROLLOUTD_INSECURE="true")
        self.wait_until_ready(server)
        status = Path(f"/proc/{self.server_process()}/status").read_text()
        self.assertIn("Uid:\t10001", status)
        done = self.ask("rollout", "hopper-so", "--state", STATE, "--horizon", "10")
        self.assertEqual(done.returncode, 0, done.stderr)
        shutil.copytree(ROOT / "models/pretrained/swimmer-so", self.models / ".staging")
        (self.models / ".staging").rename(self.models / "swimmer-so")
        wait_until(lambda: "swimmer-so" in self.ask("models").stdout, "what was published serves", 30)
        self.assertEqual(self.ask("health", "swimmer-so").returncode, 0)
        self.stop(server)

    def test_served_from_a_root_that_nobody_can_write(self) -> None:
        shutil.copytree(ROOT / "models/pretrained/hopper-so", self.models / "hopper-so")
        server = self.start_read_only(**self.addresses(), ROLLOUTD_INSECURE="true")
        self.wait_until_ready(server)
        status = Path(f"/proc/{self.server_process()}/status").read_text()
        for words in ("Uid:\t10001", "NoNewPrivs:\t1", "CapEff:\t0000000000000000"):
            self.assertIn(words, status)
        done = self.ask("rollout", "hopper-so", "--state", STATE, "--horizon", "10")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.stop(server)


class ServerTorchImageTest(ServerTest):
    target = "server-torch"

    def test_the_torch_engine_answers(self) -> None:
        root = self.mounted()
        self.assertLess(self.installed(root) | {"torch"}, self.billed(root))
        shutil.copytree(ROOT / "models/pretrained/hopper-so", self.models / "hopper-so")
        server = self.run_server(ROLLOUTD_INSECURE="true", ROLLOUTD_ENGINE="torch")
        self.wait_until_ready(server)
        self.assertIn("torch", self.ask("models", "hopper-so").stdout)
        done = self.ask("rollout", "hopper-so", "--state", STATE, "--horizon", "10")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.stop(server)


class TrainerImageTest(ImageTest):
    target = "trainer"

    def test_a_model_is_fitted_and_published(self) -> None:
        root = self.mounted()
        self.assertLess(self.installed(root) | {"torch", "mujoco", "gymnasium"}, self.billed(root))
        for tool in TOOLS:
            self.assertFalse((root / "usr/bin" / tool).exists(), tool)
        os.chown(self.models, 10001, 10001)
        self.run_to_end(
            "run", "--model-repository", "/models", "--model", "pendulum", "--system", "inverted_pendulum_v5",
            "--policy", "random", "--episodes", "10", "--steps", "20", "--hidden-sizes", "16", "--once", volume="rw",
        )  # fmt: skip
        self.assertTrue((self.models / "pendulum/1/model.json").exists())


class ClientImageTest(ImageTest):
    target = "client"

    def test_a_server_is_asked(self) -> None:
        self.assertTrue(self.run_to_end("--version").startswith("rolloutctl "))
        port_file = self.folder / "port"
        server = subprocess.Popen(
            [BIN / "rolloutd", "--model-repository", ROOT / "models/pretrained", "--listen", "127.0.0.1:0",
             "--metrics-listen", "127.0.0.1:0", "--port-file", port_file], stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        wait_until(port_file.exists, "rolloutd has its port", 30)
        address = port_file.read_text().strip()
        self.assertIn("hopper-so", self.run_to_end("--server", address, "models"))


class TestImageTest(ImageTest):
    target = "test"

    def test_the_tests_are_built_and_one_passes(self) -> None:
        found = self.run_to_end("ctest", "--test-dir", "build/release", "-N")
        self.assertGreater(int(found.rsplit("Total Tests: ", 1)[1].split()[0]), 70)
        self.run_to_end("ctest", "--test-dir", "build/release", "-R", "sha256|integrator", "--no-tests=error")


del ServerTest, ImageTest
