"""The project's real processes, started on folders and ports of their own."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

# Where ctest found the build; by hand the release preset's.
BIN = Path(os.environ.get("ROLLOUT_BIN", Path(__file__).parents[2] / "build" / "release" / "bin"))
PATIENCE_SECONDS = 180.0  # on a machine that has other things to do
# A label of 64 letters is no name anywhere: nobody is asked, whatever resolver a machine has.
NO_NAME = "x" * 64 + ".invalid"


def free_port() -> int:
    """A port below those that the system gives to connections, so that none of them takes it in the meantime."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Polls until `condition` holds; fails naming `what` when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.02)


class Rolloutd:
    """One rolloutd on a model repository; a context manager that ends it."""

    def __init__(self, repository: Path, *options: str, poll: str = "100ms", wait: bool = True) -> None:
        self.metrics_address = f"127.0.0.1:{free_port()}"
        self._folder = tempfile.TemporaryDirectory(prefix="rolloutd-")
        self._log_path = Path(self._folder.name) / "log"
        port_file = Path(self._folder.name) / "address"
        self._log_file = self._log_path.open("wb")
        self.process = subprocess.Popen(
            [
                BIN / "rolloutd",
                "--model-repository",
                repository,
                "--listen",
                "127.0.0.1:0",
                "--metrics-listen",
                self.metrics_address,
                "--poll-interval",
                poll,
                "--port-file",
                port_file,
                *options,
            ],
            stderr=self._log_file,
            stdout=self._log_file,
        )
        self.address = ""
        if wait:
            wait_until(lambda: self._answers(port_file), "rolloutd says its address and is ready")

    def _answers(self, port_file: Path) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"rolloutd exited with {self.process.returncode}:\n{self.log()}")
        if not self.address:
            if not port_file.exists() or not port_file.read_text().endswith("\n"):
                return False
            self.address = port_file.read_text().strip()
        return rolloutctl("--server", self.address, "health", "--timeout", "1s").returncode == 0

    def log(self) -> str:
        return self._log_path.read_text(errors="replace")

    def rss_bytes(self) -> int:
        return self._status_bytes("VmRSS:")

    def peak_rss_bytes(self) -> int:
        return self._status_bytes("VmHWM:")

    def _status_bytes(self, field: str) -> int:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"no {field}")

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://{self.metrics_address}/metrics", timeout=PATIENCE_SECONDS) as page:
            return page.read().decode()

    def models(self) -> dict[str, Any]:
        """Models by name, as rolloutctl prints them."""
        listed = ctl_json("--server", self.address, "models")
        return {model["name"]: model for model in listed["models"]}

    def serving(self, model: str) -> int:
        return int(self.models().get(model, {"serving_version": 0})["serving_version"])

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)

    def __enter__(self) -> Rolloutd:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._log_file.close()
        if error is not None:
            print(f"---- log of rolloutd ----\n{self.log()[-20000:]}\n---- end ----", flush=True)
        self._folder.cleanup()


def rolloutctl(*arguments: str, timeout: float = PATIENCE_SECONDS) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BIN / "rolloutctl", *arguments], capture_output=True, text=True, timeout=timeout)


def ctl_json(*arguments: str) -> Any:  # noqa: ANN401  (whatever JSON the command prints)
    done = rolloutctl("--json", *arguments)
    if done.returncode != 0:
        raise AssertionError(f"rolloutctl {' '.join(arguments)}: {done.stderr}")
    return json.loads(done.stdout)


def trainer(*arguments: str, timeout: float = 600.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BIN / "rollout-trainer", *arguments], capture_output=True, text=True, timeout=timeout)


def sample(metrics: str, name: str, **labels: str) -> float | None:
    """The value of the first series of `name` that carries all of `labels`."""
    for line in metrics.splitlines():
        if not line.startswith((name + "{", name + " ")):
            continue
        if all(f'{key}="{value}"' in line for key, value in labels.items()):
            return float(line.rsplit(" ", 1)[1])
    return None
