"""deploy/stack as a user starts it, on ports and in a folder of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parents[2]
BIN = Path(os.environ.get("ROLLOUT_BIN", ROOT / "build/release/bin"))


def four_free_ports() -> int:
    """The first of four ports in a row that nobody holds."""
    for first in range(21_000 + os.getpid() % 1000 * 8, 32_000, 4):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + 4):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise AssertionError("no four free ports in a row")


def wait_until(condition: Callable[[], bool], what: str, seconds: float) -> float:
    """Polls until `condition` holds and returns after how many seconds it did."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > seconds:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.5)
    return time.monotonic() - start


class Stack:
    """The running stack; a context manager."""

    def __init__(self, folder: Path, trainer_options: str, every: str, **environment: str) -> None:
        self.folder = folder
        port = four_free_ports()
        self.server = f"127.0.0.1:{port}"
        self.prometheus = f"http://127.0.0.1:{port + 3}"
        self._environment = {
            **os.environ,
            "ROLLOUT_BIN": str(BIN),
            "ROLLOUT_STACK": str(folder),
            "ROLLOUT_STACK_PORT": str(port),
            "ROLLOUT_STACK_EVERY": every,
            "ROLLOUT_STACK_TRAINER": trainer_options,
            **environment,
        }

    def __enter__(self) -> Stack:
        self._log = (self.folder / "stack.log").open("w+")
        self.process = subprocess.Popen(
            [ROOT / "deploy/stack"], env=self._environment, stdout=self._log, stderr=self._log
        )
        try:
            # deploy/stack ends by itself when a program does not come up.
            wait_until(self._announced, "deploy/stack prints its addresses", 660)
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def _announced(self) -> bool:
        text = (self.folder / "stack.log").read_text()
        if self.process.poll() is not None:
            raise AssertionError(f"deploy/stack has ended:\n{text}")
        return "Ctrl-C" in text

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ended = self.process.poll() is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self._log.close()
        if error is not None or ended:
            for log in self.folder.glob("*.log"):
                print(f"---- {log.name} ----\n{log.read_text()[-3000:]}", file=sys.stderr)

    def api(self, path: str, **parameters: str) -> Any:  # noqa: ANN401  (whatever JSON Prometheus answers)
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.prometheus}/api/v1/{path}?{query}", timeout=30) as answer:
            return json.load(answer)["data"]

    def series(self, expr: str, seconds: float = 0) -> list[dict[str, Any]]:
        """The series of an expression now, or over the last `seconds`."""
        if not seconds:
            return self.api("query", query=expr)["result"]
        now = time.time()
        return self.api("query_range", query=expr, start=str(now - seconds), end=str(now), step="5")["result"]

    def firing(self) -> dict[str, list[dict[str, str]]]:
        """Labels of the alerts that fire, by name."""
        found: dict[str, list[dict[str, str]]] = {}
        for alert in self.api("alerts")["alerts"]:
            if alert["state"] == "firing":
                found.setdefault(alert["labels"]["alertname"], []).append(alert["labels"])
        return found


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files as Prometheus wants them, and logs nothing."""

    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".prom": "text/plain; version=0.0.4"}  # noqa: RUF012

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


@contextlib.contextmanager
def metrics_page(file: Path) -> Any:  # noqa: ANN401  (a generator's type is its own riddle)
    """Serves one exposition page; yields its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(file.parent)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
