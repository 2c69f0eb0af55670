"""The server's image: built by buildah from a base made here, started without a privilege, asked, published to, stopped.

With ROLLOUT_IMAGE=built the image that the last run built is taken as it is.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from bare_root import CACHE, ROOT, bookworm
from stack import BIN, four_free_ports, wait_until

STORE = CACHE / "store"
BASE = "localhost/rollout-base"
STATE = ",".join(["0", "1.25", *["0"] * 10])


def buildah(*arguments: str | Path) -> str:
    store = ["--root", STORE / "images", "--runroot", STORE / "run", "--storage-driver", "vfs"]
    done = subprocess.run(["buildah", *map(str, [*store, *arguments])], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"buildah {arguments}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


def make_base() -> None:
    """What debian:bookworm-slim is, from Debian itself, so that nobody else is asked."""
    if BASE in buildah("images", "--format", "{{.Name}}:{{.Tag}}"):
        return
    container = buildah("from", "scratch")
    buildah("add", "-q", container, bookworm(), "/")
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    buildah("config", "--cmd", "bash", "--env", f"PATH={path}", container)
    buildah("commit", "-q", "--rm", container, BASE)


class ServerImageTest(unittest.TestCase):
    container: str

    @classmethod
    def setUpClass(cls) -> None:
        if os.environ.get("ROLLOUT_IMAGE") != "built":
            cls.build()
        cls.container = buildah("from", "--pull-never", "rollout-server")
        cls.addClassCleanup(lambda: buildah("rm", cls.container))

    @classmethod
    def build(cls) -> None:
        make_base()
        environment = {**os.environ, "ENGINE": "buildah", "STORE": str(STORE), "PULL": "never", "BASE": BASE}
        with tempfile.TemporaryFile("w+") as log:
            done = subprocess.run([ROOT / "deploy/image/build", "server"], env=environment, stdout=log, stderr=log)
            log.seek(0)
            if done.returncode != 0:
                raise AssertionError(log.read()[-5000:])

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="rollout-image-")))
        self.folder.chmod(0o755)
        self.models = self.folder / "models"
        self.models.mkdir()
        self.port = four_free_ports()

    def run_server(self, **environment: str) -> subprocess.Popen[str]:
        """The image's own command, as its own user, in its own root; the network is this machine's."""
        config = json.loads(buildah("inspect", "--type", "container", self.container))["Docker"]["config"]
        command = [*(config["Entrypoint"] or []), *(config["Cmd"] or [])]
        environment = {
            "ROLLOUTD_LISTEN": f"0.0.0.0:{self.port}",
            "ROLLOUTD_METRICS_LISTEN": f"0.0.0.0:{self.port + 1}",
            "ROLLOUTD_HEALTH_LISTEN": f"0.0.0.0:{self.port + 2}",
            "ROLLOUTCTL_SERVER": f"127.0.0.1:{self.port + 2}",
            **environment,
        }
        variables = [word for pair in environment.items() for word in ("--env", "=".join(pair))]
        store = ["--root", STORE / "images", "--runroot", STORE / "run", "--storage-driver", "vfs"]
        return subprocess.Popen(
            ["buildah", *map(str, store), "run", "--isolation", "chroot", *variables,
             "--volume", f"{self.models}:/models:ro", self.container, "--", *command],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

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

    def test_what_the_image_says_of_itself(self) -> None:
        config = json.loads(buildah("inspect", "--type", "image", "rollout-server"))["Docker"]["config"]
        self.assertEqual(config["User"], "10001:10001")
        self.assertEqual(config["Healthcheck"]["Test"][:3], ["CMD", "/usr/bin/rolloutctl", "health"])
        self.assertEqual(config["StopSignal"], "SIGTERM")
        self.assertIn("org.opencontainers.image.version", config["Labels"])
        mounted = Path(buildah("mount", self.container))
        self.addCleanup(lambda: buildah("umount", self.container))
        bill = (mounted / "usr/share/rollout.spdx").read_text()
        self.assertTrue(bill.startswith("SPDXVersion: SPDX-2.3"))
        packages = set(subprocess.run(
            ["dpkg-query", f"--admindir={mounted}/var/lib/dpkg", "-W", "-f=${Package}\n"],
            capture_output=True, text=True, check=True,
        ).stdout.split())  # fmt: skip
        listed = {line.split(": ")[1] for line in bill.splitlines() if line.startswith("PackageName: ")}
        self.assertEqual(packages, listed)
        for tool in ("g++", "gcc", "cmake", "python3", "curl", "wget", "make", "git"):
            self.assertFalse((mounted / "usr/bin" / tool).exists(), tool)
        added = int(self.image_bytes("rollout-server") - self.image_bytes(BASE))
        print(f"server adds {added / 1e6:.0f} MB to its base", flush=True)
        self.assertLessEqual(added, 100e6)

    def image_bytes(self, image: str) -> float:
        number, unit = buildah("images", "--format", "{{.Size}}", image).split()
        return float(number) * {"kB": 1e3, "MB": 1e6, "GB": 1e9}[unit]

    def test_plain_text_is_refused_with_the_remedy(self) -> None:
        server = self.run_server()
        output = server.communicate(timeout=60)[0]
        self.assertNotEqual(server.returncode, 0)
        self.assertIn("--listen=0.0.0.0", output)
        self.assertIn("--insecure", output)

    def test_started_asked_published_to_and_stopped(self) -> None:
        shutil.copytree(ROOT / "models/pretrained/hopper-so", self.models / "hopper-so")
        server = self.run_server(ROLLOUTD_INSECURE="true")
        self.addCleanup(server.communicate)
        self.addCleanup(server.kill)
        wait_until(lambda: self.ask("health", "--timeout", "1s").returncode == 0, "the container is ready", 60)
        pid = self.server_process()
        status = Path(f"/proc/{pid}/status").read_text()
        self.assertIn("Uid:\t10001", status)
        done = self.ask("rollout", "hopper-so", "--state", STATE, "--horizon", "10")
        self.assertEqual(done.returncode, 0, done.stderr)
        shutil.copytree(ROOT / "models/pretrained/swimmer-so", self.models / ".staging")
        (self.models / ".staging").rename(self.models / "swimmer-so")
        wait_until(lambda: "swimmer-so" in self.ask("models").stdout, "what was published serves", 30)
        self.assertEqual(self.ask("health", "swimmer-so").returncode, 0)
        os.kill(pid, signal.SIGTERM)
        start = time.monotonic()
        self.assertEqual(server.wait(60), 0)
        self.assertLess(time.monotonic() - start, 30)


if __name__ == "__main__":
    unittest.main()
