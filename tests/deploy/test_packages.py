"""The Debian packages on a bare Debian 12: installed by apt, served from, asked, trained with, and purged."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from bare_root import ROOT, BareRoot
from stack import BIN, four_free_ports

PACKAGES = Path(os.environ.get("ROLLOUT_PACKAGES", ROOT / "build/release/packages")).resolve()


class PackagesTest(unittest.TestCase):
    made: tempfile.TemporaryDirectory[str]
    root: BareRoot

    @classmethod
    def setUpClass(cls) -> None:
        cls.made = tempfile.TemporaryDirectory(prefix="rollout-packages-")
        cls.addClassCleanup(cls.made.cleanup)
        # Not the ports of the packaged configuration: another server may hold them.
        port = four_free_ports()
        cls.root = BareRoot(
            Path(cls.made.name),
            ROLLOUTD_LISTEN=f"127.0.0.1:{port}",
            ROLLOUTD_METRICS_LISTEN=f"127.0.0.1:{port + 1}",
            ROLLOUTCTL_SERVER=f"127.0.0.1:{port}",
        )

    def succeed(self, *arguments: str | Path, user: str | None = None) -> str:
        done = self.root.run(*arguments, user=user)
        self.assertEqual(done.returncode, 0, f"{arguments}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def install(self, *names: str) -> None:
        for name in names:
            shutil.copy(next(PACKAGES.glob(f"rollout-{name}_*.deb")), self.root.path / "root")
        self.succeed("apt-get", "update", "-qq")
        files = [f"/root/{path.name}" for path in (self.root.path / "root").glob("*.deb")]
        self.succeed("apt-get", "install", "-y", "-qq", "--no-install-recommends", *files)

    def end(self, server: subprocess.Popen[str]) -> None:
        server.kill()
        server.communicate()

    def wait_until_ready(self, server: subprocess.Popen[str]) -> None:
        for _ in range(100):
            if self.root.run("rolloutctl", "health", "--timeout", "1s").returncode == 0:
                return
            if server.poll() is not None:
                break
            time.sleep(0.1)
        server.kill()
        self.fail(f"rolloutd is not ready:\n{server.communicate()[0]}")

    def test_installed_served_trained_and_purged(self) -> None:
        self.install("client", "server", "models")
        version = self.succeed("rolloutd", "--version").split()[1]
        self.assertEqual(self.succeed("rolloutctl", "--version").split()[1], version)
        packaged = self.succeed("dpkg-query", "-W", "-f=${Version}", "rollout-server")
        self.assertEqual(packaged, version.replace("-dev", "~dev"))

        # The user and the folder are there, and the service's own command serves what is copied in.
        self.assertIn("nologin", self.succeed("getent", "passwd", "rollout"))
        self.succeed("cp", "-r", "/usr/share/rollout/models/hopper-so", "/var/lib/rollout/models/")
        unit = (self.root.path / "lib/systemd/system/rolloutd.service").read_text()
        command = next(line for line in unit.splitlines() if line.startswith("ExecStart=")).split("=", 1)[1]
        server = self.root.start(*command.split(), user="rollout:rollout")
        self.addCleanup(self.end, server)
        self.wait_until_ready(server)
        self.assertIn("hopper-so", self.succeed("rolloutctl", "models"))
        state = ",".join(["0", "1.25", *["0"] * 10])
        self.succeed("rolloutctl", "rollout", "hopper-so", "--state", state, "--horizon", "10")
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(30), 0)

        # A start that cannot succeed says why, in one line.
        (self.root.path / "etc/rollout/rolloutd.textproto").write_text('model_repository: "/nowhere"\n')
        failed = self.root.run(*command.split(), user="rollout:rollout")
        self.assertEqual(failed.returncode, 1)
        self.assertEqual(len(failed.stderr.splitlines()), 1, failed.stderr)
        self.assertIn("--model-repository=/nowhere", failed.stderr)

        self.install("torch", "trainer")
        self.succeed("rollout-trainer", "--version")
        self.succeed(
            "rollout-trainer", "run", "--model-repository", "/var/lib/rollout/models", "--model", "pendulum",
            "--system", "inverted_pendulum_v5", "--policy", "random", "--episodes", "10", "--steps", "20",
            "--hidden-sizes", "16", "--once",
        )  # fmt: skip
        self.assertTrue((self.root.path / "var/lib/rollout/models/pendulum/1/model.json").exists())
        torch = self.root.start(
            "rolloutd", "--model-repository", "/usr/share/rollout/models", "--engine", "torch", user="rollout:rollout"
        )
        self.addCleanup(self.end, torch)
        self.wait_until_ready(torch)
        self.assertIn("torch", self.succeed("rolloutctl", "models", "hopper-so"))
        torch.send_signal(signal.SIGTERM)
        self.assertEqual(torch.wait(30), 0)

        # Purging takes the program, the configuration and the user; published models stay.
        self.succeed("apt-get", "purge", "-y", "-qq", "rollout-server")
        self.assertFalse((self.root.path / "etc/rollout/rolloutd.textproto").exists())
        self.assertTrue((self.root.path / "var/lib/rollout/models/hopper-so").exists())
        self.assertNotEqual(self.root.run("getent", "passwd", "rollout").returncode, 0)


class InstallTest(unittest.TestCase):
    def test_an_installed_tree_runs_where_it_was_put(self) -> None:
        """Without a package; the trainer finds LibTorch and MuJoCo beside itself."""
        with tempfile.TemporaryDirectory(prefix="rollout-install-") as folder:
            install = ["cmake", "--install", BIN.parent, "--prefix", f"{folder}/first"]
            done = subprocess.run(install, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            moved = Path(folder, "first").rename(Path(folder, "second"))
            for program in ("rolloutd", "rolloutctl", "rollout-trainer"):
                done = subprocess.run([moved / "bin" / program, "--version"], capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertTrue(done.stdout.startswith(f"{program} "), done.stdout)
            self.assertTrue((moved / "lib/rollout/engines/librollout_engine_torch.so").exists())


class UnitFileTest(unittest.TestCase):
    def test_systemd_reads_the_unit(self) -> None:
        """As it stands, but for the program, which need not be installed here."""
        with tempfile.TemporaryDirectory() as folder:
            unit = Path(folder) / "rolloutd.service"
            text = (ROOT / "deploy/systemd/rolloutd.service").read_text()
            unit.write_text(text.replace("/usr/bin/rolloutd", "/bin/true").replace("User=rollout", "User=daemon")
                            .replace("Group=rollout", "Group=daemon"))  # fmt: skip
            done = subprocess.run(
                ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
            )
            complaints = [line for line in done.stderr.splitlines() if "rolloutd.service" in line]
            self.assertEqual(complaints, [])
            exposure = subprocess.run(
                ["systemd-analyze", "security", "--offline=true", "--threshold=35", unit],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            self.assertEqual(exposure.returncode, 0, exposure.stdout[-2000:] + exposure.stderr)


if __name__ == "__main__":
    unittest.main()
