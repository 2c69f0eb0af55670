"""Prometheus' own tool reads the configuration, the rules and their tests, and what a server and a trainer expose."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from stack import ROOT

PROMETHEUS = ROOT / "deploy/prometheus"


class RulesTest(unittest.TestCase):
    def promtool(self, *arguments: str | Path) -> None:
        done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_configuration(self) -> None:
        self.promtool("check", "config", PROMETHEUS / "prometheus.yml")

    def test_rules(self) -> None:
        self.promtool("check", "rules", *sorted((PROMETHEUS / "rules").glob("*.yml")))

    def test_alerts_fire_and_stay_silent(self) -> None:
        self.promtool("test", "rules", *sorted((PROMETHEUS / "rule_tests").glob("*.yml")))

    def test_a_rule_that_never_fires_fails_its_test(self) -> None:
        """The tests can fail: with every threshold out of reach they do."""
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "prometheus"
            shutil.copytree(PROMETHEUS, copy)
            alerts = copy / "rules/alerts.yml"
            alerts.write_text(
                alerts.read_text().replace("rollout:canary_error_ratio > 1.1", "rollout:canary_error_ratio > 1e9")
            )
            tests = sorted((copy / "rule_tests").glob("*.yml"))
            done = subprocess.run(["promtool", "test", "rules", *tests], capture_output=True, text=True)
            self.assertNotEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main()
