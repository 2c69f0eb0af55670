"""deploy/promote against two replicas and pages as Prometheus gives them, and its refusals.

That Prometheus itself gives such pages is tried by `make deploy-test`.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

from checkpoints import TinyModel, publish_model
from processes import BIN, NO_NAME, Rolloutd, ctl_json

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


class PrometheusPage:
    """Answers instant queries with what was laid down for the first word of theirs; a context manager."""

    def __init__(self, results: dict[str, list[dict[str, str]]]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = parse_qs(urlparse(self.path).query)["query"][0]
                found = next((labels for name, labels in results.items() if name in query), [])
                series = [{"metric": one, "value": [0, one.get("value", "1")]} for one in found]
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps({"status": "success", "data": {"result": series}}).encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> PrometheusPage:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ROLLOUTCTL": str(BIN / "rolloutctl")}
    return subprocess.run([DEPLOY / program, *arguments], capture_output=True, text=True, timeout=600, env=environment)


CANARY = {"rollout_model_label": [{"version": "2"}]}
BETTER: dict[str, Any] = {"rollout:canary_error_ratio": [{"horizon": "1", "value": "0.9"}]}
WORSE: dict[str, Any] = {"rollout:canary_error_ratio": [{"horizon": "16", "value": "1.25"}]}


class PromoteTest(unittest.TestCase):
    def replicas(self, count: int) -> list[str]:
        repository = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for seed in (0, 1):
            publish_model(repository, TinyModel(seed=seed))
        servers = [
            self.enterContext(Rolloutd(repository, "--labels", "stable=tiny:1,canary=tiny:2")) for _ in range(count)
        ]
        return [server.address for server in servers]

    def stable(self, address: str) -> int:
        done = ctl_json(
            "--server", address, "rollout", "tiny", "--label", "stable", "--state", "0,0,0,0", "--horizon", "1"
        )
        return int(done["version"])

    def test_every_replica_gets_the_label_and_a_missing_one_is_named(self) -> None:
        addresses = self.replicas(2)
        with PrometheusPage({**CANARY, **BETTER}) as prometheus, socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            gone = f"127.0.0.1:{nobody.getsockname()[1]}"
            partly = run("promote", "tiny", prometheus.url, f"{addresses[0]},{gone}")
            self.assertEqual(partly.returncode, 1)
            self.assertIn(f"not done on {gone} (1 of 2 replicas)", partly.stderr)
            self.assertIn("on some replicas only", partly.stderr)
            self.assertEqual([self.stable(address) for address in addresses], [2, 1])
            done = run("promote", "tiny", prometheus.url, ",".join(addresses))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("version 2 of tiny is stable now", done.stdout)
        self.assertEqual([self.stable(address) for address in addresses], [2, 2])

    def test_refusals_are_one_line_each(self) -> None:
        with socket.socket() as nobody:  # holds a port without listening there
            nobody.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
            self.check_refused(url, f"no Prometheus answers at {url}")
        for results, reason in (
            ({}, "no version has the label canary"),
            (CANARY, "not both been judged"),
            ({**CANARY, **WORSE}, "16 steps: 1.25 times the stable error"),
            ({**CANARY, **BETTER, "ALERTS": [{"alertname": "RolloutCanaryWorseThanStable"}]}, "WorseThanStable fires"),
        ):
            with PrometheusPage(results) as prometheus:
                self.check_refused(prometheus.url, reason)

    def check_refused(self, url: str, reason: str) -> None:
        refused = run("promote", "tiny", url)
        self.assertEqual((refused.returncode, refused.stdout), (1, ""))
        self.assertIn("promote: tiny stays as it is: ", refused.stderr)
        self.assertIn(reason, refused.stderr)
        self.assertEqual(refused.stderr.count("\n"), 1, refused.stderr)

    def test_a_name_stands_for_all_its_addresses(self) -> None:
        (address,) = self.replicas(1)
        named = run("each-replica", f"localhost:{address.split(':')[1]},{address}", "health")
        self.assertEqual(named.stdout.count("SERVING"), named.stdout.count("\n"), named.stderr)
        self.assertGreaterEqual(named.stdout.count("SERVING"), 2)
        unknown = run("each-replica", f"{NO_NAME}:8001", "health")
        self.assertEqual(unknown.returncode, 1)
        self.assertIn(f"the name {NO_NAME} does not resolve", unknown.stderr)


if __name__ == "__main__":
    unittest.main()
