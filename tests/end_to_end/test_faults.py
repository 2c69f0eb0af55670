"""What an operator meets on a bad day: occupied ports, folders that are not there, servers that go."""

from __future__ import annotations

import subprocess
import tempfile
import unittest
from pathlib import Path

from checkpoints import TinyModel, publish_model
from load import SteadyLoad
from processes import BIN, PATIENCE_SECONDS, Rolloutd, rolloutctl, wait_until


def start_and_fail(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BIN / "rolloutd", *options], capture_output=True, text=True, timeout=PATIENCE_SECONDS)


class FaultsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.repository = self.folder / "repository"
        self.repository.mkdir()
        publish_model(self.repository, TinyModel())

    def assert_one_line(self, text: str, *words: str) -> None:
        lines = [line for line in text.splitlines() if line.startswith("rolloutd: ")]
        self.assertEqual(len(lines), 1, text)
        for word in words:
            self.assertIn(word, lines[0])

    def test_an_occupied_port_is_named_with_its_option(self) -> None:
        with Rolloutd(self.repository) as server:
            for option, address in (("listen", server.address), ("metrics-listen", server.metrics_address)):
                others = {"listen": "127.0.0.1:0", "metrics-listen": "", option: address}
                chosen = [word for name, value in others.items() for word in (f"--{name}", value)]
                failed = start_and_fail("--model-repository", str(self.repository), *chosen)
                self.assertEqual(failed.returncode, 1)
                self.assert_one_line(failed.stderr, f"--{option}", address, "in use")

    def test_a_repository_that_is_not_there_is_named(self) -> None:
        for path in (self.folder / "nowhere", self.repository / "tiny" / "1" / "model.json"):
            failed = start_and_fail("--model-repository", str(path), "--listen=127.0.0.1:0", "--metrics-listen", "")
            self.assertEqual(failed.returncode, 1)
            self.assert_one_line(failed.stderr, "--model-repository", str(path))

    def test_wrong_options_are_named(self) -> None:
        repository = f"--model-repository={self.repository}"
        for options, words in (
            ((repository, "--listen=0.0.0.0:0"), ("--listen", "--insecure")),
            ((repository, "--max-lanes=many"), ("--max-lanes", "many")),
            ((repository, "--poll-interval=fast"), ("--poll-interval", "fast")),
            ((repository, "--engine=quantum"), ("--engine", "quantum", "torch")),
            ((repository, "--lanes=3"), ("lanes",)),
            ((), ("model-repository",)),
        ):
            failed = start_and_fail(*options)
            self.assertNotEqual(failed.returncode, 0, options)
            self.assert_one_line(failed.stderr, *words)

    def test_a_repository_that_vanishes_and_returns_costs_no_request(self) -> None:
        away = self.folder / "away"
        with Rolloutd(self.repository, poll="20ms") as server, SteadyLoad(server.address, "tiny", 4, 1) as load:
            wait_until(lambda: sum(load.answers.values()) > 20, "rollouts are answered")
            self.repository.rename(away)
            before = sum(load.answers.values())
            wait_until(lambda: sum(load.answers.values()) > before + 50, "rollouts go on without the repository")
            away.rename(self.repository)
            version = publish_model(self.repository, TinyModel(seed=1))
            wait_until(lambda: version in load.answers, "the next publication is seen")
            self.assertEqual(load.failures, [])

    def test_sigterm_under_load_drains_and_exits_with_0(self) -> None:
        with Rolloutd(self.repository) as server, SteadyLoad(server.address, "tiny", 4, 1) as load:
            wait_until(lambda: sum(load.answers.values()) > 20, "rollouts are answered")
            self.assertEqual(server.terminate(), 0)
            # What failed, failed because the server was going. (CANCELLED is how gRPC ends a call that reaches it in
            # the moment between its shutdown and the client's notice of that; client/retry.h treats both alike.)
            for failure in load.failures:
                self.assertRegex(failure, "UNAVAILABLE|CANCELLED")

    def test_an_empty_repository_is_ready_and_a_bad_model_does_not_change_that(self) -> None:
        empty = self.folder / "empty"
        empty.mkdir()
        with Rolloutd(empty) as server:
            wait_until(lambda: "event=no_versions" in server.log(), "the log says that there is nothing")
            self.assertEqual(server.models(), {})
            (empty / "broken" / "1").mkdir(parents=True)
            wait_until(lambda: "broken" in server.models(), "the bad model is listed")
            self.assertEqual(rolloutctl("health", "--server", server.address).returncode, 0)
            self.assertEqual(rolloutctl("health", "broken", "--server", server.address).returncode, 1)


if __name__ == "__main__":
    unittest.main()
